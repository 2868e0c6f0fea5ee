"""Callers of this room: two residents and a member of staff, known by fixed tokens."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.attachments import access
from portal.attachments.models import Attachment
from portal.config import settings
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.web import request_context
from tests.attachments import samples
from tests.factories.people import make_resident

RESIDENT = Actor(ActorKind.RESIDENT, uuid.UUID(int=0xA1))
OTHER = Actor(ActorKind.RESIDENT, uuid.UUID(int=0xA2))
LAWYER = Actor(ActorKind.STAFF, uuid.UUID(int=0xB1), grants=frozenset({("lawyer", None)}))
TOKENS = {
    "resident-token-000001": RESIDENT,
    "resident-token-000002": OTHER,
    "staff-token-000000001": LAWYER,
}
SUBJECT = "test_case"


def headers(actor: Actor) -> dict[str, str]:
    """The headers by which `actor` signs a request."""
    token = next(token for token, known in TOKENS.items() if known is actor)
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(autouse=True)
def callers(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fixed tokens in; the residents have accounts."""
    for resident in (RESIDENT, OTHER):
        make_resident(resident_id=resident.id, notice_accepted=False)
    monkeypatch.setattr(request_context, "_authenticator", TOKENS.get)


@pytest.fixture(autouse=True)
def case_rule(monkeypatch: pytest.MonkeyPatch) -> dict[uuid.UUID, set[uuid.UUID]]:
    """Files of a test case may be read by those listed under it."""
    readers: dict[uuid.UUID, set[uuid.UUID]] = {}
    monkeypatch.setitem(
        access._rules, SUBJECT, lambda actor, case: actor.id in readers.get(case, set())
    )
    return readers


@pytest.fixture
def upload(client: Any) -> Callable[..., Any]:
    """Upload one file as a resident; returns the response."""

    def send(
        content: bytes = b"",
        name: str = "照片.png",
        content_type: str = "image/png",
        actor: Actor = RESIDENT,
        key: str | None = None,
        **more: Any,
    ) -> Any:
        sent = headers(actor) | ({"Idempotency-Key": key} if key else {})
        return client.post(
            "/api/v1/attachments",
            data={"file": (io.BytesIO(content or samples.png()), name, content_type), **more},
            headers=sent,
            content_type="multipart/form-data",
        )

    return send


def rows() -> int:
    """How many rows there are."""
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Attachment)) or 0


def files() -> list[Path]:
    """Every file of the room on the disk, half-written ones included."""
    root = settings().files_dir
    return [path for path in root.rglob("*") if path.is_file()] if root.exists() else []


@pytest.fixture(autouse=True)
def empty_folder(database: None) -> None:
    """No file of an earlier test is left."""
    for path in files():
        path.unlink()
