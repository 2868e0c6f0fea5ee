"""Notary appointments that a clerk has booked for somebody without an account"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    with op.batch_alter_table("notary_booking") as batch:
        batch.add_column(sa.Column("booked_by_id", sa.Uuid(), nullable=True))
        batch.create_foreign_key(
            op.f("fk_notary_booking_booked_by_id"), "staff_member", ["booked_by_id"], ["id"]
        )
        batch.create_check_constraint(
            op.f("ck_notary_booking_booked_once"), "account_id IS NULL OR booked_by_id IS NULL"
        )


def downgrade() -> None:
    """Go back to the revision before; who was booked for at the desk then counts as somebody whose account was closed."""
    with op.batch_alter_table("notary_booking") as batch:
        batch.drop_constraint(op.f("ck_notary_booking_booked_once"), type_="check")
        batch.drop_constraint(op.f("fk_notary_booking_booked_by_id"), type_="foreignkey")
        batch.drop_column("booked_by_id")
