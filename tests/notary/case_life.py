"""An office and its cases, to which something happens at random: each step is one of a clerk, a person, time or a job."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import date, time, timedelta
from typing import Any

from sqlalchemy import func, select

from portal.accounts.events import ResidentDeletionRequested
from portal.accounts.models import DocumentType, Resident, ResidentState
from portal.accounts.operations.profile import REAL_NAME_FIELDS
from portal.core import clock as core_clock
from portal.core import events
from portal.core.actor import SYSTEM, Actor, ActorKind
from portal.core.db import db
from portal.core.errors import DomainError
from portal.core.jobs import worker
from portal.core.unit_of_work import unit_of_work
from portal.notary import retention
from portal.notary.case_workflow import CASE
from portal.notary.checks import Details
from portal.notary.models import (
    AppealState,
    BookingState,
    CaseState,
    CorrectionReason,
    DeskChannel,
    HandlerChange,
    LateReason,
    NotaryBooking,
    NotaryCase,
    NotaryCounter,
    NotaryOffice,
    NotaryTicket,
    PauseGround,
    RefusalGround,
    ReviewBy,
    ReviewOutcome,
    TerminationGround,
    TicketState,
)
from portal.notary.operations import (
    cases,
    confirming,
    correcting,
    day,
    freeing,
    handlers,
    holding,
    leaving,
    no_shows,
    on_request,
    pauses,
    receipts,
    reviews,
    schedule,
    tickets,
    undoing,
)
from portal.notary.operations.cases import AtDesk, Certificate
from portal.notary.parties import Agent
from portal.notary.queries import cases as found_cases
from portal.notary.queries import day as found_day
from portal.notifications.models import Message
from portal.supervision import sweep
from portal.working_days import operations as working_days
from portal.working_days.calendar import DayKind
from portal.working_days.counting import add_workdays, current_calendar
from portal.working_days.notice import YearTable
from tests.conftest import SettableClock
from tests.factories.people import id_number, make_resident, make_staff
from tests.notary.conftest import Desk, actor_of, at, details, party
from tests.supervision.test_recount import table_2027

MISTAKEN = CorrectionReason.MISTAKEN
NOTE = "请核对以后办理，书面说明在此。"
ENDED = (CaseState.REFUSED, CaseState.TERMINATED, CaseState.VOIDED)
# How often each step was carried out, over all seeds.
succeeded: Counter[str] = Counter()


_DECISIONS = {
    "maintain": ReviewOutcome.MAINTAIN,
    "decide_correction": ReviewOutcome.CORRECT,
    "decide_revocation": ReviewOutcome.REVOKE,
}


# Cases that end soon would leave nothing to see.
_OFTEN = {
    "revert_accept": 0.4,
    "refuse": 0.3,
    "terminate": 0.3,
    "correct_party": 0.3,
    "reassign": 0.5,
    "issue": 2,
    "ask_review": 2,
}
_OFTEN |= {
    "supplemented": 2,
    "part_supplemented": 2,
    "hand_over": 2,
    "maintain": 2,
    "pause_review": 3,
    "resume_review": 2,
}


class Life:
    """An office and its cases, to which something happens at random."""

    def __init__(self, desk: Desk, clock: SettableClock, chance: random.Random) -> None:
        self.clock, self.chance = clock, chance
        # Ids alone: jobs end the session, and what it had loaded is of no use after them.
        self.office_id, self.matter_id = desk.office.id, desk.matter.id
        self.counter_id = desk.counter.id
        with unit_of_work():
            office = db.session.get_one(NotaryOffice, self.office_id, populate_existing=True)
            office.person_limit, office.no_show_limit = 20, 20
        grants = frozenset({("notary_clerk", self.office_id)})
        clerks = [make_staff(["notary_clerk"], self.office_id).id for _ in range(2)]
        self.clerk, self.approver = (Actor(ActorKind.STAFF, each, grants=grants) for each in clerks)
        self.numbers = 0
        self.closed: dict[uuid.UUID, int] = {}
        self.steps: list[Callable[[], object]] = [
            *(self.book, self.come, self.accept, self.not_accept, self.revert_not_accept),
            *(self.walk_in, self.serve, self.revert_check_in, self.leave, self.come_back),
            *(self.case_step, self.time_passes, self.close_account, self.change_counter),
            *(self.publish, self.expire, self.jobs, self.days_end),
            *(self.miss, self.dispute, self.attend),
        ]
        usual: dict[Callable[[], object], float] = {
            self.case_step: 32,
            self.book: 3,
            self.come: 4,
            self.accept: 6,
            self.walk_in: 2,
            self.time_passes: 3,
            self.dispute: 3,
            self.not_accept: 3,
            self.revert_not_accept: 4,
            self.jobs: 2,
            self.expire: 2,
            self.close_account: 1.2,
            self.publish: 0.3,
            self.change_counter: 0.3,
        }
        self.often = [usual.get(step, 1) * chance.choice((0.3, 1, 1, 3)) for step in self.steps]
        self.liked = {
            row.action: _OFTEN.get(row.action, 1) * chance.choice((0.3, 1, 1, 3))
            for row in CASE.table
        }
        self.hurry = chance.choice((1, 4))

    # --- what may happen ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Three people with an appointment and one without have come and been accepted, mostly."""
        for step in (*(self.book, self.come, self.accept) * 3, self.walk_in):
            with suppress(DomainError):
                step()

    def step(self) -> None:
        """Do one thing; a refusal is an answer like any other."""
        db.session.rollback()
        # No two steps are taken at one moment: by `updated_at` alone a row that is otherwise the same is written anew.
        self.clock.advance(seconds=1)
        (step,) = self.chance.choices(self.steps, self.often)
        try:
            if step():
                succeeded[getattr(step, "__name__", "job")] += 1
        except DomainError:
            db.session.rollback()

    def one(self, model: Any, *conditions: Any) -> Any:
        """Somebody or something of this kind, the newest most often, None when there is none."""
        rows = list(db.session.scalars(select(model).where(*conditions).order_by(model.id)))
        return self.chance.choice(rows[-4:]) if rows else None

    def booking(self, *states: BookingState) -> NotaryBooking | None:
        row = self.one(NotaryBooking, NotaryBooking.state.in_(states))
        return None if row is None else confirming.load(row.id)

    def on_booking(self, do: Callable[[NotaryBooking], object], *states: BookingState) -> bool:
        with unit_of_work():
            booking = self.booking(*states)
            if booking is not None:
                do(booking)
        return booking is not None

    def time_passes(self) -> bool:
        amount = self.chance.choice(["hour", "hour", "day", "day", "days", "weeks", "long"])
        if amount == "hour":
            self.clock.advance(minutes=self.chance.choice([20, 60, 100]))
            return True
        most = {"day": 1, "days": 4, "weeks": 30 * self.hurry, "long": 100 * self.hurry}[amount]
        on = core_clock.today() + timedelta(days=self.chance.randint(1, most))
        self.morning_of(add_workdays(on, 0).rolled)
        return True

    def morning_of(self, on: date) -> None:
        self.clock.set(f"{on} 08:30")
        schedule.refresh_all()
        if self.chance.random() < 0.7:
            leaving.close_days()
            freeing.sweep()

    def book(self) -> bool:
        now = core_clock.local(core_clock.now())
        if now.time() >= time(11, 25) or not current_calendar().status(now.date()).is_workday:
            self.morning_of(add_workdays(now.date(), 1).rolled)
        opens = at(f"{core_clock.today()} 09:00")
        times = [opens + timedelta(minutes=30 * each) for each in range(6)]
        when = self.chance.choice([each for each in times if each > core_clock.now()])
        wish = holding.Wish(self.office_id, self.matter_id, when)
        if self.chance.random() < 0.4:
            with unit_of_work():
                on_request.book(self.clerk, self._office(), wish, self.given(), DeskChannel.PHONE)
        else:
            who = actor_of(make_resident())
            confirming.confirm(who, holding.hold(who, wish).id, self.given())
        return True

    def given(self) -> Details:
        """What somebody books with, who sometimes sends an agent."""
        if self.chance.random() < 0.8:
            return details()
        agent = Agent("李测试", "13900001234", DocumentType.RESIDENT_ID, id_number())
        return details(party(by_agent=True), agent=agent)

    def come(self) -> bool:
        today = NotaryBooking.day == core_clock.today()
        with unit_of_work():
            row = self.one(NotaryBooking, NotaryBooking.state == BookingState.CONFIRMED, today)
            booking = None if row is None else confirming.load(row.id)
            if booking is not None:
                day.check_in(self.clerk, booking)
        return booking is not None

    def attend(self) -> bool:
        without = self.chance.random() < 0.3
        return self.on_booking(
            lambda b: leaving.attend(self.clerk, b, LateReason.FORGOTTEN, without_case=without),
            BookingState.CONFIRMED,
        )

    def accept(self) -> bool:
        return self.on_booking(
            lambda b: cases.accept(
                self.clerk, b, None, b.day if self.chance.random() < 0.3 else None
            ),
            BookingState.CHECKED_IN,
        )

    def not_accept(self) -> bool:
        return self.on_booking(
            lambda b: cases.not_accept(self.clerk, b, None, NOTE), BookingState.CHECKED_IN
        )

    def revert_not_accept(self) -> bool:
        return self.on_booking(
            lambda b: undoing.revert_not_accept(self.clerk, b, MISTAKEN), BookingState.NOT_ACCEPTED
        )

    def revert_check_in(self) -> bool:
        return self.on_booking(
            lambda b: undoing.revert_check_in(self.clerk, b), BookingState.CHECKED_IN
        )

    def miss(self) -> bool:
        return self.on_booking(lambda b: no_shows.mark(self.clerk, b), BookingState.CONFIRMED)

    def dispute(self) -> bool:
        with unit_of_work():
            booking = self.booking(BookingState.NO_SHOW)
            if booking is None:
                return False
            rows = no_shows.of_booking(booking.id)
            said = {row.appeal for row in rows}
            if self.chance.random() < 0.15:
                no_shows.revert(self.clerk, booking)
            elif AppealState.OPEN in said:
                granted = self.chance.random() < 0.4
                no_shows.decide(self.clerk, booking, granted=granted, note=NOTE)
            elif AppealState.DENIED in said:
                no_shows.reopen(self.clerk, booking)
            elif booking.account_id is not None:
                no_shows.appeal(Actor(ActorKind.RESIDENT, booking.account_id), booking, "我到了。")
            else:
                on_request.appeal(self.clerk, booking, "我到了。", DeskChannel.PHONE)
        return True

    def walk_in(self) -> bool:
        """Somebody without an appointment draws a number, is called and accepted, mostly."""
        with unit_of_work():
            ticket = tickets.draw(self.clerk, self._office(), tickets.Draw())
            counter = self.counter()
            tickets.call(self.clerk, ticket, counter)
            if self.chance.random() < 0.5:
                tickets.start(self.clerk, ticket)
            came = self.chance.random()
            if came < 0.1:
                cases.not_accept_at_desk(self.clerk, ticket, None, NOTE)
            elif came < 0.85:
                given = AtDesk(self.matter_id, (party(),))
                cases.accept_at_desk(self.clerk, ticket, given, None)
        return True

    def ticket(self, *states: TicketState) -> NotaryTicket | None:
        row = self.one(
            NotaryTicket, NotaryTicket.state.in_(states), NotaryTicket.day == core_clock.today()
        )
        return None if row is None else found_day.ticket(row.id, lock=True)

    def serve(self) -> bool:
        """Carry a number on: to the counter, through, over, or back."""
        with unit_of_work():
            ticket = self.ticket(*TicketState)
            if ticket is None:
                return False
            counter = self.counter()
            if ticket.state is TicketState.WAITING:
                tickets.call(self.clerk, ticket, counter)
            elif ticket.state is TicketState.CALLED:
                self.chance.choice([tickets.start, tickets.pass_over])(self.clerk, ticket)
            elif ticket.state is TicketState.SERVING:
                tickets.done(self.clerk, ticket)
            else:
                undoing.reopen(self.clerk, ticket)
        return True

    def leave(self) -> bool:
        with unit_of_work():
            ticket = self.ticket(TicketState.WAITING, TicketState.CALLED, TicketState.SERVING)
            if ticket is not None:
                leaving.leave(self.clerk, ticket)
        return ticket is not None

    def come_back(self) -> bool:
        with unit_of_work():
            ticket = self.ticket(TicketState.LEFT)
            if ticket is not None:
                leaving.come_back(self.clerk, ticket)
        return ticket is not None

    def close_account(self) -> bool:
        having = NotaryBooking.account_id.is_not(None)
        booking = self.one(NotaryBooking, having)
        if booking is None:
            return False
        who = booking.account_id
        with unit_of_work():
            events.publish(ResidentDeletionRequested(who))
            account = db.session.get_one(Resident, who)
            for name in ("phone", "phone_index", "nickname", *REAL_NAME_FIELDS):
                setattr(account, name, None)
            account.state, account.deleted_at = ResidentState.DELETED, core_clock.now()
        self.closed[who] = self.told(who)
        return True

    def change_counter(self) -> bool:
        values = self.chance.choice([{"capacity": 1}, {"capacity": 2}, {"capacity": 3}])
        with unit_of_work():
            counter = self.counter()
            schedule.save_counter(self.clerk, self._office(), counter, values)
        return True

    def publish(self) -> bool:
        """The year's table is put right, or that of the next year comes."""
        if self.chance.random() < 0.3:
            table = table_2027(*self.chance.choice([(), ("01-04",), ("03-02", "03-03")]))
        else:
            on = core_clock.today() + timedelta(days=self.chance.randint(1, 20))
            if on.year != 2026:
                return False
            days = {**current_calendar().tables[2026], on: (DayKind.HOLIDAY, "临时放假")}
            table = YearTable(2026, "临时放假通知（测试）", days)
        working_days.publish(SYSTEM, table)
        worker.drain()
        return True

    def jobs(self) -> bool:
        """What is due is told, and what has run out is acted on."""
        taken = sweep.sweep()
        for outcome, number in taken.items():
            succeeded[f"deadline {outcome}"] += number
        worker.drain()
        return True

    def days_end(self) -> bool:
        freeing.sweep()
        return bool(leaving.close_days())

    def expire(self) -> bool:
        retention.remove_fingerprints()
        return bool(retention.forget_persons() + retention.remove_no_shows())

    def told(self, who: uuid.UUID) -> int:
        """How many messages somebody has been sent."""
        return db.session.scalars(
            select(func.count()).select_from(Message).where(Message.recipient_id == who)
        ).one()

    def counter(self) -> NotaryCounter:
        """The counter as it is now."""
        return db.session.get_one(NotaryCounter, self.counter_id, populate_existing=True)

    def _office(self) -> NotaryOffice:
        return db.session.get_one(NotaryOffice, self.office_id, populate_existing=True)

    # --- what may be done with a case ---------------------------------------------------------------------------------

    def case_step(self) -> bool:
        with unit_of_work():
            row = self.one(NotaryCase, NotaryCase.state.not_in(ENDED))
            if row is None:
                return False
            case = found_cases.for_update(row.id)
            assert case is not None
            offered = [each.action for each in CASE.allowed(case, self.clerk)]
            (action,) = self.chance.choices(offered, [self.liked[each] for each in offered])
            self.carry_out(case, action, self.chance)
        succeeded[action] += 1
        return True

    def carry_out(self, case: NotaryCase, action: str, chance: random.Random) -> None:
        """Do what an action of the table says, with what a clerk would enter."""
        if action in ("ask_supplement", "pause_review"):
            lasting = {row.ground for row in case.lasting}
            free = [each for each in PauseGround if each not in lasting] or [*PauseGround]
            pauses.pause(self.clerk, case, chance.choice(free), NOTE)
        elif action in ("part_supplemented", "supplemented", "resume_review"):
            ids = [each.id for each in case.lasting] or [uuid.uuid4()]
            pauses.end_pause(self.clerk, case, chance.choice(ids))
        elif action in _DECISIONS:
            reviews.decide(self.clerk, case, _DECISIONS[action], NOTE)
        elif action in ("correct", "revoke"):
            reviews.carry_out(self.clerk, case, action)
        elif action == "revert_accept":
            undoing.revert_accept(self.clerk, case, MISTAKEN)
        elif action == "refuse":
            cases.refuse(self.clerk, case, chance.choice([*RefusalGround]), NOTE)
        elif action == "terminate":
            cases.terminate(self.clerk, case, chance.choice([*TerminationGround]), NOTE)
        elif action == "correct_party":
            changes = {"document_number": id_number()}
            correcting.correct_register(self.clerk, case, 0, changes, MISTAKEN)
        else:
            getattr(self, f"_{action}")(case, chance)

    def _issue(self, case: NotaryCase, chance: random.Random) -> None:
        self.numbers += 1
        number, at_once = f"（2026）渝足证字第{self.numbers}号", chance.random() < 0.3
        given = Certificate(number, self.approver.own_id, handed_over=at_once)
        cases.issue(self.clerk, case, given)

    def _reassign(self, case: NotaryCase, chance: random.Random) -> None:
        clerks = {self.clerk.own_id, self.approver.own_id}
        other = min(clerks - {case.handler_id})
        others = [each for each in HandlerChange if each is not HandlerChange.NOT_UPHELD]
        given = chance.choice(others)
        reason = HandlerChange.NOT_UPHELD if str(other) in case.recused else given
        who = self.approver if other == self.clerk.own_id else self.clerk
        handlers.reassign(who, case, other, reason)

    def _hand_over(self, case: NotaryCase, chance: random.Random) -> None:
        first = case.issued_on or core_clock.today()
        until = case.to_revoke_since or core_clock.today()
        receipts.hand_over(self.clerk, case, chance.choice([first, until]))

    def _correct_receipt(self, case: NotaryCase, _chance: random.Random) -> None:
        received = case.received_on or core_clock.today()
        until = case.to_revoke_since or core_clock.today()
        # A later day is possible for as long as an earlier one is.
        way = 1 if received < until else -1
        receipts.correct(self.clerk, case, received + timedelta(days=way), MISTAKEN)

    def _ask_review(self, case: NotaryCase, chance: random.Random) -> None:
        own, who = chance.random() < 0.6, self.clerk
        if own and case.account_id is not None and chance.random() < 0.5:
            who = Actor(ActorKind.RESIDENT, case.account_id)
        knew = None if own else core_clock.today()
        by = ReviewBy.PARTY if own else ReviewBy.INTERESTED
        asked = reviews.Request("姓名有误", "与身份证不一致", "请更正", by=by, knew_on=knew)
        reviews.ask(who, case, asked)
