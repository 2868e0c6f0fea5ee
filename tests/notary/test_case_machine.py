"""Random lives of cases: accepted, paused, issued, refused, handed over, reviewed, and what was wrong taken back.

No model here: what must hold at every moment is asked of the tables. What a clerk is offered is tried, and so is what they
are not offered (`case_life` does the steps, `case_offers` tries).
"""

from __future__ import annotations

import os
import random
import uuid
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.audit.models import AuditEvent
from portal.core import clock as core_clock
from portal.core.db import db
from portal.core.jobs import worker
from portal.core.jobs.models import Job
from portal.notary import case_settings, deadlines
from portal.notary.case_workflow import CASE, CERTIFIED
from portal.notary.models import (
    CASE_KIND,
    AppealState,
    BookingState,
    CaseState,
    NotaryBooking,
    NotaryCase,
    NotaryClaim,
    NotaryNoShow,
    NotaryTicket,
    PauseGround,
    ReviewBy,
    TicketState,
)
from portal.notary.operations import persons
from portal.notary.operations.steps import TELL
from portal.notary.queries import cases as found_cases
from portal.notary.queries import counts
from portal.notary.queries import day as found_day
from portal.notary.queries.cases import UNDER_WAY, CaseFilter
from portal.supervision.models import Deadline, DeadlineState
from portal.supervision.queries import SOON
from portal.supervision.rules import RESIDENT, Unit, get
from portal.working_days.counting import add_workdays, current_calendar
from tests.conftest import SettableClock
from tests.notary import case_offers as offers
from tests.notary.case_life import Life, succeeded
from tests.notary.conftest import Desk, assert_books_balance
from tests.support import postgres_server

# Six lives by default, half of them on each database; as many as one asks for on the database that one chooses.
ASKED = os.environ.get("NOTARY_CASE_SEEDS")
SEEDS = range(int(ASKED)) if ASKED else range(3, 6) if postgres_server() else range(3)
STEPS = 70
C, B = CaseState, BookingState
# In which states a message is true at the moment at which it is written.
TRUE_OF_CASE: dict[str, tuple[CaseState, ...]] = {
    "notary.accepted": (C.ACCEPTED,),
    "notary.supplement_asked": (C.SUPPLEMENT,),
    "notary.paused": (C.SUPPLEMENT,),
    "notary.resumed": (C.ACCEPTED,),
    "notary.issued": (C.ISSUED,),
    "notary.issued_and_received": (C.ISSUED,),
    "notary.refused": (C.REFUSED,),
    "notary.terminated": (C.TERMINATED,),
    "notary.review_decided": (C.MAINTAINED, C.CORRECTING, C.REVOKING),
    "notary.review_carried_out": (C.CORRECTED, C.REVOKED),
    "notary.receipt_corrected": CERTIFIED,
}
TRUE_OF_BOOKING: dict[str, tuple[BookingState, ...]] = {
    "notary.no_show": (B.NO_SHOW,),
    "notary.no_show_reverted": (B.CONFIRMED,),
    "notary.check_in_reverted": (B.CONFIRMED,),
    "notary.not_accepted": (B.NOT_ACCEPTED,),
    "notary.not_accepted_reverted": (B.CHECKED_IN,),
    "notary.acceptance_reverted": (B.CHECKED_IN,),
    "notary.left": (B.LEFT,),
    "notary.attended": (B.CHECKED_IN, B.LEFT),
    "notary.called": (B.CHECKED_IN,),
    "notary.appeal_granted": (B.NO_SHOW,),
    "notary.appeal_denied": (B.NO_SHOW,),
    "notary.appeal_reopened": (B.NO_SHOW,),
}


def fresh(model: Any, *conditions: Any) -> list[Any]:
    query = select(model).where(*conditions).execution_options(populate_existing=True)
    return list(db.session.scalars(query))


def last_day(start: date, unit: Unit, amount: int, pauses: list[tuple[date, date]]) -> date:
    """Count a period day by day: the days of a pause do not count, but for the one on which it begins."""

    def counts_one(day: date) -> bool:
        return unit is not Unit.WD or current_calendar().status(day).is_workday

    def rolled(day: date) -> date:
        while not current_calendar().status(day).is_workday:
            day += timedelta(days=1)
        return day

    day, left = start, amount
    for begins, ends in pauses:
        while left and day < begins:
            day += timedelta(days=1)
            left -= counts_one(day)
        if not left and begins > rolled(day):
            break
        day = max(day, ends)
    while left:
        day += timedelta(days=1)
        left -= counts_one(day)
    return rolled(day)


