"""Days on which a law changed between the texts that are held"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_COLUMNS = ("header_days", "changes_not_held")


def upgrade() -> None:
    """Go to this revision. The daily round fills in what the held amendments tell."""
    for name in _COLUMNS:
        op.add_column(
            "law_version", sa.Column(name, sa.JSON(), server_default="[]", nullable=False)
        )


def downgrade() -> None:
    """Go back to the revision before."""
    for name in _COLUMNS:
        op.drop_column("law_version", name)
