"""Where the notary benchmarks play: a portal of its own, an office, and thousands of people who are signed in already."""

from __future__ import annotations

import itertools
import tempfile
import time as clock_time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import insert, text

from portal.accounts.identity import documents
from portal.accounts.models import AccountSession, Resident, SessionKind
from portal.accounts.operations.sessions import hash_token
from portal.accounts.operations.sms_codes import phone_index
from portal.config import settings
from portal.core import clock
from portal.core.db import db, new_id
from portal.core.unit_of_work import unit_of_work
from portal.notary.opening import bookable_days
from portal.notary.operations import schedule
from portal.working_days import operations as working_days
from portal.working_days.counting import current_calendar
from tests.benchmarks.stage import Stage, prepare
from tests.factories.notary import make_counter, make_matter, make_notary_office

SLOT = timedelta(minutes=30)
OPENS = time(9)
_BATCH = 1000


def say(message: str) -> None:
    """Progress for the person waiting; the figures go to the last line."""
    print(f"[{clock_time.strftime('%H:%M:%S')}] {message}", flush=True)


@dataclass(frozen=True)
class Citizen:
    """Somebody with an account: the token of their session, their address and their ID number."""

    number: int
    account_id: uuid.UUID
    token: str
    document: str

    @property
    def headers(self) -> dict[str, str]:
        """What their requests carry; a trusted proxy passes on an address of their own."""
        high, low = divmod(self.number, 256)
        return {
            "Authorization": f"Bearer {self.token}",
            "X-Forwarded-For": f"10.{high // 256 % 256}.{high % 256}.{low}",
        }


@dataclass
class Town:
    """A stage with an office of some days, times and seats, a matter of one slot, and its people."""

    stage: Stage
    people: list[Citizen] = field(default_factory=list)
    office_id: uuid.UUID | None = None
    matter_id: uuid.UUID | None = None
    times: list[datetime] = field(default_factory=list)
    seats: int = 0

    @property
    def is_sqlite(self) -> bool:
        """True when the portal's database is SQLite."""
        return str(self.stage.app.config["SQLALCHEMY_DATABASE_URI"]).startswith("sqlite")

    @property
    def log(self) -> str:
        """What the server has written."""
        path = Path(self.stage.environment["PORTAL_INSTANCE_DIR"]) / "server.log"
        return path.read_text() if path.exists() else ""

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Look into the database; nothing stays open, because processes are forked from here."""
        with self.stage.app.app_context():
            try:
                yield
            finally:
                db.session.remove()
                db.engine.dispose()

    def wish(self, when: datetime | str) -> dict[str, str]:
        """The body of a request for a seat."""
        starts = when if isinstance(when, str) else when.isoformat()
        return {
            "office_id": str(self.office_id),
            "matter_id": str(self.matter_id),
            "starts_at": starts,
        }


@contextmanager
def open_town(people: int, database: str = "", **environment: str) -> Iterator[Town]:
    """Prepare a portal with `people` in it, on SQLite or in a new database of the PostgreSQL server of `database`.

    Requests are limited as always; everybody comes from an address of their own through one trusted proxy.
    """
    with tempfile.TemporaryDirectory(prefix="portal-notary-") as folder, _own(database) as url:
        stage = prepare(
            Path(folder) / "town",
            0,
            DATABASE_URL=url,
            PORTAL_TRUSTED_PROXIES="1",
            **environment,
        )
        town = Town(stage)
        with town.inside():
            year = clock.today().year
            working_days.load(settings().content_dir, years=[year, year + 1])
            town.people = _settle(people)
        yield town
        with town.inside():
            pass


@contextmanager
def _own(server: str) -> Iterator[str]:
    if not server:
        yield ""
        return
    name = f"portal_notary_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield f"{server.rsplit('/', 1)[0]}/{name}"
    finally:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def _settle(count: int) -> list[Citizen]:
    """Write residents and their sessions straight into the tables: ten thousand sign-ins would take an hour."""
    people = [
        Citizen(number, new_id(), f"benchmark-{uuid.uuid4().hex}", document_of(number))
        for number in range(count)
    ]
    expires = clock.now() + timedelta(days=1)
    for first in range(0, count, _BATCH):
        batch = people[first : first + _BATCH]
        phones = {each.number: f"139{each.number:08d}" for each in batch}
        with unit_of_work():
            db.session.execute(
                insert(Resident),
                [
                    {
                        "id": each.account_id,
                        "phone": phones[each.number],
                        "phone_index": phone_index(phones[each.number]),
                    }
                    for each in batch
                ],
            )
            db.session.execute(
                insert(AccountSession),
                [
                    {
                        "kind": SessionKind.RESIDENT,
                        "resident_id": each.account_id,
                        "token_hash": hash_token(each.token),
                        "expires_at": expires,
                    }
                    for each in batch
                ],
            )
    return people


def document_of(number: int) -> str:
    """Return the ID number of the person with this number: grown up, with a right check character, nobody else's."""
    born = date(1970, 1, 1) + timedelta(days=number // 900)
    return documents.with_check_character(f"500111{born:%Y%m%d}{number % 900 + 100:03d}")


def open_office(
    town: Town, *, days: int, times: int, counters: int, capacity: int, **office: Any
) -> None:
    """Open an office for exactly `days` working days from the next one on, with so many times of a slot each.

    Its seats are days x times x counters x capacity.
    """
    closes = (datetime.combine(date(2020, 1, 1), OPENS) + times * SLOT).time()
    with town.inside():
        made = make_notary_office(
            hours=((OPENS, closes),),
            lead_workdays=1,
            horizon_workdays=days + 1,
            **office,
        )
        first, _ = bookable_days(made, clock.today(), current_calendar())
        calendar = current_calendar()
        # The hours are those of weekdays, so a make-up Saturday is no day of this office.
        opened = [
            each
            for each in itertools.islice(calendar.days(first, first + timedelta(days=400)), 400)
            if each[1].is_workday and each[0].weekday() < 5
        ][:days]
        last = opened[-1][0]
        for _ in range(counters):
            make_counter(made, capacity=capacity, active_from=first, active_until=last)
        schedule.refresh_all()
        matter = make_matter()
        town.office_id, town.matter_id = made.id, matter.id
        rows = db.session.execute(
            text("SELECT DISTINCT starts_at FROM notary_slot ORDER BY starts_at")
        ).scalars()
        town.times = [_aware(each) for each in rows]
        town.seats = int(
            db.session.execute(text("SELECT SUM(capacity) FROM notary_slot")).scalar() or 0
        )


def _aware(value: Any) -> datetime:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return clock.local(found if found.tzinfo else found.replace(tzinfo=clock.UTC))
