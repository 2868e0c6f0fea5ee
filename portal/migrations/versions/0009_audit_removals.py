"""Events of the audit record may be removed when their time is over"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision. The guards that let removals through come at the end of the upgrade."""
    op.create_table(
        "audit_removal",
        sa.Column("through_sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("through_hash", sa.String(length=64), nullable=False),
        sa.Column("removed", sa.BigInteger(), nullable=False),
        sa.Column("older_than", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.CheckConstraint("removed > 0", name=op.f("ck_audit_removal_removed_positive")),
        sa.PrimaryKeyConstraint("through_sequence", name=op.f("pk_audit_removal")),
    )


def downgrade() -> None:
    """Go back to the revision before, where events could not be removed. What was removed stays away."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER IF EXISTS audit_event_no_delete")
        op.execute(
            "CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event "
            "BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END"
        )
    else:
        op.execute(
            "CREATE OR REPLACE TRIGGER audit_event_no_change "
            "BEFORE UPDATE OR DELETE ON audit_event "
            "FOR EACH ROW EXECUTE FUNCTION audit_refuse()"
        )
        op.execute("DROP TRIGGER IF EXISTS audit_event_no_delete ON audit_event")
        op.execute("DROP FUNCTION IF EXISTS audit_refuse_delete()")
    op.drop_table("audit_removal")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION IF EXISTS audit_refuse_removal()")
