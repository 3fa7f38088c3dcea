"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """Spells out what it makes; never imports the tables of today. Add the revision to storage.schema.REVISIONS."""
    ${upgrades if upgrades else "raise NotImplementedError"}
