"""What cases and missed appointments give to a person's export, and what stays when the account is closed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from portal.accounts.events import ResidentDeletionRequested, ResidentExportRequested
from portal.core.db import db
from portal.core.events import subscribe
from portal.notary import deadlines
from portal.notary.models import (
    CASE_KIND,
    NotaryBooking,
    NotaryCase,
    NotaryNoShow,
    NotaryReview,
    ReviewBy,
)
from portal.notary.operations import persons
from portal.supervision import operations as supervision


def _of(resident_id: object) -> Select[NotaryCase]:
    return select(NotaryCase).where(NotaryCase.account_id == resident_id).order_by(NotaryCase.id)


def _exported(review: NotaryReview) -> dict[str, Any]:
    return {
        "asked_on": review.asked_on.isoformat(),
        "by": review.by.label,
        # What somebody else has written is theirs.
        "request": review.request if review.by is ReviewBy.PARTY else None,
        "outcome": review.outcome.label if review.outcome else None,
        "decided_on": review.decided_on.isoformat() if review.decided_on else None,
        "note": review.note,
    }


@subscribe(ResidentExportRequested)
def add_to_export(event: ResidentExportRequested) -> None:
    """Add the cases of the resident's appointments, and what was written down about missed ones (个人信息保护法 45)."""
    event.collect(
        "notary_cases",
        [
            {
                "reference": case.reference,
                "state": case.state.label,
                "matter": case.matter.name,
                "parties": [persons.masked(party) for party in case.parties],
                "agent": persons.masked(case.agent),
                "accepted_on": case.accepted_on.isoformat(),
                "certificate_number": case.certificate_number,
                "closing_form": case.closing_form,
                "closing_note": case.closing_note,
                "pauses": [f"{row.ground.label}：{row.note}" for row in case.pauses],
                "reviews": [_exported(review) for review in case.reviews],
            }
            for case in db.session.scalars(
                _of(event.resident_id).options(
                    selectinload(NotaryCase.matter),
                    selectinload(NotaryCase.pauses),
                    selectinload(NotaryCase.reviews),
                )
            )
        ],
    )
    rows = db.session.execute(
        select(NotaryNoShow, NotaryBooking.reference)
        .join(NotaryBooking, NotaryBooking.id == NotaryNoShow.booking_id)
        .where(NotaryBooking.account_id == event.resident_id)
        .order_by(NotaryNoShow.id)
    )
    event.collect(
        "notary_no_shows",
        [
            {
                "reference": row.reference,
                "counts_until": row.NotaryNoShow.expires_on.isoformat(),
                "appeal": row.NotaryNoShow.appeal.label,
                "appeal_text": row.NotaryNoShow.appeal_text,
                "decision_note": row.NotaryNoShow.decision_note,
            }
            for row in rows
        ],
    )


def take_off(event: ResidentDeletionRequested) -> None:
    """Take the account off the cases. The register stays, and what is under way goes on at the office's desk."""
    found = list(
        db.session.scalars(
            _of(event.resident_id)
            .with_for_update(of=NotaryCase)
            .execution_options(populate_existing=True)
        )
    )
    for case in found:
        case.account_id = None
        # The person is no longer reminded; that they may ask for a review at the desk does not end with it. That papers are
        # awaited (NO-D7) is watched for the office, as of everybody without an account.
        supervision.cancel(CASE_KIND, case.id, deadlines.ASK_REVIEW, reason="账号注销")
    if found:
        event.keep("已受理的公证的登记簿", "公证登记簿永久保存（公证程序规则第五十七条）")
