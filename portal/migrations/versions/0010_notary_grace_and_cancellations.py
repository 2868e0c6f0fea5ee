"""How long a notary office waits before an appointment counts as missed, and why it has cancelled one"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.add_column(
        "notary_office",
        sa.Column("no_show_grace_minutes", sa.Integer(), server_default="15", nullable=False),
    )
    op.add_column(
        "notary_booking", sa.Column("cancellation_reason", sa.LargeBinary(), nullable=True)
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_column("notary_booking", "cancellation_reason")
    op.drop_column("notary_office", "no_show_grace_minutes")
