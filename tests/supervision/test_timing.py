"""The end of a deadline: units, pauses at every edge, and what holds for all of them."""

from __future__ import annotations

import calendar as months
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.core import clock
from portal.supervision import timing
from portal.supervision.rules import Unit
from portal.working_days import notice
from portal.working_days.calendar import Calendar, YearState
from tests.supervision.conftest import CONTENT

D = date.fromisoformat
YEARS = range(2024, 2027)
FULL = Calendar(
    dict.fromkeys(YEARS, YearState.PUBLISHED),
    {year: notice.from_seed(year).days for year in YEARS},
)


def at(text: str) -> datetime:
    """An instant on the district's wall clock; a date alone means nine in the morning."""
    moment = datetime.fromisoformat(text if " " in text else f"{text} 09:00")
    return moment.replace(tzinfo=clock.zone())


# unit, amount, start, pauses, raw, rolled
CASES = [
    ("no pause", "CD", 7, "2026-03-02", [], "2026-03-09", "2026-03-09"),
    (
        "two days out",
        "CD",
        7,
        "2026-03-02",
        [("2026-03-04", "2026-03-06")],
        "2026-03-11",
        "2026-03-11",
    ),
    (
        "same day",
        "CD",
        7,
        "2026-03-02",
        [("2026-03-04 09:00", "2026-03-04 18:00")],
        "2026-03-09",
        "2026-03-09",
    ),
    (
        "on the first day",
        "CD",
        7,
        "2026-03-02",
        [("2026-03-02", "2026-03-05")],
        "2026-03-12",
        "2026-03-12",
    ),
    (
        "on the last day",
        "CD",
        7,
        "2026-03-02",
        [("2026-03-09", "2026-03-12")],
        "2026-03-12",
        "2026-03-12",
    ),
    (
        "last day, ends on a rest day",
        "CD",
        7,
        "2026-03-02",
        [("2026-03-09", "2026-03-14")],
        "2026-03-14",
        "2026-03-16",
    ),
    (
        "after the end",
        "CD",
        7,
        "2026-03-02",
        [("2026-03-10", "2026-03-20")],
        "2026-03-09",
        "2026-03-09",
    ),
    (
        "between raw and rolled",
        "CD",
        7,
        "2026-09-28",
        [("2026-10-06", "2026-10-13")],
        "2026-10-05",
        "2026-10-13",
    ),
    (
        "between, back before the end",
        "CD",
        7,
        "2026-09-28",
        [("2026-10-06", "2026-10-07")],
        "2026-10-05",
        "2026-10-08",
    ),
    (
        "twice",
        "CD",
        7,
        "2026-03-02",
        [("2026-03-03", "2026-03-05"), ("2026-03-06", "2026-03-09")],
        "2026-03-14",
        "2026-03-16",
    ),
    (
        "second one too late",
        "CD",
        3,
        "2026-03-02",
        [("2026-03-03", "2026-03-04"), ("2026-03-09", "2026-03-19")],
        "2026-03-06",
        "2026-03-06",
    ),
    (
        "working days",
        "WD",
        5,
        "2026-03-02",
        [("2026-03-04", "2026-03-11")],
        "2026-03-16",
        "2026-03-16",
    ),
    (
        "working days over a weekend only",
        "WD",
        5,
        "2026-03-02",
        [("2026-03-06", "2026-03-08")],
        "2026-03-09",
        "2026-03-09",
    ),
    (
        "working days on the last day",
        "WD",
        5,
        "2026-03-02",
        [("2026-03-09", "2026-03-14")],
        "2026-03-14",
        "2026-03-16",
    ),
    (
        "working days over the National Day",
        "WD",
        5,
        "2026-09-28",
        [("2026-09-30", "2026-10-10")],
        "2026-10-14",
        "2026-10-14",
    ),
    ("months", "M", 1, "2026-01-31", [("2026-02-10", "2026-02-20")], "2026-03-10", "2026-03-10"),
    ("years", "Y", 1, "2025-03-02", [("2025-05-01", "2025-05-02")], "2026-03-03", "2026-03-03"),
]