def standstills(case: NotaryCase, since: datetime) -> list[tuple[date, date]]:
    """The times in which at least one reason lasted, that are over, in days."""
    spans: list[list[datetime]] = []
    rows = sorted((row for row in case.pauses if row.from_at >= since), key=lambda r: r.from_at)
    far = core_clock.now() + timedelta(days=1)
    for row in rows:
        ends = row.to_at or far
        # One that begins at the very moment at which another has ended is a pause of its own, and comes to the same.
        if spans and row.from_at < spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], ends)
        else:
            spans.append([row.from_at, ends])
    return [
        (core_clock.local(begins).date(), core_clock.local(ends).date())
        for begins, ends in spans
        if ends < far
    ]


class Books:
    """What must hold of all cases at every moment."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.seen: dict[uuid.UUID, tuple[int, int]] = {}
        self.told: set[uuid.UUID] = set()

    def hold(self) -> None:
        assert_books_balance()
        whole = [found_cases.find(each.id) for each in fresh(NotaryCase)]
        found = [case for case in whole if case is not None]
        for case in found:
            self._history(case)
            self._fields(case)
            self._clocks(case)
        self._desk(found)
        self._figures(found)
        self._words({case.id: case for case in found})
        for who, told in self.life.closed.items():
            assert self.life.told(who) == told, "nobody is told whose account is closed"
        db.session.rollback()

    def _words(self, found: dict[uuid.UUID, NotaryCase]) -> None:
        """What the last step has people told is what is the case."""
        jobs = [job for job in fresh(Job, Job.kind == TELL) if job.id not in self.told]
        self.told |= {job.id for job in jobs}
        for job in jobs:
            template, about = job.payload["template"], uuid.UUID(job.payload["subject_id"])
            case = found.get(about)
            if case is None:
                booking = db.session.get_one(NotaryBooking, about, populate_existing=True)
                assert booking.state in TRUE_OF_BOOKING.get(template, BookingState), template
                continue
            in_review = template.startswith("notary.review_") and template not in TRUE_OF_CASE
            states = (C.REVIEW,) if in_review else TRUE_OF_CASE[template]
            assert case.state in states, template
            if "due" in job.payload["params"]:
                rule = deadlines.REVIEW if in_review else deadlines.ISSUE
                of_case = Deadline.subject_id == case.id, Deadline.rule_id == rule
                (clock,) = [row for row in fresh(Deadline, *of_case) if row.is_running]
                said = core_clock.spoken_day(clock.due_rolled)
                assert job.payload["params"]["due"].startswith(said), template
                succeeded["told until when"] += 1
            succeeded["told what is the case"] += 1

    def _history(self, case: NotaryCase) -> None:
        assert [line.action for line in case.history[:1]] == ["accept"]
        assert case.history[0].state == CaseState.ACCEPTED.value
        for before, line in pairwise(case.history):
            assert before.at <= line.at
            row = CASE.find(line.action, CaseState(before.state))
            assert row is not None, (before.state, line.action)
            assert line.state == row.target.value
        assert case.history[-1].state == case.state.value
        written = db.session.scalar(
            select(func.count()).where(
                AuditEvent.subject_kind == CASE_KIND,
                AuditEvent.subject_id == case.id,
                AuditEvent.action.like("notary_case.%"),
            )
        )
        assert written == len(case.history), "each step is recorded"
        steps, version = self.seen.get(case.id, (0, 0))
        assert version <= case.version
        assert len(case.history) == steps or case.version > version
        self.seen[case.id] = len(case.history), case.version

    def _fields(self, case: NotaryCase) -> None:
        certified = case.state in CERTIFIED
        for value in (case.certificate_number, case.issued_on, case.approver_id):
            assert (value is not None) == certified
        assert (case.refusal_ground is not None) == (case.state is CaseState.REFUSED)
        assert (case.termination_ground is not None) == (case.state is CaseState.TERMINATED)
        over = case.state not in (CaseState.ACCEPTED, CaseState.SUPPLEMENT)
        assert (case.closed_on is not None) == (case.closing_form is not None) == over
        if case.received_on is not None:
            assert case.issued_on is not None
            assert case.issued_on <= case.received_on <= core_clock.today()
        may_pause = case.state in (CaseState.SUPPLEMENT, CaseState.REVIEW)
        assert not case.lasting or may_pause
        assert case.lasting or case.state is not CaseState.SUPPLEMENT
        reviewed = (CaseState.REVIEW, CaseState.CORRECTING, CaseState.REVOKING)
        assert (case.open_review is not None) == (case.state in reviewed)
        for review in case.reviews:
            if review.by is ReviewBy.PARTY and case.received_on is not None:
                last = deadlines.last_day_to_ask(case.received_on)
                assert review.late == (review.asked_on > last)
        gone = case.account_id in self.life.closed
        assert not gone, "a closed account is taken off"
        represented = any(party["by_agent"] for party in case.parties)
        assert (case.agent is not None) == represented, "the register names the agent"
        assert all(party["name"] != persons.ERASED for party in case.parties)

    def _clocks(self, case: NotaryCase) -> None:
        of_case = Deadline.subject_kind == CASE_KIND, Deadline.subject_id == case.id
        rows = [row for row in fresh(Deadline, *of_case) if row.is_running]
        running = {row.rule_id: row for row in rows}
        assert len(running) == len(rows)
        stands = DeadlineState.PAUSED if case.lasting else DeadlineState.OPEN
        expected: dict[str, DeadlineState] = {}
        if case.state in (CaseState.ACCEPTED, CaseState.SUPPLEMENT):
            expected[deadlines.ISSUE] = stands
        if case.state is CaseState.REVIEW:
            expected[deadlines.REVIEW] = stands
        if case.state in (CaseState.CORRECTING, CaseState.REVOKING):
            expected[deadlines.CARRY_OUT] = DeadlineState.OPEN
        watched = (deadlines.ASK_REVIEW, deadlines.REVIEW_PAUSES, deadlines.PARTY_DELAY)
        assert expected == {
            rule: row.state for rule, row in running.items() if rule not in watched
        }, case.state
        self._limit_of_pauses(case, running)
        self._time_to_ask(case, running.get(deadlines.ASK_REVIEW))
        awaited = any(row.ground is PauseGround.SUPPLEMENT for row in case.lasting)
        watch = case_settings.current().watch_party_delay and case.state is CaseState.SUPPLEMENT
        assert (deadlines.PARTY_DELAY in running) == (watch and awaited)
        self._ends(case, running)

    def _ends(self, case: NotaryCase, running: dict[str, Deadline]) -> None:
        for rule_id in (deadlines.ISSUE, deadlines.REVIEW, deadlines.CARRY_OUT):
            row = running.get(rule_id)
            if row is None:
                continue
            start = core_clock.local(row.starts_at).date()
            if rule_id == deadlines.ISSUE:
                assert start == case.accepted_on
            if rule_id != deadlines.REVIEW:
                assert row.responsible_staff_id == case.handler_id
            since = row.starts_at
            spans = [] if rule_id == deadlines.CARRY_OUT else standstills(case, since)
            rule = get(rule_id)
            counted = last_day(start, rule.unit, rule.amount, spans)
            assert row.due_rolled == counted, (case.state, rule_id, start, spans)

    def _limit_of_pauses(self, case: NotaryCase, running: dict[str, Deadline]) -> None:
        limit = running.get(deadlines.REVIEW_PAUSES)
        if case.state is not CaseState.REVIEW:
            assert limit is None
        elif case.lasting:
            assert limit is not None
            assert limit.state is DeadlineState.OPEN
        elif limit is not None:
            assert limit.state is DeadlineState.PAUSED

    def _time_to_ask(self, case: NotaryCase, year: Deadline | None) -> None:
        if year is None:
            asked = case.open_review is not None and case.open_review.by is ReviewBy.PARTY
            known = case.received_on is not None and not self._left(case)
            if known and not asked and case.state not in (CaseState.REVOKING, CaseState.REVOKED):
                assert case.received_on is not None
                assert core_clock.today() > deadlines.last_day_to_ask(case.received_on)
            return
        assert case.received_on is not None
        assert year.due_rolled == deadlines.last_day_to_ask(case.received_on)
        assert case.state is not CaseState.REVOKED
        assert not self._left(case), "nobody is reminded who has closed the account"
        assert case.open_review is None or case.open_review.by is not ReviewBy.PARTY

    @staticmethod
    def _left(case: NotaryCase) -> bool:
        """True where the account was closed with which the appointment was made."""
        booking = db.session.get(NotaryBooking, case.booking_id) if case.booking_id else None
        return booking is not None and booking.account_id is None and booking.booked_by_id is None

    def _desk(self, found: list[NotaryCase]) -> None:
        """Appointments and numbers say the same as their cases, and whoever is expected has a seat."""
        numbers = [case.certificate_number for case in found if case.certificate_number]
        assert len(set(numbers)) == len(numbers)
        bookings = {each.id: each for each in fresh(NotaryBooking)}
        accepted = {each.id for each in bookings.values() if each.state is BookingState.ACCEPTED}
        assert accepted == {case.booking_id for case in found if case.booking_id is not None}
        for case in found:
            gone = case.state is CaseState.VOIDED
            assert (case.booking_id is None and case.ticket_id is None) == gone
        kept = NotaryClaim.released_at.is_(None), NotaryClaim.cooling.is_(False)
        seated = set(db.session.scalars(select(NotaryClaim.booking_id).where(*kept)))
        for booking in bookings.values():
            active = booking.state in (BookingState.CONFIRMED, BookingState.CHECKED_IN)
            assert all(party.active == active for party in booking.parties) or booking.ends_at < (
                core_clock.now() - timedelta(days=365)
            )
            assert booking.state is not BookingState.CONFIRMED or booking.id in seated
            known = booking.agent is not None or any(p.person_index for p in booking.parties)
            assert active or not booking.account_closed or not known, "they are forgotten"
        for row in fresh(NotaryNoShow):
            assert bookings[row.booking_id].state is BookingState.NO_SHOW
        for ticket in fresh(NotaryTicket, NotaryTicket.day == core_clock.today()):
            if ticket.booking_id is None:
                continue
            waits = ticket.state in (TicketState.WAITING, TicketState.CALLED)
            assert not waits or bookings[ticket.booking_id].state is BookingState.CHECKED_IN

    def _figures(self, found: list[NotaryCase]) -> None:
        """The figures that staff see are those of the tables, and each list has as many lines."""
        waiting = counts.worklist_counts(self.life.clerk)
        assert waiting is not None
        today = counts.today([self.life.office_id])[self.life.office_id]
        own = Deadline.subject_kind == CASE_KIND, Deadline.responsible_role != RESIDENT
        open_ones = fresh(Deadline, *own, Deadline.state == DeadlineState.OPEN)
        soon = core_clock.end_of_day(add_workdays(core_clock.today(), SOON).rolled)
        assert waiting.near_end == len({d.subject_id for d in open_ones if d.due_at <= soon})
        late = {d.subject_id for d in open_ones if d.due_at <= core_clock.now()}
        assert today.overdue == len(late)
        unclaimed = [
            case
            for case in found
            if case.state in CERTIFIED
            and case.state not in (CaseState.REVOKING, CaseState.REVOKED)
            and case.received_on is None
        ]
        appealed = {
            row.booking_id for row in fresh(NotaryNoShow, NotaryNoShow.appeal == AppealState.OPEN)
        }
        assert waiting.appeals == len(appealed)
        clerk = self.life.clerk
        lists = {
            "not_checked_in": found_day.unsettled,
            "no_result": found_day.unfinished,
            "untold": found_day.untold,
            "appeals": found_day.appeals,
        }
        for name, query in lists.items():
            assert getattr(waiting, name) == len(query(clerk, None, 100).items), name
        under_way = [case.id for case in found if case.state in UNDER_WAY]
        for wanted, ids in (
            (CaseFilter(to_hand_over=True), [case.id for case in unclaimed]),
            (CaseFilter(), under_way),
            (CaseFilter(near_end=True), {d.subject_id for d in open_ones if d.due_at <= soon}),
        ):
            page = found_cases.worklist(clerk, wanted, None, 100)
            assert sorted(each.id for each in page.items) == sorted(ids)
        assert waiting.to_hand_over == len(unclaimed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_becomes_of_cases_the_books_hold(
    desk: Desk, clock: SettableClock, seed: int
) -> None:
    chance = random.Random(seed)
    before = case_settings.current()
    case_settings.configure(case_settings.CaseSettings(watch_party_delay=chance.random() < 0.5))
    try:
        life = Life(desk, clock, chance)
        books = Books(life)
        life.begin()
        books.hold()
        for _ in range(STEPS):
            life.step()
            books.hold()
            offers.hold(life)
        worker.drain()
        books.hold()
    finally:
        case_settings.configure(before)


def teardown_module() -> None:
    """Say how often each step was carried out, where many seeds were asked for."""
    if len(SEEDS) > 20:
        print(sorted(succeeded.items()))
