"""Who may do what at the desk and with a case, as a table; and that every state leads somewhere."""

from __future__ import annotations

import uuid

import pytest

from portal.core.actor import ANONYMOUS, SYSTEM, Actor, ActorKind
from portal.notary import case_notifications, notifications, policies
from portal.notary.case_workflow import CASE
from portal.notary.models import (
    PENDING_STATES,
    BookingState,
    CaseState,
    NotaryCase,
    NotaryTicket,
    TicketState,
)
from portal.notary.workflow import BOOKING, TICKET

OWNER, STRANGER = uuid.uuid4(), uuid.uuid4()
OFFICE, ELSEWHERE = uuid.uuid4(), uuid.uuid4()


def staff(role: str, office: uuid.UUID | None) -> Actor:
    return Actor(ActorKind.STAFF, uuid.uuid4(), grants=frozenset({(role, office)}))


ACTORS = {
    "anonymous": ANONYMOUS,
    "system": SYSTEM,
    "owner": Actor(ActorKind.RESIDENT, OWNER),
    "stranger": Actor(ActorKind.RESIDENT, STRANGER),
    "clerk": staff("notary_clerk", OFFICE),
    "clerk of all": staff("notary_clerk", None),
    "clerk elsewhere": staff("notary_clerk", ELSEWHERE),
    "supervisor": staff("supervisor", None),
    "supervisor elsewhere": staff("supervisor", ELSEWHERE),
    "lawyer": staff("lawyer", OFFICE),
}
SERVING = {"clerk", "clerk of all"}
TABLE = {
    policies.can_serve: SERVING,
    policies.serves_or_system: {*SERVING, "system"},
    policies.speaks_or_serves: {*SERVING, "owner"},
    policies.can_reassign: {*SERVING, "supervisor"},
    policies.can_read_case: {*SERVING, "supervisor", "owner"},
    policies.can_speak_for: {"owner"},
}


@pytest.mark.parametrize("policy", TABLE, ids=lambda policy: policy.__name__)
def test_the_table_of_who_may_do_what(policy) -> None:
    case = NotaryCase(account_id=OWNER, office_id=OFFICE)
    assert {name for name, actor in ACTORS.items() if policy(actor, case)} == TABLE[policy]


def test_a_case_without_an_account_is_only_the_offices() -> None:
    case = NotaryCase(account_id=None, office_id=OFFICE)
    able = {name for name, actor in ACTORS.items() if policies.speaks_or_serves(actor, case)}
    assert able == SERVING


def test_a_number_is_the_clerks_and_the_portal_only_ends_it() -> None:
    ticket = NotaryTicket(office_id=OFFICE, state=TicketState.WAITING)
    able = {name for name, actor in ACTORS.items() if TICKET.allowed(ticket, actor)}
    assert able == {*SERVING, "system"}
    assert {row.action for row in TICKET.allowed(ticket, SYSTEM)} == {"leave", "settle"}


@pytest.mark.parametrize(
    ("name", "offices"),
    [
        ("clerk", {OFFICE}),
        ("clerk of all", None),
        ("clerk elsewhere", {ELSEWHERE}),
        ("supervisor", set()),
        ("owner", set()),
    ],
)
def test_a_role_is_held_in_offices_or_in_all(name: str, offices) -> None:
    found = policies.offices_of(ACTORS[name], policies.CLERK)
    assert found == (None if offices is None else frozenset(offices))


@pytest.mark.parametrize(
    ("workflow", "begins", "ends"),
    [
        (
            CASE,
            {CaseState.ACCEPTED},
            {CaseState.REFUSED, CaseState.TERMINATED, CaseState.REVOKED, CaseState.VOIDED},
        ),
        (TICKET, {TicketState.WAITING}, {TicketState.VOID}),
        (
            BOOKING,
            PENDING_STATES,
            {
                BookingState.CANCELLED,
                BookingState.EXPIRED,
                BookingState.RELEASED,
            },
        ),
    ],
    ids=["case", "number", "appointment"],
)
def test_every_state_can_be_reached_and_left_or_is_an_end(workflow, begins, ends) -> None:
    states = set(workflow.states)
    reached = {row.target for row in workflow.table} | set(begins)
    left = {each for row in workflow.table for each in row.sources if each is not row.target}
    assert reached == states
    assert states - left == ends


def test_every_state_of_a_case_tells_the_next_step() -> None:
    assert set(case_notifications.NEXT_STEP_BY_STATE) == set(CaseState)
    assert set(case_notifications.STAFF_NEXT_STEP_BY_STATE) == set(CaseState)


def test_every_state_of_an_appointment_tells_the_next_step() -> None:
    assert set(notifications.NEXT_STEP_BY_STATE) == set(BookingState)


def test_every_step_names_its_rule() -> None:
    assert all(row.rule for row in (*CASE.table, *TICKET.table, *BOOKING.table))
