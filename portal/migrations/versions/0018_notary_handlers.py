"""Who carries out what a review of a notarial certificate decided, and who is recused from a case"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_CASES = sa.table(
    "notary_case",
    sa.column("id", sa.Uuid()),
    sa.column("recused", sa.JSON()),
)
_STEPS = sa.table(
    "audit_event",
    sa.column("sequence", sa.BigInteger()),
    sa.column("action", sa.String()),
    sa.column("subject_id", sa.Uuid()),
    sa.column("detail", sa.JSON()),
)


def upgrade() -> None:
    """Go to this revision. Who was taken off a case for recusal before stands in the audit record alone."""
    op.add_column(
        "notary_case", sa.Column("recused", sa.JSON(), server_default="[]", nullable=False)
    )
    op.add_column("notary_review", sa.Column("handler_id", sa.Uuid(), nullable=True))
    # Until now it was who had decided.
    op.execute(
        "UPDATE notary_review SET handler_id = reviewer_id "
        "WHERE outcome IS NOT NULL AND outcome <> 'maintain'"
    )
    with op.batch_alter_table("notary_review") as batch:
        batch.create_foreign_key(
            op.f("fk_notary_review_handler_id"), "staff_member", ["handler_id"], ["id"]
        )
        batch.create_check_constraint(
            op.f("ck_notary_review_carried_out_by_somebody"),
            "(outcome IS NOT NULL AND outcome <> 'maintain') = (handler_id IS NOT NULL)",
        )
    connection = op.get_bind()
    recused: dict[object, list[str]] = {}
    for step in connection.execute(
        sa.select(_STEPS)
        .where(_STEPS.c.action == "notary_case.reassign")
        .order_by(_STEPS.c.sequence)
    ):
        if step.detail.get("reason") == "recused":
            recused.setdefault(step.subject_id, []).append(step.detail["from"])
    for case_id, staff in recused.items():
        connection.execute(
            sa.update(_CASES).where(_CASES.c.id == case_id).values(recused=[*dict.fromkeys(staff)])
        )


def downgrade() -> None:
    """Go back to the revision before, which gives a decided review to nobody else and a case to anybody."""
    with op.batch_alter_table("notary_review") as batch:
        batch.drop_constraint(op.f("ck_notary_review_carried_out_by_somebody"), type_="check")
        batch.drop_constraint(op.f("fk_notary_review_handler_id"), type_="foreignkey")
        batch.drop_column("handler_id")
    op.drop_column("notary_case", "recused")
