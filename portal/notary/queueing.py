"""How long somebody will wait at the desk: a small simulation in minutes from now. Pure: no database, no clock.

Every seat takes, whenever it is free, whoever comes first among those who are there and whom it serves: people with an
appointment from its time on, then those with priority, then the numbers in order.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

# Nobody can say it to the minute.
STEP = 5
Codes = frozenset[str]
Rank = tuple[int, float]


@dataclass(frozen=True)
class Seat:
    """A place at a counter. `codes` empty means that every matter is done there."""

    free_at: float
    codes: Codes = frozenset()

    def serves(self, code: str | None) -> bool:
        """True when somebody with this matter (None: not said yet) is served here."""
        return code is None or not self.codes or code in self.codes


@dataclass(frozen=True)
class Entry:
    """Somebody who waits, or will come. `present_at` is when they may be called at the earliest."""

    key: Hashable
    minutes: float
    rank: Rank
    code: str | None = None
    present_at: float = 0


@dataclass(frozen=True)
class Wait:
    """A range of minutes; None when nobody serves the matter any more today."""

    low: int
    high: int


def waits(seats: Iterable[Seat], entries: Iterable[Entry]) -> dict[Hashable, float]:
    """Return after how many minutes each entry's turn comes; who is served nowhere is left out."""
    left = list(entries)
    free = list(seats)
    found: dict[Hashable, float] = {}
    while free and left:
        seat = min(free, key=lambda each: each.free_at)
        free.remove(seat)
        served = [entry for entry in left if seat.serves(entry.code)]
        if not served:
            continue
        here = [entry for entry in served if entry.present_at <= seat.free_at]
        if not here:
            free.append(Seat(min(entry.present_at for entry in served), seat.codes))
            continue
        turn = min(here, key=lambda entry: entry.rank)
        left.remove(turn)
        found[turn.key] = max(seat.free_at, turn.present_at)
        free.append(Seat(seat.free_at + turn.minutes, seat.codes))
    return found


def scaled(entries: Iterable[Entry], factor: float) -> list[Entry]:
    """Return the entries with shorter or longer services."""
    return [
        Entry(each.key, each.minutes * factor, each.rank, each.code, each.present_at)
        for each in entries
    ]


def ranges(
    seats: Iterable[Seat], waiting: Iterable[Entry], expected: Iterable[Entry]
) -> dict[Hashable, Wait]:
    """Return the range for everybody in `waiting`.

    The low end: services a quarter shorter, and none of the `expected` (appointments not checked in) comes. The high end: a
    quarter longer, and all of them come.
    """
    seats, waiting, expected = list(seats), list(waiting), list(expected)
    soon = waits(seats, scaled(waiting, 0.75))
    late = waits(seats, scaled([*waiting, *expected], 1.25))
    found = {}
    for entry in waiting:
        if entry.key in soon and entry.key in late:
            low, high = sorted((soon[entry.key], late[entry.key]))
            found[entry.key] = Wait(int(low // STEP * STEP), int(-(-high // STEP) * STEP))
    return found


def spoken(wait: Wait | None, minutes_open: float) -> str:
    """Return the range as it is said to a person; `minutes_open` is how long the desk is still open today."""
    if wait is None:
        return "目前没有办理这个事项的窗口，请向工作人员询问。"
    if wait.low >= minutes_open:
        return "今天可能排不到，请向工作人员询问。"
    if wait.high <= STEP:
        return f"很快就到，大约 {STEP} 分钟以内。"
    if wait.low < STEP:
        return f"大约 {_minutes(wait.high)}以内。"
    if wait.low == wait.high:
        return f"大约 {_minutes(wait.high)}。"
    return f"大约 {_minutes(wait.low)}到 {_minutes(wait.high)}。"


def _minutes(count: int) -> str:
    hours, rest = divmod(count, 60)
    parts = [f"{hours} 小时"] if hours else []
    parts += [f"{rest} 分钟"] if rest or not hours else []
    return " ".join(parts)
