"""A resident's calendar under an address that nobody can guess, and that can be taken back."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import joinedload

from portal.accounts.operations import sessions
from portal.audit import operations as audit
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import NotFound
from portal.core.unit_of_work import transactional
from portal.notary.models import BookingState, NotaryBooking, NotaryFeed

TOKEN_BYTES = 32
SHOWN_BACK = timedelta(days=31)
MOST_EVENTS = 200
_SHOWN = (
    BookingState.CONFIRMED,
    BookingState.CHECKED_IN,
    BookingState.CANCELLED,
    BookingState.ACCEPTED,
)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transactional
def open_feed(actor: Actor) -> str:
    """Return the secret of a new address; the one before opens nothing any more."""
    sessions.require_active(actor)
    close_feed(actor)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    feed = NotaryFeed(resident_id=actor.id, token_hash=_hash(token), created_at=clock.now())
    db.session.add(feed)
    db.session.flush()
    audit.record(actor, "notary_feed.opened", "notary_feed", feed.id)
    return token


@transactional
def close_feed(actor: Actor) -> None:
    """Take the address back, if there is one."""
    forget(actor.own_id)
    audit.record(actor, "notary_feed.closed", "notary_feed", None)


def forget(resident_id: uuid.UUID) -> None:
    """Remove the address of a resident; inside a unit of work."""
    db.session.execute(
        delete(NotaryFeed)
        .where(NotaryFeed.resident_id == resident_id)
        .execution_options(synchronize_session=False)
    )


def bookings_of(token: str) -> list[NotaryBooking]:
    """Return the bookings behind an address; raises NotFound for one that opens nothing."""
    resident_id = db.session.scalar(
        select(NotaryFeed.resident_id).where(NotaryFeed.token_hash == _hash(token))
    )
    if resident_id is None:
        raise NotFound("这个日历地址无效，可能已经更换。", next_step="请登录后重新生成日历地址。")
    return list(
        db.session.scalars(
            select(NotaryBooking)
            .where(
                NotaryBooking.account_id == resident_id,
                NotaryBooking.state.in_(_SHOWN),
                NotaryBooking.starts_at >= clock.now() - SHOWN_BACK,
            )
            .options(joinedload(NotaryBooking.office))
            .order_by(NotaryBooking.starts_at, NotaryBooking.id)
            .limit(MOST_EVENTS)
        )
    )
