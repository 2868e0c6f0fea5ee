"""Who is asking, and under which request id.

`web` knows no accounts: the accounts room registers an authenticator that turns a bearer token into an `Actor`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import structlog
from flask import Flask, Response, g, request

from portal.core.actor import ANONYMOUS, Actor
from portal.core.db import new_id
from portal.core.errors import Unauthenticated

Authenticator = Callable[[str], Actor | None]

_LONG_NUMBER = re.compile(r"(?:\d[_.\-]?){11}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.\-]{8,64}")
_TOKEN = re.compile(r"[A-Za-z0-9_\-]{16,200}")
_authenticator: Authenticator | None = None


def register_authenticator(authenticator: Authenticator) -> None:
    """Install the function that turns a token into an actor, or None for an unknown or dead one."""
    global _authenticator
    _authenticator = authenticator


def init_app(app: Flask) -> None:
    """Give every request its id, in and out, and in every log line."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    sent = request.headers.get("X-Request-ID", "")
    # It is written into every log line and audit row, so one that could be a phone or an ID number is not taken over.
    taken = _REQUEST_ID.fullmatch(sent) and not _LONG_NUMBER.search(sent)
    g.request_id = sent if taken else str(new_id())
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = request_id()
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    # Answers carry personal data more often than not; what may be cached says so itself.
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def request_id() -> str:
    """Return the id of the current request."""
    found: str = g.get("request_id") or "-"
    return found


def identify(*, required: bool) -> Actor:
    """Return the caller by the `Authorization: Bearer` header, and remember it for `current_actor`.

    Raises Unauthenticated when a token is sent that is not good, and, with `required`, when none is sent.
    """
    header = request.headers.get("Authorization")
    actor = ANONYMOUS
    if header is not None:
        scheme, _, token = header.partition(" ")
        known = None
        if scheme.lower() == "bearer" and _TOKEN.fullmatch(token.strip()) and _authenticator:
            known = _authenticator(token.strip())
        if known is None:
            raise Unauthenticated
        actor = known
    if required and actor is ANONYMOUS:
        raise Unauthenticated("这项服务需要先登录。")
    g.actor = actor
    if actor.id is not None:
        structlog.contextvars.bind_contextvars(actor=f"{actor.kind}:{actor.id}")
    return actor


def current_actor() -> Actor:
    """Return the caller identified for this request; anonymous where the route is public."""
    found: Actor = g.get("actor", ANONYMOUS)
    return found


def client_address() -> str:
    """Return the caller's address (behind proxies only as far as they are trusted, see `ProxyFix` in the app)."""
    return request.remote_addr or "unknown"
