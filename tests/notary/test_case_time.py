"""The clock of NO-D1 at the edges of the calendar, and under pauses that overlap."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from portal.accounts.models import StaffMember
from portal.core import clock as core_clock
from portal.core.actor import SYSTEM, Actor, ActorKind
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import CASE_KIND, NotaryTicket, PauseGround, TicketState
from portal.notary.operations import cases, pauses
from portal.notary.queries import cases as found
from portal.notary.queries.counts import worklist_counts
from portal.supervision import sweep as supervision
from portal.supervision.models import Deadline
from portal.working_days import notice
from portal.working_days import operations as working_days
from portal.working_days.calendar import DayKind
from portal.working_days.counting import current_calendar
from tests.conftest import SettableClock
from tests.factories.people import make_staff
from tests.notary.conftest import Desk, party
from tests.notary.hall import Hall, deadline_of
from tests.supervision.test_recount import table_2027

WD15 = 15


@pytest.fixture
def clerk(desk: Desk) -> Actor:
    """A clerk of the office."""
    office = desk.office.id
    person = make_staff(["notary_clerk"], office)
    return Actor(ActorKind.STAFF, person.id, grants=frozenset({("notary_clerk", office)}))


def accepted(desk: Desk, clerk: Actor) -> uuid.UUID:
    """A case accepted at this moment, of somebody without an appointment."""
    with unit_of_work():
        last = db.session.scalars(select(NotaryTicket.number)).all()
        ticket = NotaryTicket(
            office_id=desk.office.id,
            day=core_clock.today(),
            number=max(last, default=0) + 1,
            state=TicketState.SERVING,
            issued_at=core_clock.now(),
        )
        db.session.add(ticket)
        db.session.flush()
        given = cases.AtDesk(desk.matter.id, (party(),))
        return cases.accept_at_desk(clerk, ticket, given, notary_id=None).id


def due(case_id: uuid.UUID) -> Deadline:
    row = db.session.scalar(
        select(Deadline)
        .where(
            Deadline.subject_kind == CASE_KIND,
            Deadline.subject_id == case_id,
            Deadline.rule_id == "NO-D1",
        )
        .execution_options(populate_existing=True)
    )
    assert row is not None
    return row


def step(clerk: Actor, case_id: uuid.UUID, ground: PauseGround) -> None:
    """Begin the pause, or end it when it lasts."""
    with unit_of_work():
        held = found.for_update(case_id)
        assert held is not None
        lasting = next((row for row in held.lasting if row.ground is ground), None)
        if lasting is None:
            pauses.pause(clerk, held, ground, "请补交材料，或者等待核实。")
        else:
            pauses.end_pause(clerk, held, lasting.id)


def test_the_example_of_the_rule_book(desk: Desk, clerk: Actor, clock: SettableClock) -> None:
    clock.set("2026-09-28 10:00")
    assert due(accepted(desk, clerk)).due_rolled == date(2026, 10, 23)


def test_over_the_year_end_the_date_is_provisional_until_the_table_is_out(
    desk: Desk, clerk: Actor, clock: SettableClock, run_jobs
) -> None:
    clock.set("2026-12-21 10:00")
    case = accepted(desk, clerk)
    # Without a table the moon's holidays are unknown; 1 January is known.
    assert (due(case).due_rolled, due(case).provisional) == (date(2027, 1, 12), True)
    working_days.publish(SYSTEM, table_2027("01-04"))
    run_jobs()
    assert (due(case).due_rolled, due(case).provisional) == (date(2027, 1, 13), False)


def test_a_leap_day_counts_like_any_other(desk: Desk, clerk: Actor, clock: SettableClock) -> None:
    clock.set("2028-02-21 10:00")
    # 22 February is the first day, 29 February the sixth, a Tuesday.
    assert due(accepted(desk, clerk)).due_rolled == date(2028, 3, 13)
    clock.set("2028-02-29 10:00")
    assert due(accepted(desk, clerk)).due_rolled == date(2028, 3, 21)


def test_a_holiday_declared_while_the_clock_runs_moves_the_end_and_says_so(
    hall: Hall,
    run_jobs,
) -> None:
    booking, path = hall.accepted()
    assert deadline_of(hall.case(path), "NO-D1")["due_on"] == "2026-03-23"
    table = current_calendar()
    days = {**table.tables[2026], date(2026, 3, 16): (DayKind.HOLIDAY, "临时放假")}
    working_days.publish(SYSTEM, notice.YearTable(2026, "临时放假通知（测试）", days))
    run_jobs()
    for shown in (hall.case(path), hall.mine(booking, "case")):
        assert deadline_of(shown, "NO-D1")["due_on"] == "2026-03-24"


def test_a_holiday_declared_during_a_pause_moves_what_is_left(
    desk: Desk, clerk: Actor, clock: SettableClock, run_jobs
) -> None:
    case = accepted(desk, clerk)
    clock.set("2026-03-04 10:00")
    step(clerk, case, PauseGround.SUPPLEMENT)
    days = {
        **current_calendar().tables[2026],
        date(2026, 3, 3): (DayKind.HOLIDAY, "临时放假"),
        date(2026, 3, 17): (DayKind.HOLIDAY, "临时放假"),
    }
    working_days.publish(SYSTEM, notice.YearTable(2026, "临时放假通知（测试）", days))
    run_jobs()
    clock.set("2026-03-10 10:00")
    step(clerk, case, PauseGround.SUPPLEMENT)
    # 4 March is now the first day; fourteen are left after 10 March, and the 17th is none.
    assert due(case).due_rolled == date(2026, 3, 31)


def test_pauses_that_overlap_count_once(desk: Desk, clerk: Actor, clock: SettableClock) -> None:
    case = accepted(desk, clerk)
    for moment, ground in (
        ("2026-03-04 10:00", PauseGround.SUPPLEMENT),
        ("2026-03-06 10:00", PauseGround.FORCE_MAJEURE),
        ("2026-03-10 10:00", PauseGround.SUPPLEMENT),
        ("2026-03-11 10:00", PauseGround.VERIFICATION),
        ("2026-03-12 10:00", PauseGround.FORCE_MAJEURE),
    ):
        clock.set(moment)
        step(clerk, case, ground)
        assert due(case).state.value == "paused"
    clock.set("2026-03-16 10:00")
    step(clerk, case, PauseGround.VERIFICATION)
    # Two days were used up (3 and 4 March); thirteen follow the 16th.
    assert (due(case).state.value, due(case).due_rolled) == ("open", date(2026, 4, 2))


def test_a_pause_heals_nothing_that_is_late(desk: Desk, clerk: Actor, clock: SettableClock) -> None:
    case = accepted(desk, clerk)
    clock.set("2026-03-24 10:00")
    step(clerk, case, PauseGround.SUPPLEMENT)
    clock.set("2026-04-24 10:00")
    step(clerk, case, PauseGround.SUPPLEMENT)
    assert due(case).due_rolled == date(2026, 3, 23)
    supervision.sweep()
    assert due(case).overdue_at is not None


def expected(start: date, pauses: list[tuple[date, date]]) -> date:
    """Count the days one by one: a day counts when it is worked and no pause covers it (its first day not included)."""
    calendar = current_calendar()
    day, counted = start, 0
    while counted < WD15:
        day += timedelta(days=1)
        covered = any(begins < day <= ends for begins, ends in pauses)
        counted += calendar.status(day).is_workday and not covered
    return day


GROUNDS = st.sampled_from(list(PauseGround))


@given(st.lists(st.tuples(st.integers(0, 4), GROUNDS), max_size=8))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_overlaps_the_end_is_that_of_counting_day_by_day(
    desk: Desk, clerk: Actor, clock: SettableClock, moves: list[tuple[int, PauseGround]]
) -> None:
    start = date(2026, 3, 2)
    clock.set("2026-03-02 09:00")
    case = accepted(desk, clerk)
    lasting: set[PauseGround] = set()
    pauses: list[tuple[date, date]] = []
    begun, today = start, start
    for days, ground in moves:
        later = today + timedelta(days=days)
        if not lasting and later > expected(start, pauses):
            # Late by now: what follows moves nothing.
            break
        today = later
        clock.set_to(datetime.combine(today, time(10), tzinfo=core_clock.zone()))
        step(clerk, case, ground)
        if not lasting:
            begun = today
        lasting ^= {ground}
        if not lasting:
            pauses.append((begun, today))
    for ground in sorted(lasting):
        step(clerk, case, ground)
    if lasting:
        pauses.append((begun, today))
    # A pause that began on the last day leaves no day: the end is then the day of resuming, rolled off rest days.
    wanted = expected(start, pauses)
    if pauses:
        wanted = max(wanted, current_calendar().roll_forward(pauses[-1][1]).rolled)
    assert due(case).due_rolled == wanted


def test_what_waits_for_a_clerk_is_counted_in_their_offices_only(
    hall: Hall,
    clock: SettableClock,
) -> None:
    def waiting(who: str) -> tuple[int, int, int]:
        person = db.session.get(StaffMember, hall.people[who])
        assert person is not None
        grants = frozenset((g.role.value, g.office_id) for g in person.grants)
        counts = worklist_counts(Actor(ActorKind.STAFF, person.id, grants=grants))
        assert counts is not None
        return counts.not_checked_in, counts.near_end, counts.appeals

    hall.accepted()
    hall.booked("2026-03-02 10:00")
    assert waiting("clerk") == (0, 0, 0)
    clock.set("2026-03-02 10:05")
    assert waiting("clerk") == (1, 0, 0)
    clock.set("2026-03-18 09:00")
    assert waiting("clerk") == (1, 1, 0)
    assert waiting("stranger") == (0, 0, 0)
    page = hall.api.get("/staff/worklist", headers=hall.headers["clerk"]).json
    counters = {item["code"]: item["count"] for item in page["counters"]}
    assert counters == {
        "notary.not_checked_in": 1,
        "notary.no_result": 0,
        "notary.without_time": 0,
        "notary.untold": 0,
        "notary.near_end": 1,
        "notary.without_handler": 0,
        "notary.appeals": 0,
        "notary.to_hand_over": 0,
    }
    assert [d["rule"] for d in page["urgent"]] == ["NO-D1"]
