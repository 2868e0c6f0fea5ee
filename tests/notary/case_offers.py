"""What staff and people are offered works when it is asked for at once, and what they are not offered is refused."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import datetime

from portal.core import clock as core_clock
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.errors import DomainError
from portal.notary import case_presenting, day_presenting, presenting
from portal.notary.case_workflow import CASE
from portal.notary.models import DeskChannel, LateReason, NotaryBooking, NotaryCase, NotaryTicket
from portal.notary.operations import (
    cases,
    changing,
    confirming,
    correcting,
    leaving,
    no_shows,
    on_request,
    tickets,
    undoing,
)
from portal.notary.operations.cases import AtDesk
from portal.notary.queries import cases as found_cases
from portal.notary.queries import day as found_day
from portal.working_days.counting import add_workdays
from tests.factories.people import id_number
from tests.notary.case_life import MISTAKEN, NOTE, Life, succeeded
from tests.notary.conftest import at, party, undone

ACTIONS = tuple(dict.fromkeys(row.action for row in CASE.table))
# Asked for at one address, and told apart by the state of the case.
ONE_ADDRESS = (
    {"ask_supplement", "pause_review"},
    {"supplemented", "part_supplemented", "resume_review"},
)
# What only the step itself finds out: the seats or the matter went to somebody else, no time is left.
ONLY_THEN = {"seats_given_on", "already_booked", "slot_taken", "not_bookable"}

REACHED_BY = correcting.Correction({}, {"contact_phone": "13900009999"})


def refusal(do: Callable[[], object]) -> DomainError | None:
    """What a step would be refused with; nothing of it stays."""
    try:
        with undone():
            do()
    except DomainError as error:
        return error
    finally:
        db.session.rollback()
    return None


def _compare(name: str, do: Callable[[], object], *, offered: bool, state: object) -> None:
    refused = refusal(do)
    if not offered:
        assert refused is not None, f"{name} works and is not offered: {state}"
        return
    assert refused is None or refused.code in ONLY_THEN, (name, state, refused)
    kept = "carried out" if refused is None else refused.code
    succeeded[f"offered: {name}: {kept}"] += 1


def hold(life: Life) -> None:
    """What is offered at a case, an appointment or a number agrees with what can be done."""
    model, of_one = life.chance.choice(
        [(NotaryCase, of_case), (NotaryBooking, of_booking), (NotaryTicket, of_ticket)]
    )
    row = life.one(model)
    if row is not None:
        of_one(life, row.id)


def of_case(life: Life, case_id: uuid.UUID) -> None:
    """A case, for the clerk and for whose it is."""
    case = found_cases.find(case_id)
    assert case is not None
    shown = case_presenting.for_staff(life.clerk, case)
    offered = {each["action"] for each in shown["allowed_actions"]}
    state, account_id = case.state, case.account_id
    if account_id is not None:
        who = Actor(ActorKind.RESIDENT, account_id)
        mine = case_presenting.for_resident(who, case)["allowed_actions"]
        assert {each["action"] for each in mine} == offered & {"ask_review"}
    for action in ACTIONS:

        def do(action: str = action) -> None:
            held = found_cases.for_update(case_id)
            assert held is not None
            life.carry_out(held, action, random.Random(1))

        same = next((each for each in ONE_ADDRESS if action in each), {action})
        _compare(f"case {action}", do, offered=bool(offered & same), state=state)


def of_booking(life: Life, booking_id: uuid.UUID) -> None:
    """An appointment, for the clerk and for whose it is."""
    booking = confirming.load(booking_id)
    assert booking is not None
    if booking.account_id is not None:
        _for_its_person(booking)
    shown = day_presenting.appointment(
        life.clerk,
        booking,
        number=found_cases.ticket_of(booking.id),
        rows=found_day.no_shows(booking.id),
        case=found_cases.of_booking(booking.id),
    )
    offered = {each["action"] for each in shown["allowed_actions"]}
    state, clerk, channel = (booking.state, booking.day), life.clerk, DeskChannel.PHONE
    steps: dict[str, Callable[[NotaryBooking], object]] = {
        "check_in": lambda b: leaving.arrive(clerk, b),
        "attend": lambda b: leaving.attend(clerk, b, LateReason.FORGOTTEN, without_case=False),
        "no_show": lambda b: no_shows.mark(clerk, b),
        "revert_no_show": lambda b: no_shows.revert(clerk, b),
        "revert_check_in": lambda b: undoing.revert_check_in(clerk, b),
        "revert_not_accept": lambda b: undoing.revert_not_accept(clerk, b, MISTAKEN),
        "accept": lambda b: cases.accept(clerk, b, None),
        "not_accept": lambda b: cases.not_accept(clerk, b, None, NOTE),
        "cancel": lambda b: changing.cancel_by_office(clerk, b, "停电"),
        "reschedule": lambda b: on_request.move(clerk, b, _later(b), channel),
        "withdraw": lambda b: on_request.withdraw(clerk, b, channel),
        "appeal": lambda b: on_request.appeal(clerk, b, "我到了。", channel),
        "decide_appeal": lambda b: no_shows.decide(clerk, b, granted=False, note=NOTE),
        "reopen_appeal": lambda b: no_shows.reopen(clerk, b),
        "correct_party": lambda b: correcting.correct_party(
            clerk, b, 0, {"document_number": id_number()}, MISTAKEN
        ),
    }
    # The same address, whether somebody comes or comes back.
    offered |= {"check_in"} if "come_back" in offered else set()
    for action, step in steps.items():

        def do(step: Callable[[NotaryBooking], object] = step) -> None:
            held = confirming.load(booking_id)
            assert held is not None
            step(held)

        _compare(f"booking {action}", do, offered=action in offered, state=state)


def _later(booking: NotaryBooking) -> datetime:
    """A time of a day on which nobody has booked yet."""
    return at(f"{add_workdays(max(booking.day, core_clock.today()), 1).rolled} 09:00")


def _for_its_person(booking: NotaryBooking) -> None:
    who, booking_id = Actor(ActorKind.RESIDENT, booking.account_id), booking.id
    shown = presenting.appointment(who, booking)
    offered = {each["action"] for each in shown["allowed_actions"]}
    steps: dict[str, Callable[[NotaryBooking], object]] = {
        "appeal": lambda b: no_shows.appeal(who, b, "我到了。"),
        "cancel": lambda b: changing.cancel(who, b),
        "reschedule": lambda b: changing.reschedule(who, b, _later(b)),
        "correct_details": lambda b: correcting.correct_details(who, b, REACHED_BY),
    }
    state = (booking.state, booking.day)
    for action, step in steps.items():

        def do(step: Callable[[NotaryBooking], object] = step) -> None:
            held = confirming.load(booking_id)
            assert held is not None
            step(held)

        _compare(f"own booking {action}", do, offered=action in offered, state=state)


def of_ticket(life: Life, ticket_id: uuid.UUID) -> None:
    """A number, for the clerk."""
    ticket = found_day.ticket(ticket_id)
    assert ticket is not None
    accepted = found_cases.case_of_ticket(ticket_id) is not None
    shown = day_presenting.ticket_actions(life.clerk, ticket, accepted=accepted)
    offered, clerk = {each["action"] for each in shown}, life.clerk
    state = (ticket.state, ticket.day, ticket.booking_id, core_clock.today())
    given = AtDesk(life.matter_id, (party(),))
    steps: dict[str, Callable[[NotaryTicket], object]] = {
        "call": lambda t: tickets.call(clerk, t, life.counter()),
        "start": lambda t: tickets.start(clerk, t),
        "done": lambda t: tickets.done(clerk, t),
        "no_show": lambda t: tickets.pass_over(clerk, t),
        "leave": lambda t: leaving.leave(clerk, t),
        "come_back": lambda t: leaving.come_back(clerk, t),
        "reopen": lambda t: undoing.reopen(clerk, t),
        "accept": lambda t: cases.accept_at_desk(clerk, t, given, None),
        "not_accept": lambda t: cases.not_accept_at_desk(clerk, t, None, NOTE),
        "revert_not_accept": lambda t: undoing.revert_not_accept_at_desk(clerk, t, MISTAKEN),
    }
    for action, step in steps.items():

        def do(step: Callable[[NotaryTicket], object] = step) -> None:
            held = found_day.ticket(ticket_id, lock=True)
            assert held is not None
            step(held)

        _compare(f"ticket {action}", do, offered=action in offered, state=state)
