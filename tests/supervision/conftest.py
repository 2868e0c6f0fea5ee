"""Rules of this room's tests, the calendar of 2026, and what was sent to whom."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from portal.core import clock as core_clock
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.notifications.models import Channel, Message
from portal.supervision import operations, queries
from portal.supervision.models import Deadline
from portal.supervision.rules import RESIDENT, DeadlineRule, Unit, register
from portal.web import request_context
from portal.working_days import operations as calendar
from tests.factories.people import make_staff

CONTENT = Path(__file__).resolve().parents[2] / "content"
KIND = "test_matter"
DAY = timedelta(days=1)

REVIEW = register(
    DeadlineRule(
        "T-CD7",
        "审查并决定",
        Unit.CD,
        7,
        "法律援助法第四十三条",
        "R",
        "legal_aid_officer",
        (3 * DAY, DAY),
    )
)
ANSWER = register(
    DeadlineRule(
        "T-WD5",
        "答复",
        Unit.WD,
        5,
        "本平台服务承诺",
        "D",
        "lawyer",
        (2 * DAY, DAY),
        configurable=True,
    )
)
CLAIM = register(
    DeadlineRule(
        "T-H48", "推进办理", Unit.H, 48, "本平台服务承诺", "D", "lawyer", (timedelta(hours=12),)
    )
)
SUIT = register(DeadlineRule("T-M6", "起诉", Unit.M, 6, "行政诉讼法第四十六条", "R", RESIDENT))
REPLY = register(
    DeadlineRule("T-R15", "补充情况", Unit.CD, 15, "本平台服务承诺", "D", RESIDENT, (3 * DAY,))
)
RULES = (REVIEW, ANSWER, CLAIM, SUIT, REPLY)


@pytest.fixture
def calendar_2026(database: None, clock: object) -> None:
    """The tables of 2025 and 2026."""
    calendar.load(CONTENT, [2025, 2026])


@dataclass
class Matter:
    """A subject of the tests, with the register's operations on it."""

    id: uuid.UUID

    def open(self, rule: DeadlineRule, **options: object) -> Deadline:
        """Open a deadline that starts now."""
        return operations.open_deadline(
            rule.id,
            KIND,
            self.id,
            **{"starts_at": core_clock.now(), **options},  # type: ignore[arg-type]
        )

    def pause(self, rule: DeadlineRule) -> Deadline:
        """Stop its clock."""
        return operations.pause(KIND, self.id, rule.id, reason="等待补充", basis="测试依据")

    def resume(self, rule: DeadlineRule) -> Deadline:
        """Let its clock run."""
        return operations.resume(KIND, self.id, rule.id)

    def meet(self, rule: DeadlineRule) -> Deadline | None:
        """Meet its deadline."""
        return operations.meet(KIND, self.id, rule.id)

    @property
    def all(self) -> list[Deadline]:
        """Every deadline it ever had, fresh from the database."""
        db.session.rollback()
        return queries.deadlines_of(KIND, [self.id], include_ended=True)[self.id]

    @property
    def only(self) -> Deadline:
        """The one deadline it has."""
        (found,) = self.all
        return found


@pytest.fixture
def matter(calendar_2026: None) -> Matter:
    """A fresh subject."""
    return Matter(uuid.uuid4())


@pytest.fixture
def new_matter(calendar_2026: None) -> Callable[[], Matter]:
    """Make fresh subjects."""
    return lambda: Matter(uuid.uuid4())


@pytest.fixture
def sent(database: None) -> Callable[[], list[tuple[str, uuid.UUID]]]:
    """Return (template, recipient) of every message in the app, in order."""

    def read() -> list[tuple[str, uuid.UUID]]:
        db.session.rollback()
        rows = db.session.execute(
            select(Message.template, Message.recipient_id)
            .where(Message.channel == Channel.IN_APP)
            .order_by(Message.created_at, Message.id)
        )
        return [(template, recipient) for template, recipient in rows]

    return read


@pytest.fixture
def chief(database: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Headers of a supervisor whose session outlives any jump of the clock; other sessions stay real."""
    token = "supervisor-token-0001"
    actor = Actor(
        ActorKind.STAFF,
        make_staff(["supervisor"]).id,
        grants=frozenset({("supervisor", None)}),
    )
    real = request_context._authenticator

    def authenticate(sent: str) -> Actor | None:
        return actor if sent == token else real(sent) if real else None

    monkeypatch.setattr(request_context, "_authenticator", authenticate)
    return {"Authorization": f"Bearer {token}"}
