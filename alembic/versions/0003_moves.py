"""How far each player's history from OSRS Diff has been brought over, and who has been."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "moves",
        sa.Column("player_id", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("is_new", sa.Boolean, nullable=False),
        sa.Column("is_joined", sa.Boolean, nullable=False),
        sa.Column("read_until_us", sa.BigInteger),
        sa.Column("read_until_id", sa.BigInteger),
        sa.Column("newest_record_id", sa.BigInteger),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("left_out", sa.Integer, nullable=False),
        sa.Column("looked_at", sa.BigInteger),
        sa.Column("taken_at", sa.BigInteger),
        sa.Column("sheet", sa.LargeBinary),
        sa.PrimaryKeyConstraint("player_id", name="pk_moves"),
        sa.ForeignKeyConstraint(["player_id"], ["players.id"], name="fk_moves_player_id", ondelete="CASCADE"),
    )
    op.create_table(
        "move_origins",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("old_player_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("source", "old_player_id", name="pk_move_origins"),
    )
