"""`Idempotency-Key`: a client that got no answer asks again, and the effect happens once.

The key's row, the effect and everything else the step writes are one commit, so that a process killed in between leaves
either all or nothing. A named lock tells a second request with the same key that the first is still under way (409).
Only successful answers are kept; a refused request may be corrected and sent again under the same key.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Response, request
from sqlalchemy import String, UniqueConstraint, bindparam, delete, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.core import clock, jobs, locks
from portal.core.actor import Actor
from portal.core.db import Model, PublicId, UTCDateTime, db, is_sqlite, new_id
from portal.core.encryption import EncryptedText, blind_index
from portal.core.errors import Invalid, KeyInFlight, Malformed
from portal.core.prepared import Prepared
from portal.core.unit_of_work import unit_of_work

KEPT = timedelta(hours=24)
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_REPLAYED_HEADERS = ("ETag", "Location")


class IdempotencyRecord(PublicId, Model):
    """The answer given under a key. The body may hold personal data, so it is sealed like any other."""

    __tablename__ = "idempotency_record"
    __table_args__ = (UniqueConstraint("scope", "key", name="uq_idempotency_record_scope_key"),)

    scope: Mapped[str] = mapped_column(String(120))
    key: Mapped[str] = mapped_column(String(200))
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    headers: Mapped[str] = mapped_column(String(400))
    body: Mapped[str] = mapped_column(EncryptedText("idempotency_record.body"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)


def requested_key() -> str | None:
    """Return the request's key; raises Malformed for one that is not 1 to 200 visible ASCII signs."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise Malformed(
            "幂等键（Idempotency-Key）格式不对。",
            code="bad_idempotency_key",
            next_step="请用 1 到 200 个可见的英文字符，例如一个 UUID。",
        )
    return key


def run(
    actor: Actor, key: str, prepare: Callable[[], None], view: Callable[[], Response]
) -> Response:
    """Run `view` at most once for `actor` and `key`; returns its answer, or the stored one with `Idempotency-Replayed`.

    `prepare` is what the view wants to read first; it is not called for an answer that is stored. Raises KeyInFlight while
    another request with the key runs, Invalid when the key was used for another request.

    A named lock keeps requests with the same key apart until the commit. On SQLite it comes first: behind BEGIN IMMEDIATE
    the second request would wait out the first one instead of learning of it; and what was stored is looked up before the
    unit of work, in which all other writers wait. On PostgreSQL the lock belongs to the transaction.
    """
    # A client may build its key from anything, an ID number too; only a keyed fingerprint of it is kept.
    scope = _scope(actor)
    call = _Call(scope, blind_index("idempotency.key", key.encode().hex()), _fingerprint())
    name = f"idempotency:{scope}:{call.key}"
    if is_sqlite():
        with locks.try_lock(name) as free:
            stored = call.stored(free)
            if stored is not None and not stored.outlived:
                return stored.replay(call.fingerprint)
            prepare()
            with unit_of_work():
                return call.first_time(stored, view)
    with unit_of_work(), locks.try_lock(name) as free:
        stored = call.stored(free)
        if stored is not None and not stored.outlived:
            return stored.replay(call.fingerprint)
        prepare()
        return call.first_time(stored, view)


@dataclass(frozen=True)
class _Stored:
    """An answer that was given under a key."""

    id: uuid.UUID
    fingerprint: str
    status: int
    headers: str
    body: str
    created_at: datetime

    @property
    def outlived(self) -> bool:
        """True when it need not be kept any longer."""
        return self.created_at <= clock.now() - KEPT

    def replay(self, fingerprint: str) -> Response:
        """Give the answer again; raises Invalid when it was the answer to another request."""
        if self.fingerprint != fingerprint:
            raise Invalid(
                "这个幂等键已经用于另一个不同的请求。",
                code="idempotency_key_reused",
                next_step="请为新的请求换一个新的幂等键。",
            )
        response = Response(self.body, status=self.status, mimetype="application/json")
        if not self.body:
            del response.headers["Content-Type"]
        response.headers.extend(json.loads(self.headers))
        response.headers["Idempotency-Replayed"] = "true"
        return response


@dataclass(frozen=True)
class _Call:
    """A request under a key."""

    scope: str
    key: str
    fingerprint: str

    def stored(self, free: bool) -> _Stored | None:
        """Return the answer that was given under the key; raises KeyInFlight unless the key's lock was free."""
        if not free:
            raise KeyInFlight
        found = _LOOK.row({"scope": self.scope, "key": self.key})
        return None if found is None else _Stored(*found)

    def first_time(self, outlived: _Stored | None, view: Callable[[], Response]) -> Response:
        """Run the view and keep its answer; inside a unit of work."""
        if outlived is not None:
            db.session.execute(delete(IdempotencyRecord).where(IdempotencyRecord.id == outlived.id))
        response = view()
        if response.status_code < 300:
            kept = {
                name: response.headers[name]
                for name in _REPLAYED_HEADERS
                if name in response.headers
            }
            _KEEP.run(
                {
                    "id": new_id(),
                    "scope": self.scope,
                    "key": self.key,
                    "fingerprint": self.fingerprint,
                    "status": response.status_code,
                    "headers": json.dumps(kept),
                    "body": response.get_data(as_text=True),
                    "created_at": clock.now(),
                }
            )
        return response


_RECORDS: Any = IdempotencyRecord.__table__
_KEEP = Prepared(lambda _dialect: insert(_RECORDS), writes=True)
_LOOK = Prepared(
    lambda _dialect: select(
        _RECORDS.c.id,
        _RECORDS.c.fingerprint,
        _RECORDS.c.status,
        _RECORDS.c.headers,
        _RECORDS.c.body,
        _RECORDS.c.created_at,
    ).where(_RECORDS.c.scope == bindparam("scope"), _RECORDS.c.key == bindparam("key")),
    writes=False,
)


def _fingerprint() -> str:
    digest = hashlib.sha256(f"{request.method} {request.full_path}".encode("utf-8", "replace"))
    digest.update((request.headers.get("If-Match") or "").encode("utf-8", "replace"))
    if request.mimetype == "multipart/form-data":
        # The boundary differs between two sendings of the same form, so the parts are hashed and not the bytes.
        for name, value in sorted(request.form.items(multi=True)):
            digest.update(f"\x00{name}={value}".encode("utf-8", "replace"))
        for name, file in sorted(request.files.items(multi=True), key=lambda part: part[0]):
            digest.update(f"\x00{name}={file.filename}\x00".encode("utf-8", "replace"))
            content = hashlib.sha256()
            while chunk := file.stream.read(1 << 20):
                content.update(chunk)
            file.stream.seek(0)
            digest.update(content.digest())
    else:
        digest.update(request.get_data(cache=True))
    # Keyed: a body may be little more than a phone number, which a plain digest would give away to whoever tries them all.
    return blind_index("idempotency.fingerprint", digest.hexdigest())


def forget(actor: Actor) -> None:
    """Remove every answer that is kept for `actor`; inside a unit of work."""
    db.session.execute(delete(_RECORDS).where(_RECORDS.c.scope == _scope(actor)))


def _scope(actor: Actor) -> str:
    return f"{actor.kind}:{actor.id}"


@jobs.job_handler("web.forget_idempotency_keys")
def _forget_old(_run: Any) -> None:
    db.session.execute(
        delete(IdempotencyRecord).where(IdempotencyRecord.created_at <= clock.now() - KEPT)
    )


jobs.periodic("web.forget_idempotency_keys", timedelta(hours=1))
