"""Notary appointments whose person no message has reached"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_OPEN = sa.text("untold_since IS NOT NULL")
# Who had lost their time before and could not be told: booked at the desk, and no phone was left or no SMS is wished for.
_MISSED = sa.text(
    "UPDATE notary_booking SET untold_since = affected_at WHERE state = 'confirmed' AND affected_at IS NOT NULL"
    " AND booked_by_id IS NOT NULL"
    " AND (contact_phone IS NULL OR contact_safety IN ('in_app_only', 'no_contact'))"
)


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("notary_booking", sa.Column("untold_since", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_notary_booking_untold_since",
        "notary_booking",
        ["untold_since"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.execute(_MISSED)


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index("ix_notary_booking_untold_since", table_name="notary_booking")
    op.drop_column("notary_booking", "untold_since")
