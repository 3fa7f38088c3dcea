"""Records, achievements, events, groups. What the history so far comes to is reckoned later, by the workers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SMALL_ID = sa.SmallInteger().with_variant(sa.Integer, "sqlite")
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _player(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=f"fk_{table}_player_id", ondelete="CASCADE")


def _metric(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["metric_id"], ["metrics.id"], name=f"fk_{table}_metric_id")


def upgrade() -> None:
    """Makes the tables."""
    op.add_column("players", sa.Column("reckoned_by", sa.Integer))
    op.create_index("ix_players_reckoned_by", "players", ["reckoned_by"])
    op.create_index(
        "ix_snapshots_falls",
        "snapshots",
        ["player_id", "has_fall", "taken_at"],
        sqlite_where=sa.text("has_fall = 1"),
        postgresql_where=sa.text("has_fall"),
    )
    op.create_table(
        "records",
        sa.Column("player_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("metric_id", _SMALL_ID, autoincrement=False, nullable=False),
        sa.Column("period", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("gained", sa.BigInteger, nullable=False),
        sa.Column("start_at", sa.BigInteger, nullable=False),
        sa.Column("end_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("player_id", "metric_id", "period", name="pk_records"),
        _player("records"),
        _metric("records"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_records_metric_id_period", "records", ["metric_id", "period"])
    op.create_table(
        "achievements",
        sa.Column("player_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("metric_id", _SMALL_ID, autoincrement=False, nullable=False),
        sa.Column("measure", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("threshold", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("reached_at", sa.BigInteger),
        sa.Column("after_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("player_id", "metric_id", "measure", "threshold", name="pk_achievements"),
        _player("achievements"),
        _metric("achievements"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("player_id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("after_at", sa.BigInteger),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("metric_id", _SMALL_ID),
        sa.Column("value", sa.BigInteger),
        sa.Column("before", sa.BigInteger),
        sa.Column("detail", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        _player("events"),
        _metric("events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index("ix_events_player_id_at", "events", ["player_id", "at"])
    op.create_index("ix_events_kind_at", "events", ["kind", "at"])
    op.create_table(
        "groups",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
        sa.UniqueConstraint("key", name="uq_groups_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("player_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("joined_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("group_id", "player_id", name="pk_group_members"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_group_members_group_id", ondelete="CASCADE"),
        _player("group_members"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_group_members_player_id", "group_members", ["player_id"])
