"""Players, their history, and what the program remembers of its own work."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SMALL_ID = sa.SmallInteger().with_variant(sa.Integer, "sqlite")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes every table."""
    _instance()
    _players()
    _metrics()
    _snapshots()
    _changes()
    _current_values()
    _player_states()
    _tokens()
    _fetch_failures()
    _job_runs()


def _instance() -> None:
    op.create_table(
        "instance",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instance"),
    )


def _players() -> None:
    op.create_table(
        "players",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("username", NAME, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("game_mode", sa.Text, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("fetch_interval_minutes", sa.Integer, nullable=False),
        sa.Column("schedule_id", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_attempt_at", sa.BigInteger),
        sa.Column("last_look_at", sa.BigInteger),
        sa.Column("last_changed_at", sa.BigInteger),
        sa.Column("last_outcome", sa.Text),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_players"),
        sa.UniqueConstraint("username", name="uq_players_username"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_players_schedule_id", "players", ["schedule_id"])


def _metrics() -> None:
    op.create_table(
        "metrics",
        sa.Column("id", SMALL_ID, sa.Identity(), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("first_seen_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_metrics"),
        sa.UniqueConstraint("key", name="uq_metrics_key"),
    )


def _snapshots() -> None:
    op.create_table(
        "snapshots",
        sa.Column("player_id", sa.Integer, nullable=False),
        sa.Column("taken_at", sa.BigInteger, nullable=False),
        sa.Column("previous_look_at", sa.BigInteger),
        sa.Column("has_fall", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("player_id", "taken_at", name="pk_snapshots"),
        _of_player("snapshots"),
        sqlite_with_rowid=False,
    )


def _changes() -> None:
    op.create_table(
        "changes",
        sa.Column("player_id", sa.Integer, nullable=False),
        sa.Column("metric_id", SMALL_ID, nullable=False),
        sa.Column("taken_at", sa.BigInteger, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.Column("rank", sa.Integer),
        sa.Column("level", sa.SmallInteger),
        sa.Column("unranked", sa.SmallInteger),
        sa.PrimaryKeyConstraint("player_id", "metric_id", "taken_at", name="pk_changes"),
        _of_player("changes"),
        _of_metric("changes"),
        sqlite_with_rowid=False,
    )


def _current_values() -> None:
    op.create_table(
        "current_values",
        sa.Column("player_id", sa.Integer, nullable=False),
        sa.Column("metric_id", SMALL_ID, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("player_id", "metric_id", name="pk_current_values"),
        _of_player("current_values"),
        _of_metric("current_values"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_current_values_metric_id_value", "current_values", ["metric_id", "value"])


def _player_states() -> None:
    op.create_table(
        "player_states",
        sa.Column("player_id", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("looked_at", sa.BigInteger, nullable=False),
        sa.Column("taken_at", sa.BigInteger, nullable=False),
        sa.Column("sheet", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("player_id", name="pk_player_states"),
        _of_player("player_states"),
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("token_hash", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_tokens_token_hash"),
        sqlite_autoincrement=True,
    )


def _fetch_failures() -> None:
    op.create_table(
        "fetch_failures",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("player_id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fetch_failures"),
        _of_player("fetch_failures"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_fetch_failures_player_id_id", "fetch_failures", ["player_id", "id"])


def _job_runs() -> None:
    op.create_table(
        "job_runs",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("outcome", sa.Text),
        sa.Column("detail", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_job_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_runs_name_id", "job_runs", ["name", "id"])


def _of_player(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_player_id"
    return sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=name, ondelete="CASCADE")


def _of_metric(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["metric_id"], ["metrics.id"], name=f"fk_{table}_metric_id")
