"""`Idempotency-Key`: a client that got no answer asks again, and the effect happens once.

The key's row, the effect and everything else the step writes are one commit, so that a process killed in between leaves
either all or nothing. A named lock tells a second request with the same key that the first is still under way (409).
Only successful answers are kept; a refused request may be corrected and sent again under the same key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from flask import Response, request
from sqlalchemy import String, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.core import clock, jobs, locks
from portal.core.actor import Actor
from portal.core.db import Model, PublicId, UTCDateTime, db, is_sqlite
from portal.core.encryption import EncryptedText, blind_index
from portal.core.errors import Invalid, KeyInFlight, Malformed
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


def run(actor: Actor, key: str, view: Callable[[], Response]) -> Response:
    """Run `view` at most once for `actor` and `key`; returns its answer, or the stored one with `Idempotency-Replayed`.

    Raises KeyInFlight while another request with the key runs, Invalid when the key was used for another request.
    """
    scope = f"{actor.kind}:{actor.id}"
    # A client may build its key from anything, an ID number too; only a keyed fingerprint of it is kept.
    key = blind_index("idempotency.key", key.encode().hex())
    fingerprint = _fingerprint()
    with _alone(f"idempotency:{scope}:{key}"):
        stored = db.session.scalar(
            select(IdempotencyRecord).where(
                IdempotencyRecord.scope == scope, IdempotencyRecord.key == key
            )
        )
        if stored is not None and stored.created_at > clock.now() - KEPT:
            return _replay(stored, fingerprint)
        if stored is not None:
            db.session.delete(stored)
            db.session.flush()
        response = view()
        if response.status_code < 300:
            db.session.add(_record(scope, key, fingerprint, response))
        return response


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Run the block in a unit of work that holds the lock `name` until its commit; raises KeyInFlight when it is taken.

    On SQLite the lock comes first: behind BEGIN IMMEDIATE the second request would wait out the first one instead of
    learning of it. On PostgreSQL the lock belongs to the transaction.
    """
    if is_sqlite():
        with locks.try_lock(name) as free:
            if not free:
                raise KeyInFlight
            with unit_of_work():
                yield
        return
    with unit_of_work(), locks.try_lock(name) as free:
        if not free:
            raise KeyInFlight
        yield


def _record(scope: str, key: str, fingerprint: str, response: Response) -> IdempotencyRecord:
    kept = {name: response.headers[name] for name in _REPLAYED_HEADERS if name in response.headers}
    return IdempotencyRecord(
        scope=scope,
        key=key,
        fingerprint=fingerprint,
        status=response.status_code,
        headers=json.dumps(kept),
        body=response.get_data(as_text=True),
        created_at=clock.now(),
    )


def _replay(stored: IdempotencyRecord, fingerprint: str) -> Response:
    if stored.fingerprint != fingerprint:
        raise Invalid(
            "这个幂等键已经用于另一个不同的请求。",
            code="idempotency_key_reused",
            next_step="请为新的请求换一个新的幂等键。",
        )
    response = Response(stored.body, status=stored.status, mimetype="application/json")
    if not stored.body:
        del response.headers["Content-Type"]
    response.headers.extend(json.loads(stored.headers))
    response.headers["Idempotency-Replayed"] = "true"
    return response


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
    return digest.hexdigest()


@jobs.job_handler("web.forget_idempotency_keys")
def _forget_old(_run: Any) -> None:
    db.session.execute(
        delete(IdempotencyRecord).where(IdempotencyRecord.created_at <= clock.now() - KEPT)
    )


jobs.periodic("web.forget_idempotency_keys", timedelta(hours=1))
