"""Since when the hiscores say that a player is not there."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; nobody is missing yet."""
    op.add_column("players", sa.Column("missing_since", sa.BigInteger))