@pytest.mark.parametrize(
    ("unit", "amount", "start", "pauses", "raw", "rolled"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_a_pause_leaves_what_was_left(unit, amount, start, pauses, raw, rolled):
    due = timing.due(
        FULL, Unit(unit), amount, at(start), [(at(begin), at(end)) for begin, end in pauses]
    )
    assert (due.raw, due.rolled) == (D(raw), D(rolled))
    assert due.at == clock.end_of_day(D(rolled))
    assert due.alarm_at == clock.end_of_day(D(raw))
    assert not due.provisional


def test_hours_stop_to_the_second():
    start = at("2026-03-06 17:30")
    due = timing.due(FULL, Unit.H, 48, start, [(at("2026-03-07 17:30"), at("2026-03-10 17:31"))])
    assert due.at == due.alarm_at == at("2026-03-11 17:31")
    assert due.raw == due.rolled == D("2026-03-11")
    late = timing.due(FULL, Unit.H, 48, start, [(at("2026-03-09"), at("2026-03-20"))])
    assert late.at == at("2026-03-08 17:30")


def test_a_residents_alarm_is_the_lawful_end():
    staff = timing.due(FULL, Unit.CD, 7, at("2026-09-28"))
    resident = timing.due(FULL, Unit.CD, 7, at("2026-09-28"), for_resident=True)
    assert (staff.raw, staff.rolled) == (resident.raw, resident.rolled)
    assert staff.alarm_at < staff.at == resident.at == resident.alarm_at


def test_what_was_counted_before_a_pause_keeps_its_doubt():
    calendar = Calendar({2026: YearState.PUBLISHED}, {2026: FULL.tables[2026]})
    assert timing.due(calendar, Unit.WD, 2, at("2026-12-30")).provisional
    paused = timing.due(
        calendar, Unit.WD, 2, at("2026-12-30"), [(at("2026-12-31"), at("2027-01-05"))]
    )
    assert paused.provisional
    assert not timing.due(calendar, Unit.H, 48, at("2026-12-31")).provisional


def test_the_steps_come_in_order_and_none_before_the_start():
    due = timing.due(FULL, Unit.CD, 7, at("2026-09-28"))
    day = timedelta(days=1)
    steps = timing.steps(due, (day, 30 * day, 3 * day), at("2026-09-28"), for_resident=False)
    assert [step.code for step in steps] == ["remind-259200", "remind-86400", "alarm", "overdue"]
    assert [step.at for step in steps] == [
        due.alarm_at - 3 * day,
        due.alarm_at - day,
        clock.end_of_day(D("2026-10-05")),
        clock.end_of_day(D("2026-10-08")),
    ]
    assert timing.next_step_at(steps, []) == steps[0].at
    assert timing.next_step_at(steps, ["remind-259200", "alarm"]) == steps[1].at
    assert timing.next_step_at(steps, [step.code for step in steps]) is None


def test_without_rest_days_the_alarm_is_the_overdue_mark():
    due = timing.due(FULL, Unit.CD, 7, at("2026-03-02"))
    assert [step.code for step in timing.steps(due, (), at("2026-03-02"), for_resident=False)] == [
        "overdue"
    ]


def test_a_residents_provisional_end_has_no_overdue_mark():
    due = timing.due(Calendar(), Unit.CD, 7, at("2026-03-02"), for_resident=True)
    assert due.provisional
    assert timing.steps(due, (), at("2026-03-02"), for_resident=True) == []
    assert len(timing.steps(due, (), at("2026-03-02"), for_resident=False)) == 1


bounded = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
MOMENTS = st.integers(0, 545 * 24 * 60).map(
    lambda minutes: at("2024-01-02 00:00") + timedelta(minutes=minutes)
)
UNITS = st.sampled_from([Unit.CD, Unit.WD, Unit.M])
AMOUNTS = st.integers(1, 40)
GAPS = st.lists(
    st.tuples(
        st.timedeltas(timedelta(0), timedelta(12)), st.timedeltas(timedelta(0), timedelta(12))
    ),
    max_size=4,
)


def laid_out(start: datetime, gaps: list[tuple[timedelta, timedelta]]) -> list[timing.Pause]:
    """Turn (running, paused) spans into pauses one after the other."""
    pauses, moment = [], start
    for running, paused in gaps:
        begin = moment + running
        moment = begin + paused
        pauses.append((begin, moment))
    return pauses


def days_not_counted(pauses: list[timing.Pause]) -> set[date]:
    """The days after the first of each pause, its last included."""
    found = set()
    for begin, end in pauses:
        day, last = clock.local(begin).date(), clock.local(end).date()
        while day < last:
            day += timedelta(days=1)
            found.add(day)
    return found


@bounded
@given(MOMENTS, st.sampled_from([Unit.CD, Unit.WD]), AMOUNTS, GAPS)
def test_exactly_the_amount_is_counted_and_no_paused_day_is(start, unit, amount, gaps):
    pauses = laid_out(start, gaps)
    due = timing.due(FULL, unit, amount, start, pauses)
    stopped = days_not_counted(pauses)
    counted = [
        day
        for day, status in FULL.days(clock.local(start).date() + timedelta(days=1), due.raw)
        if day not in stopped and (unit is Unit.CD or status.is_workday)
    ]
    assert len(counted) == amount
    # The raw end is the last day that counted, or the day on which a pause from that day on ended.
    assert due.raw == counted[-1] or any(clock.local(end).date() == due.raw for _, end in pauses)


@bounded
@given(MOMENTS, UNITS, AMOUNTS, GAPS)
def test_a_pause_never_shortens_and_the_lawful_end_is_a_working_day(start, unit, amount, gaps):
    pauses = laid_out(start, gaps)
    plain = timing.due(FULL, unit, amount, start)
    due = timing.due(FULL, unit, amount, start, pauses)
    assert plain.raw <= due.raw <= due.rolled
    assert plain.rolled <= due.rolled
    assert FULL.status(due.rolled).is_workday
    longest = sum((end - begin for begin, end in pauses), timedelta(0))
    if unit is not Unit.WD:
        assert due.raw <= plain.raw + longest + timedelta(days=len(pauses))


@bounded
@given(MOMENTS, UNITS, AMOUNTS, st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_a_longer_pause_never_ends_sooner(start, unit, amount, offset, length, more):
    begin = start + timedelta(days=offset)
    short = timing.due(FULL, unit, amount, start, [(begin, begin + timedelta(days=length))])
    long = timing.due(FULL, unit, amount, start, [(begin, begin + timedelta(days=length + more))])
    assert long.raw >= short.raw
    assert long.rolled >= short.rolled


@bounded
@given(MOMENTS, UNITS, AMOUNTS, st.integers(0, 40), st.integers(0, 15), st.integers(0, 15))
def test_a_pause_in_two_parts_is_the_pause_as_a_whole(start, unit, amount, offset, first, second):
    begin = start + timedelta(days=offset)
    middle = begin + timedelta(days=first)
    end = middle + timedelta(days=second)
    whole = timing.due(FULL, unit, amount, start, [(begin, end)])
    parts = timing.due(FULL, unit, amount, start, [(begin, middle), (middle, end)])
    assert (parts.raw, parts.rolled) == (whole.raw, whole.rolled)


@bounded
@given(MOMENTS, UNITS, AMOUNTS, st.integers(0, 60), st.integers(0, 20))
def test_paused_in_time_it_never_ends_before_it_resumes(start, unit, amount, offset, length):
    begin = start + timedelta(days=offset)
    end = begin + timedelta(days=length)
    plain = timing.due(FULL, unit, amount, start)
    due = timing.due(FULL, unit, amount, start, [(begin, end)])
    if clock.local(begin).date() <= plain.rolled:
        assert due.rolled >= clock.local(end).date()
    else:
        assert (due.raw, due.rolled) == (plain.raw, plain.rolled)


@bounded
@given(MOMENTS, st.integers(1, 400), GAPS)
def test_hours_add_up_exactly(start, amount, gaps):
    pauses = laid_out(start, gaps)
    due = timing.due(FULL, Unit.H, amount, start, pauses)
    running = (
        due.at
        - start
        - sum((end - begin for begin, end in pauses if begin <= due.at), timedelta(0))
    )
    assert running == timedelta(hours=amount)


@bounded
@given(st.dates(D("2024-01-01"), D("2025-12-31")), st.integers(0, 11))
def test_months_without_pauses_end_on_the_corresponding_day(start, amount):
    due = timing.due(FULL, Unit.M, amount, clock.start_of_day(start))
    last = months.monthrange(due.raw.year, due.raw.month)[1]
    assert due.raw.day == min(start.day, last)


def test_the_calendar_of_these_tests_is_the_shipped_one():
    shipped = notice.read_file(CONTENT / "calendar" / "2026.yaml").days
    assert {day: kind for day, (kind, _) in shipped.items()} == {
        day: kind for day, (kind, _) in FULL.tables[2026].items()
    }
