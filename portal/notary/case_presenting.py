"""From cases to what a schema dumps: allowed actions with their addresses, deadlines, names, masked numbers."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from portal.accounts import queries as accounts
from portal.accounts.identity import documents, names, phones
from portal.accounts.models import DocumentType
from portal.core.actor import Actor
from portal.notary import next_steps
from portal.notary.case_workflow import CASE
from portal.notary.models import CASE_KIND, CaseState, NotaryCase, NotaryReview, ReviewBy
from portal.notary.operations import pauses
from portal.notary.parties import WILL_WITHOUT_CAPACITY, without_capacity
from portal.notary.queries import contacts
from portal.notary.queries.cases import is_without_handler
from portal.supervision import queries as supervision
from portal.web.conditional import etag_of

_STAFF = "/api/v1/staff/notary/cases"
_ADDRESSES = {
    "ask_supplement": "pauses",
    "pause_review": "pauses",
    "revert_accept": "acceptance-reversal",
    "reassign": "handler",
    "issue": "certificate",
    "hand_over": "receipt",
    "correct_receipt": "receipt-correction",
    "refuse": "refusal",
    "terminate": "termination",
    "ask_review": "review",
    "maintain": "review-decision",
    "decide_correction": "review-decision",
    "decide_revocation": "review-decision",
    "correct": "correction",
    "revoke": "revocation",
}
# One address for each lasting pause.
_END_PAUSE = frozenset({"supplemented", "part_supplemented", "resume_review"})
REGISTER_COLUMNS = {
    "reference": "受理编号",
    "matter": "公证事项类别",
    "parties": "当事人",
    "agent": "代理人",
    "accepted_on": "受理日期",
    "notary": "承办人",
    "approver": "审批人",
    "closing_form": "结案方式",
    "closed_on": "办结日期",
    "certificate_number": "公证书编号",
    "reviews": "复查结果",
}


def actions(actor: Actor, case: NotaryCase, used_up: Collection[uuid.UUID]) -> list[dict[str, str]]:
    """What the caller may do now, and where; `used_up`: the cases whose review cannot pause any more."""
    found = []
    for row in CASE.allowed(case, actor):
        if row.action == "pause_review" and case.id in used_up:
            continue
        if actor.is_resident:
            urls = [f"/api/v1/notary/appointments/{case.booking_id}/case/review"]
        elif row.action in _END_PAUSE:
            urls = [f"{_STAFF}/{case.id}/pauses/{each.id}/end" for each in case.lasting]
        elif row.action == "correct_party":
            places = range(len(case.parties))
            urls = [f"{_STAFF}/{case.id}/parties/{place}/correction" for place in places]
        else:
            urls = [f"{_STAFF}/{case.id}/{_ADDRESSES[row.action]}"]
        found += [
            {"action": row.action, "label": row.label, "method": "POST", "url": url} for url in urls
        ]
    return found


def deadlines(cases: Iterable[NotaryCase]) -> dict[uuid.UUID, list[Any]]:
    """Return the running deadlines of each case."""
    return supervision.deadlines_of(CASE_KIND, [case.id for case in cases])


def _base(actor: Actor, case: NotaryCase, hints: Sequence[str]) -> dict[str, Any]:
    return {
        **{
            name: getattr(case, name)
            for name in (
                "id",
                "reference",
                "state",
                "accepted_on",
                "closing_form",
                "closed_on",
                "certificate_number",
                "issued_on",
                "received_on",
                "refusal_ground",
                "termination_ground",
                "closing_note",
                "pauses",
            )
        },
        "matter": case.matter.name,
        "hints": list(hints),
        "deadlines": deadlines([case])[case.id],
        "allowed_actions": actions(actor, case, pauses.used_up([case])),
        "timeline": case.history,
    }


def for_resident(actor: Actor, case: NotaryCase) -> dict[str, Any]:
    """The case as its party sees it."""
    hints = []
    if case.open_review is not None and case.open_review.late:
        hints.append("申请复查已经超过期限，是否办理由公证机构决定。")
    return {
        **_base(actor, case, hints),
        "next_step": next_steps.of_case(case),
        # What somebody else has written, and who decided, is the office's.
        "reviews": [_review(each, {}, shown=each.by is ReviewBy.PARTY) for each in case.reviews],
    }


def _review(review: NotaryReview, people: dict[uuid.UUID, str], *, shown: bool) -> dict[str, Any]:
    return {
        **{
            name: getattr(review, name)
            for name in (
                "id",
                "by",
                "asked_on",
                "late",
                "outcome",
                "decided_on",
                "note",
                "closed_on",
            )
        },
        "request": review.request if shown else None,
        "reviewer": _name(people, review.reviewer_id),
        "handler": _name(people, review.handler_id),
    }


def for_staff(actor: Actor, case: NotaryCase, hints: Sequence[str] = ()) -> dict[str, Any]:
    """The whole case for the office; document numbers are masked even there."""
    at_it = {staff for each in case.reviews for staff in (each.reviewer_id, each.handler_id)}
    people = accounts.staff_names({case.notary_id, case.approver_id, *at_it})
    contact = contacts.of_case(case)
    return {
        **_base(actor, case, [*_warnings(case, contact), *hints]),
        "next_step": next_steps.of_case_for_staff(case),
        "office_id": case.office_id,
        "booking_id": case.booking_id,
        "parties": [_party(party) for party in case.parties],
        "agent": representative(case.agent),
        "contact_phone": phones.mask_phone(contact.phone),
        "contact_safety": contact.safety,
        "notary_id": case.notary_id,
        "notary": people.get(case.notary_id),
        "approver": _name(people, case.approver_id),
        "reviews": [_review(each, people, shown=True) for each in case.reviews],
    }


def representative(
    person: dict[str, Any] | None, *, whole_name: bool = True
) -> dict[str, Any] | None:
    """Return a guardian or an agent as parties are shown: the numbers masked, in lists the name too."""
    if person is None:
        return None
    return {
        "name": person["name"] if whole_name else names.mask_name(person["name"]),
        "document_type": DocumentType(person["document_type"]),
        "document_number": documents.mask_number(person["document_number"]),
        "phone": phones.mask_phone(person["phone"]),
        "relation": person.get("relation"),
    }


def _warnings(case: NotaryCase, contact: contacts.Contact) -> list[str]:
    open_will = case.state in (CaseState.ACCEPTED, CaseState.SUPPLEMENT) and without_capacity(
        case.matter, (party.get("guardian") for party in case.parties)
    )
    warnings = [WILL_WITHOUT_CAPACITY] if open_will else []
    if is_without_handler(case):
        warnings.append(next_steps.HANDLER_HAS_LEFT)
    return [*warnings, *([contact.warning] if contact.warning else [])]


def _name(people: dict[uuid.UUID, str], staff_id: uuid.UUID | None) -> str | None:
    return None if staff_id is None else people.get(staff_id)


def _party(party: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": party["kind"],
        "name": party["name"],
        "document_type": party["document_type"],
        "document_number": documents.mask_number(party["document_number"]),
        "by_agent": party["by_agent"],
        "guardian": representative(party.get("guardian")),
    }


def summaries(actor: Actor, cases: Sequence[NotaryCase]) -> list[dict[str, Any]]:
    """A page of the list, with deadlines and names fetched once for all; people are masked."""
    running, used_up = deadlines(cases), pauses.used_up(cases)
    carrying_out = {case.id: review.handler_id for case in cases if (review := case.open_review)}
    people = accounts.staff_names({case.notary_id for case in cases} | set(carrying_out.values()))
    return [
        {
            "id": case.id,
            "reference": case.reference,
            "state": case.state,
            "matter": case.matter.name,
            "parties": [names.mask_name(party["name"]) for party in case.parties],
            "accepted_on": case.accepted_on,
            "notary_id": case.notary_id,
            "notary": people.get(case.notary_id),
            "review_handler_id": carrying_out.get(case.id),
            "review_handler": _name(people, carrying_out.get(case.id)),
            "deadlines": running[case.id],
            "allowed_actions": actions(actor, case, used_up),
            "version": f'"{etag_of(case)}"',
        }
        for case in cases
    ]


def register(cases: Sequence[NotaryCase]) -> list[dict[str, Any]]:
    """Return the fields of the register (公证程序规则 57), names in full.

    And beside them what reviews came to (D): without it a certificate that is void from the start (公证法 39) would stand
    there as any other.
    """
    people = accounts.staff_names(
        {case.notary_id for case in cases} | {case.approver_id for case in cases}
    )
    return [
        {
            "reference": case.reference,
            "matter": case.matter.name,
            "parties": [party["name"] for party in case.parties],
            "agent": case.agent["name"] if case.agent else None,
            "accepted_on": case.accepted_on,
            "notary": people.get(case.notary_id),
            "approver": _name(people, case.approver_id),
            "closing_form": case.closing_form,
            "closed_on": case.closed_on,
            "certificate_number": case.certificate_number,
            # Once it is carried out: until then the certificate is as it was.
            "reviews": [
                f"{review.outcome.label}（{review.closed_on}）"
                for review in case.reviews
                if review.outcome is not None and review.closed_on is not None
            ],
        }
        for case in cases
    ]


def register_file(cases: Sequence[NotaryCase]) -> bytes:
    """Return the register as a CSV file that spreadsheet programs open with the right characters."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(REGISTER_COLUMNS.values())
    for row in register(cases):
        writer.writerow(_cell(row[name]) for name in REGISTER_COLUMNS)
    return text.getvalue().encode("utf-8-sig")


def _cell(value: Any) -> str:
    text = "、".join(value) if isinstance(value, list) else "" if value is None else str(value)
    # A name that begins like a formula would be carried out by the program that opens the file.
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text
