"""What must hold in the database after any run, asked by plain statements that share nothing with the room's own code."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from portal.audit import chain
from portal.core.db import db
from tests.benchmarks.notary.town import Town

# Each finds what must not be there; its name says what that would be.
_WRONG = {
    "a slot whose claimed seats are not the sum of its live claims": """
        SELECT COUNT(*) FROM notary_slot s WHERE s.claimed <> COALESCE((
            SELECT SUM(c.seats) FROM notary_claim c
            WHERE c.slot_id = s.id AND c.released_at IS NULL), 0)""",
    "a slot sold beyond its capacity": """
        SELECT COUNT(*) FROM notary_slot WHERE claimed > capacity OR claimed < 0""",
    "a person with two active bookings for one matter": """
        SELECT COUNT(*) FROM (SELECT 1 FROM notary_party WHERE active
            GROUP BY person_index, matter_id HAVING COUNT(*) > 1) twice""",
    "a person whose count is not that of their active bookings": """
        SELECT COUNT(*) FROM notary_person p WHERE p.active <> (
            SELECT COUNT(*) FROM notary_party y WHERE y.active AND y.person_index = p.person_index)""",
    "an account with two holds": """
        SELECT COUNT(*) FROM (SELECT 1 FROM notary_booking WHERE state = 'held'
            GROUP BY account_id HAVING COUNT(*) > 1) twice""",
    "a booking whose history does not add up to its seats": """
        SELECT COUNT(*) FROM notary_booking b WHERE
            COALESCE((SELECT SUM(h.seats) FROM notary_history h WHERE h.booking_id = b.id), 0)
            <> COALESCE((SELECT SUM(c.seats) FROM notary_claim c
                WHERE c.booking_id = b.id AND c.released_at IS NULL), 0)""",
    "a booking whose last line of history tells another state": """
        SELECT COUNT(*) FROM notary_booking b JOIN notary_history h ON h.booking_id = b.id
        WHERE h.state <> b.state AND NOT EXISTS (
            SELECT 1 FROM notary_history later WHERE later.booking_id = b.id AND later.id > h.id)""",
    "a confirmed booking without exactly one firm seat": """
        SELECT COUNT(*) FROM notary_booking b WHERE b.state = 'confirmed' AND 1 <> (
            SELECT COALESCE(SUM(c.seats), 0) FROM notary_claim c WHERE c.booking_id = b.id
            AND c.released_at IS NULL AND c.occupies_until IS NULL)""",
    "a booking that has ended and still has a seat that does not cool off": """
        SELECT COUNT(*) FROM notary_claim c JOIN notary_booking b ON b.id = c.booking_id
        WHERE c.released_at IS NULL AND NOT c.cooling
        AND b.state NOT IN ('held', 'offered', 'confirmed')""",
    "an active party of a booking that does not stand": """
        SELECT COUNT(*) FROM notary_party p JOIN notary_booking b ON b.id = p.booking_id
        WHERE p.active <> (b.state = 'confirmed')""",
    "an offer that belongs to nobody whose turn it is": """
        SELECT COUNT(*) FROM notary_booking b LEFT JOIN notary_waiting w ON w.id = b.waiting_id
        WHERE b.state = 'offered' AND (w.id IS NULL OR w.state <> 'offered')""",
    "somebody told of an offer who has none": """
        SELECT COUNT(*) FROM notary_waiting w WHERE w.state = 'offered' AND NOT EXISTS (
            SELECT 1 FROM notary_booking b WHERE b.waiting_id = w.id AND b.state = 'offered')""",
    "a confirmation without its audit row": """
        SELECT COUNT(*) FROM notary_booking b WHERE b.confirmed_at IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM audit_event a WHERE a.subject_id = b.id
            AND a.action = 'notary_booking.confirm')""",
    "a reference given twice": """
        SELECT COUNT(*) - COUNT(DISTINCT reference) FROM notary_booking
        WHERE reference IS NOT NULL""",
}


def faults(town: Town) -> list[str]:
    """Name every invariant that does not hold, with how often."""
    found = []
    with town.inside():
        for name, statement in _WRONG.items():
            times = number(statement)
            if times:
                found.append(f"{name} ({times})")
        checked = chain.verify()
        if not checked.ok:
            found.append(f"the audit chain: {checked.problem}")
    return found


def number(statement: str, **values: Any) -> int:
    """Return the one number that a statement asks for."""
    return int(db.session.execute(text(statement), values).scalar() or 0)


def states(town: Town) -> dict[str, int]:
    """Return how many bookings there are in each state."""
    with town.inside():
        rows = db.session.execute(
            text("SELECT state, COUNT(*) FROM notary_booking GROUP BY state ORDER BY state")
        )
        return {state: count for state, count in rows}  # noqa: C416 - rows are no pairs to mypy


def claimed(town: Town) -> int:
    """Return how many seats are taken, held or cooling off."""
    with town.inside():
        return number("SELECT SUM(claimed) FROM notary_slot")
