"""Who is behind a name: game modes and how they changed, names, and what somebody has to review."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ON_PLAYERS = (
    ("mode_since", sa.BigInteger),
    ("mode_checked_at", sa.BigInteger),
    ("mode_pending", sa.Text),
    ("mode_pending_at", sa.BigInteger),
    ("flagged_at", sa.BigInteger),
    ("fell_at", sa.BigInteger),
)
_FELL = "UPDATE players SET fell_at = (SELECT max(taken_at) FROM snapshots WHERE player_id = players.id AND has_fall)"


def _player(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=f"fk_{table}_player_id", ondelete="CASCADE")


def upgrade() -> None:
    """Makes the columns and tables; players know their last fall from the start."""
    for name, kind in _ON_PLAYERS:
        op.add_column("players", sa.Column(name, kind))
    op.execute(_FELL)
    flagged = sa.text("flagged_at IS NOT NULL")
    op.create_index("ix_players_flagged_at", "players", ["flagged_at"], sqlite_where=flagged, postgresql_where=flagged)
    op.add_column("snapshots", sa.Column("is_partial", sa.Boolean))
    op.create_table(
        "mode_changes",
        sa.Column("player_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("after_at", sa.BigInteger),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("player_id", "at", name="pk_mode_changes"),
        _player("mode_changes"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "name_changes",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("player_id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("before_display", sa.Text),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("joined_at", sa.BigInteger),
        sa.Column("merged", sa.Text),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("undone_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_name_changes"),
        _player("name_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_name_changes_player_id_id", "name_changes", ["player_id", "id"])
    op.create_index("ix_name_changes_before", "name_changes", ["before"])
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("player_id", sa.Integer, nullable=False),
        sa.Column("flagged_at", sa.BigInteger, nullable=False),
        sa.Column("after_at", sa.BigInteger),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("resolved_at", sa.BigInteger),
        sa.Column("resolution", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        _player("reviews"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reviews_player_id_id", "reviews", ["player_id", "id"])
    op.create_index("ix_reviews_resolved_at_id", "reviews", ["resolved_at", "id"])
