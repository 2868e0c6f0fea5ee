"""Notarial matters that only a person can have done"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.add_column(
        "notary_matter",
        sa.Column("persons_only", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_column("notary_matter", "persons_only")
