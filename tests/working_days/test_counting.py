"""Counting: the vectors of the rule book, and what must hold for every start and every length."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from portal.working_days import counting, notice
from portal.working_days.calendar import Calendar, DayKind, YearState, end_of_months
from tests.working_days.conftest import CONTENT

D = date.fromisoformat

# rules.md 7.6, all of them: case, start, rule, raw (None where the book gives none), rolled, provisional.
VECTORS = [
    ("legal aid review", "2026-03-02", "CD 7", "2026-03-09", "2026-03-09", False),
    ("legal aid review over National Day", "2026-09-28", "CD 7", "2026-10-05", "2026-10-08", False),
    ("assign after grant", "2026-04-30", "CD 3", "2026-05-03", "2026-05-06", False),
    ("objection over Spring Festival", "2026-02-12", "CD 5", "2026-02-17", "2026-02-24", False),
    ("notary issue", "2026-09-28", "WD 15", None, "2026-10-23", False),
    ("reconsideration acceptance", "2026-09-29", "WD 5", None, "2026-10-12", False),
    ("reconsideration application", "2026-08-06", "CD 60", "2026-10-05", "2026-10-08", False),
    ("disclosure answer", "2026-09-18", "WD 20", None, "2026-10-22", False),
    ("public comment minimum", "2026-09-01", "open 30", "2026-10-01", "2026-10-08", False),
    ("legality review", "2026-04-29", "WD 7", None, "2026-05-12", False),
    # A Sunday in a year without a table: counted, rolled to Monday, and said to be provisional.
    ("direct suit", "2026-08-31", "M 6", "2027-02-28", "2027-03-01", True),
    ("suit", "2026-03-31", "M 6", "2026-09-30", "2026-09-30", False),
    ("judicial confirmation", "2026-09-02", "CD 30", "2026-10-02", "2026-10-08", False),
]


@pytest.mark.parametrize(
    ("start", "rule", "raw", "rolled", "provisional"),
    [vector[1:] for vector in VECTORS],
    ids=[vector[0] for vector in VECTORS],
)
def test_the_rule_book_vector(calendar_2026, start, rule, raw, rolled, provisional):
    unit, amount = rule.split()
    count = {
        "CD": counting.add_caldays,
        "WD": counting.add_workdays,
        "M": counting.add_months,
        "open": counting.min_open,
    }[unit]
    counted = count(D(start), int(amount))
    assert counted.raw == D(raw or rolled)
    assert counted.rolled == D(rolled)
    assert counted.provisional is provisional


@pytest.mark.parametrize(
    ("event", "n", "raw", "rolled"),
    [
        ("2026-03-20", 3, "2026-03-17", "2026-03-17"),
        # The third day before lies in the National Day week: earlier, never later.
        ("2026-10-09", 3, "2026-10-06", "2026-09-30"),
        ("2026-10-12", 1, "2026-10-11", "2026-10-10"),
        ("2026-03-20", 0, "2026-03-20", "2026-03-20"),
    ],
)
def test_what_is_due_before_an_event_moves_earlier(calendar_2026, event, n, raw, rolled):
    counted = counting.before_days(D(event), n)
    assert (counted.raw, counted.rolled) == (D(raw), D(rolled))


def test_a_day_tells_what_it_is(calendar_2026):
    kinds = {
        "2026-10-01": DayKind.HOLIDAY,
        "2026-10-07": DayKind.MOVED_REST,
        "2026-10-10": DayKind.MOVED_WORK,
        "2026-10-11": DayKind.WEEKEND,
        "2026-10-12": DayKind.WORKDAY,
    }
    for day, kind in kinds.items():
        status = counting.is_workday(D(day))
        assert (status.kind, status.provisional) == (kind, False)
        assert status.is_workday is (kind in (DayKind.MOVED_WORK, DayKind.WORKDAY))
    assert counting.is_workday(D("2026-10-01")).name == "国庆节"


def test_working_days_between_leave_out_the_first_day_and_count_the_last(calendar_2026):
    assert counting.workdays_between(D("2026-09-30"), D("2026-10-10")) == 3
    assert counting.workdays_between(D("2026-10-10"), D("2026-09-30")) == -3
    assert counting.workdays_between(D("2026-10-09"), D("2026-10-09")) == 0


def test_a_year_without_a_table_knows_the_week_and_the_fixed_holidays_only(calendar_2026):
    for day in ("2027-01-01", "2027-05-01", "2027-05-02", "2027-10-01", "2027-10-02", "2027-10-03"):
        status = counting.is_workday(D(day))
        assert (status.kind, status.provisional) == (DayKind.HOLIDAY, True)
        assert status.name
    # New Year's Eve by the moon in 2027: not guessed, so it counts as a plain Friday until the notice comes.
    assert counting.is_workday(D("2027-02-05")).kind is DayKind.WORKDAY
    assert counting.is_workday(D("2027-05-03")).kind is DayKind.WORKDAY
    assert counting.is_workday(D("2027-01-02")).kind is DayKind.WEEKEND


@pytest.mark.parametrize(
    ("start", "n", "provisional"),
    [
        ("2026-12-30", 1, False),
        ("2026-12-30", 2, True),
    ],
)
def test_only_what_leans_on_the_missing_year_is_provisional(calendar_2026, start, n, provisional):
    assert counting.add_workdays(D(start), n).provisional is provisional


def test_a_period_that_begins_before_the_missing_year_is_provisional_by_its_end(calendar_2026):
    counted = counting.add_caldays(D("2026-12-30"), 2)
    assert counted == counting.Counted(D("2027-01-01"), D("2027-01-04"), provisional=True)


def test_an_empty_calendar_counts_all_the_same(database):
    assert counting.add_workdays(D("2026-03-02"), 5) == counting.Counted(
        D("2026-03-09"), D("2026-03-09"), provisional=True
    )


@pytest.mark.parametrize("name", ["add_workdays", "add_caldays", "add_months", "before_days"])
def test_a_negative_length_is_refused(calendar_2026, name):
    with pytest.raises(ValueError, match="negative"):
        getattr(counting, name)(D("2026-03-02"), -1)


@pytest.mark.parametrize(
    ("start", "n", "end"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2023-08-31", 6, "2024-02-29"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2026-11-30", 1, "2026-12-30"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-03-15", 0, "2026-03-15"),
        ("2026-03-15", 240, "2046-03-15"),
    ],
)
def test_a_month_ends_on_the_corresponding_day_or_the_last(start, n, end):
    assert end_of_months(D(start), n) == D(end)


FULL = Calendar(
    states=dict.fromkeys(
        range(notice.FIRST_YEAR, notice.LAST_SEEDED_YEAR + 1), YearState.PUBLISHED
    ),
    tables={
        year: notice.from_seed(year).days
        for year in range(notice.FIRST_YEAR, notice.LAST_SEEDED_YEAR + 1)
    },
).with_table(2026, YearState.PUBLISHED, notice.read_file(CONTENT / "calendar" / "2026.yaml").days)
STARTS = st.dates(D("2004-01-01"), D("2029-12-31"))
LENGTHS = st.integers(0, 130)
bounded = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@bounded
@given(STARTS, st.integers(1, 130))
@example(D("2026-12-31"), 1)
def test_adding_working_days_lands_on_one_and_counts_exactly_that_many(start, n):
    counted = FULL.add_workdays(start, n)
    assert counted.raw == counted.rolled > start
    assert FULL.status(counted.raw).is_workday
    assert FULL.workdays_between(start, counted.raw) == n
    assert FULL.workdays_between(counted.raw, start) == -n


@bounded
@given(STARTS, LENGTHS, LENGTHS)
def test_adding_working_days_is_monotone_and_adds_up(start, n, m):
    first = FULL.add_workdays(start, n)
    assert FULL.add_workdays(start, n + 1).raw > first.raw
    assert FULL.add_workdays(start + timedelta(days=1), n).raw >= first.raw
    if n:
        assert FULL.add_workdays(first.raw, m).raw == FULL.add_workdays(start, n + m).raw


@bounded
@given(STARTS, LENGTHS)
def test_a_rolled_end_is_the_first_working_day_from_the_raw_one(start, n):
    for counted in (FULL.add_caldays(start, n), FULL.add_months(start, n), FULL.min_open(start, n)):
        assert counted.rolled >= counted.raw
        assert FULL.status(counted.rolled).is_workday
        between = list(FULL.days(counted.raw, counted.rolled))[:-1]
        assert not any(status.is_workday for _, status in between)
        assert counted.provisional is FULL.is_provisional(counted.raw, counted.rolled)
    assert FULL.add_caldays(start, n).raw == start + timedelta(days=n)


@bounded
@given(STARTS, LENGTHS)
def test_months_end_on_the_same_day_or_on_the_months_last(start, n):
    end = end_of_months(start, n)
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == n
    assert end.day == start.day or (
        end.day < start.day and (end + timedelta(days=1)).month != end.month
    )


@bounded
@given(STARTS, LENGTHS)
def test_before_an_event_never_comes_later(event, n):
    counted = FULL.before_days(event, n)
    assert counted.rolled <= counted.raw == event - timedelta(days=n)
    assert FULL.status(counted.rolled).is_workday
    assert FULL.workdays_between(counted.rolled, counted.raw) == 0


@bounded
@given(st.dates(D("2025-11-15"), D("2026-03-15")), LENGTHS)
def test_a_year_that_becomes_known_only_removes_provisional(start, n):
    unknown = Calendar({2025: YearState.PUBLISHED}, {2025: FULL.tables[2025]})
    before, after = unknown.add_workdays(start, n), FULL.add_workdays(start, n)
    assert not after.provisional
    if not before.provisional:
        assert before == after
