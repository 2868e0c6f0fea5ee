"""Reviews of a notarial certificate as a history of their own"""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# The district's wall clock, in which days are written.
_OFFSET = timedelta(hours=8)
# State of the case -> how its last review was decided.
_OUTCOMES = {
    "maintained": "maintain",
    "correcting": "correct",
    "corrected": "correct",
    "revoking": "revoke",
    "revoked": "revoke",
}
_OPEN = ("review", "correcting", "revoking")
_MOVED = {
    "review_by": sa.String(length=40),
    "review_asked_on": sa.Date(),
    "review_request": sa.LargeBinary(),
    "reviewer_id": sa.Uuid(),
    "reviewed_on": sa.Date(),
    "review_note": sa.LargeBinary(),
}

_CASES = sa.table(
    "notary_case",
    sa.column("id", sa.Uuid()),
    sa.column("state", sa.String()),
    sa.column("review_by", sa.String()),
    sa.column("review_asked_on", sa.Date()),
    sa.column("review_late", sa.Boolean()),
    sa.column("review_request", sa.LargeBinary()),
    sa.column("reviewer_id", sa.Uuid()),
    sa.column("reviewed_on", sa.Date()),
    sa.column("review_note", sa.LargeBinary()),
)
_REVIEWS = sa.table(
    "notary_review",
    sa.column("id", sa.Uuid()),
    sa.column("case_id", sa.Uuid()),
    sa.column("by", sa.String()),
    sa.column("asked_on", sa.Date()),
    sa.column("late", sa.Boolean()),
    sa.column("request", sa.LargeBinary()),
    sa.column("outcome", sa.String()),
    sa.column("reviewer_id", sa.Uuid()),
    sa.column("decided_on", sa.Date()),
    sa.column("note", sa.LargeBinary()),
    sa.column("closed_on", sa.Date()),
)
_HISTORY = sa.table(
    "notary_history",
    sa.column("case_id", sa.Uuid()),
    sa.column("action", sa.String()),
    sa.column("at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """Go to this revision. What a case kept of its last review becomes a review; of earlier ones nothing was kept."""
    op.create_table(
        "notary_review",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("reviewer_id", sa.Uuid(), nullable=True),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(outcome IS NULL AND decided_on IS NULL AND reviewer_id IS NULL AND note IS NULL) OR "
            "(outcome IS NOT NULL AND decided_on IS NOT NULL AND reviewer_id IS NOT NULL "
            "AND note IS NOT NULL)",
            name=op.f("ck_notary_review_decided_with_reasons"),
        ),
        sa.CheckConstraint(
            "closed_on IS NULL OR (decided_on IS NOT NULL AND closed_on >= decided_on)",
            name=op.f("ck_notary_review_closed_after_decision"),
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["notary_case.id"], name=op.f("fk_notary_review_case_id")
        ),
        sa.ForeignKeyConstraint(
            ["reviewer_id"], ["staff_member.id"], name=op.f("fk_notary_review_reviewer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_review")),
    )
    op.create_index("ix_notary_review_case_id", "notary_review", ["case_id"])
    op.create_index(
        "one_open_review_per_case",
        "notary_review",
        ["case_id"],
        unique=True,
        sqlite_where=sa.text("closed_on IS NULL"),
        postgresql_where=sa.text("closed_on IS NULL"),
    )
    _split()
    with op.batch_alter_table("notary_case") as batch:
        batch.drop_constraint(op.f("fk_notary_case_reviewer_id"), type_="foreignkey")
        for name in (*_MOVED, "review_late"):
            batch.drop_column(name)


def _split() -> None:
    connection = op.get_bind()
    asked = connection.execute(sa.select(_CASES).where(_CASES.c.review_asked_on.is_not(None)))
    for case in asked.all():
        outcome = _OUTCOMES.get(case.state)
        carried_out = connection.scalar(
            sa.select(sa.func.max(_HISTORY.c.at)).where(
                _HISTORY.c.case_id == case.id, _HISTORY.c.action.in_(("correct", "revoke"))
            )
        )
        closed_on = None
        if outcome is not None and case.state not in _OPEN:
            closed_on = case.reviewed_on
            if carried_out is not None and outcome != "maintain":
                closed_on = max(closed_on, (carried_out.replace(tzinfo=None) + _OFFSET).date())
        connection.execute(
            sa.insert(_REVIEWS).values(
                # Older than any review to come, so that the order of the ids is that of time.
                id=case.id,
                case_id=case.id,
                by=case.review_by,
                asked_on=case.review_asked_on,
                late=case.review_late,
                request=case.review_request,
                outcome=outcome,
                reviewer_id=case.reviewer_id if outcome else None,
                decided_on=case.reviewed_on if outcome else None,
                note=case.review_note if outcome else None,
                closed_on=closed_on,
            )
        )


def downgrade() -> None:
    """Go back to the revision before, where a case keeps its last review and no earlier ones."""
    late = sa.Column("review_late", sa.Boolean(), nullable=False, server_default=sa.false())
    with op.batch_alter_table("notary_case") as batch:
        for name, kind in _MOVED.items():
            batch.add_column(sa.Column(name, kind, nullable=True))
        batch.add_column(late)
        batch.create_foreign_key(
            op.f("fk_notary_case_reviewer_id"), "staff_member", ["reviewer_id"], ["id"]
        )
    with op.batch_alter_table("notary_case") as batch:
        batch.alter_column("review_late", server_default=None)
    connection = op.get_bind()
    # In the order of time: the last one stays.
    for review in connection.execute(sa.select(_REVIEWS).order_by(_REVIEWS.c.id)).all():
        connection.execute(
            sa.update(_CASES)
            .where(_CASES.c.id == review.case_id)
            .values(
                review_by=review.by,
                review_asked_on=review.asked_on,
                review_late=review.late,
                review_request=review.request,
                reviewer_id=review.reviewer_id,
                reviewed_on=review.decided_on,
                review_note=review.note,
            )
        )
    op.drop_table("notary_review")
