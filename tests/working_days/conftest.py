"""Staff of this room's tests, and the calendar of 2026."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from portal.core.actor import Actor, ActorKind
from portal.web import request_context
from portal.working_days import operations

CONTENT = Path(__file__).resolve().parents[2] / "content"
SUPERVISOR = Actor(ActorKind.STAFF, uuid.UUID(int=7001), grants=frozenset({("supervisor", None)}))
TOKENS = {
    "supervisor-token-0001": SUPERVISOR,
    "lawyer-token-00000001": Actor(
        ActorKind.STAFF, uuid.UUID(int=7002), grants=frozenset({("lawyer", None)})
    ),
    "resident-token-000001": Actor(ActorKind.RESIDENT, uuid.UUID(int=7003)),
}


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Headers of a supervisor."""
    monkeypatch.setattr(request_context, "_authenticator", TOKENS.get)
    return {"Authorization": "Bearer supervisor-token-0001"}


@pytest.fixture
def calendar_2026(database: None) -> None:
    """The table of 2026, as it comes with the portal."""
    operations.load(CONTENT, [2026])
