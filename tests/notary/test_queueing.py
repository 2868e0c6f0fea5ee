"""How long somebody waits: the simulation, and how it is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.notary import queueing
from portal.notary.queueing import Entry, Seat, Wait

minutes = st.integers(5, 120)
seats = st.lists(
    st.builds(Seat, st.integers(0, 60).map(float), st.sampled_from([frozenset(), frozenset("a")])),
    min_size=1,
    max_size=4,
)


@st.composite
def lines(draw, most=12):
    """People who wait, some with an appointment later on."""
    count = draw(st.integers(0, most))
    return [
        Entry(
            number,
            draw(minutes),
            (draw(st.integers(0, 2)), number),
            draw(st.sampled_from([None, "a", "b"])),
            float(draw(st.integers(0, 90))),
        )
        for number in range(count)
    ]


def test_the_next_one_waits_for_the_first_free_seat():
    found = queueing.waits([Seat(10), Seat(25)], [Entry("a", 30, (2, 1)), Entry("b", 30, (2, 2))])
    assert found == {"a": 10, "b": 25}


def test_an_appointment_goes_first_once_its_time_has_come_and_not_before():
    entries = [
        Entry("booked", 30, (0, 1), present_at=20),
        Entry("first", 30, (2, 1)),
        Entry("second", 30, (2, 2)),
    ]
    assert queueing.waits([Seat(0)], entries) == {"first": 0, "booked": 30, "second": 60}


def test_priority_goes_before_earlier_numbers():
    entries = [Entry("early", 30, (2, 1)), Entry("elderly", 30, (1, 9))]
    assert queueing.waits([Seat(0)], entries) == {"elderly": 0, "early": 30}


def test_a_counter_that_does_not_do_the_matter_is_no_help():
    entries = [Entry("b", 30, (2, 1), code="b")]
    assert queueing.waits([Seat(0, frozenset("a")), Seat(40)], entries) == {"b": 40}
    assert queueing.waits([Seat(0, frozenset("a"))], entries) == {}


@given(seats, lines())
def test_nobody_is_called_before_they_are_there_and_a_seat_serves_one_at_a_time(free, entries):
    found = queueing.waits(free, entries)
    by_key = {entry.key: entry for entry in entries}
    earliest = min(seat.free_at for seat in free)
    for key, at in found.items():
        assert at >= max(by_key[key].present_at, earliest)
    moments = sorted(
        [(at, 1) for at in found.values()]
        + [(at + by_key[key].minutes, -1) for key, at in found.items()],
        key=lambda moment: (moment[0], moment[1]),
    )
    serving = 0
    for _, change in moments:
        serving += change
        assert serving <= len(free)


@given(seats, lines())
def test_whoever_some_counter_serves_is_told_a_time(free, entries):
    found = queueing.waits(free, entries)
    served = {entry.key for entry in entries if any(seat.serves(entry.code) for seat in free)}
    assert set(found) == served


@given(seats, lines(), lines(most=4))
def test_a_range_runs_upwards_in_steps(free, waiting, expected):
    others = [Entry(("later", e.key), e.minutes, e.rank, e.code, e.present_at) for e in expected]
    for wait in queueing.ranges(free, waiting, others).values():
        assert 0 <= wait.low <= wait.high
        assert wait.low % queueing.STEP == wait.high % queueing.STEP == 0


@pytest.mark.parametrize(
    ("wait", "text"),
    [
        (None, "目前没有办理这个事项的窗口，请向工作人员询问。"),
        (Wait(0, 0), "很快就到，大约 5 分钟以内。"),
        (Wait(0, 20), "大约 20 分钟以内。"),
        (Wait(10, 25), "大约 10 分钟到 25 分钟。"),
        (Wait(45, 90), "大约 45 分钟到 1 小时 30 分钟。"),
        (Wait(60, 120), "大约 1 小时到 2 小时。"),
        (Wait(30, 30), "大约 30 分钟。"),
        (Wait(180, 240), "今天可能排不到，请向工作人员询问。"),
    ],
)
def test_a_range_is_said_in_words(wait, text):
    assert queueing.spoken(wait, minutes_open=180) == text
