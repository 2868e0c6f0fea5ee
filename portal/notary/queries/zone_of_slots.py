"""Whether the district's time zone is still the one in which the slots were made.

A slot is an instant that was promised as a time of day. In another zone the promise would read differently, and making the
slots anew would close them all and ask everybody to move; so nothing is given out or changed until the zone is put right.
"""

from __future__ import annotations

from sqlalchemy import select

from portal.core import clock
from portal.core.db import db
from portal.core.errors import Unavailable
from portal.notary.models import NotaryCounter, NotaryOffice, NotarySlot
from portal.notary.opening import begins
from portal.observability.health import Report, readiness

# Databases with the zone that was found to fit. It cannot come to differ: slots are made only where it fits.
_fitting: set[tuple[str, str]] = set()


class OtherTimeZone(Unavailable):
    """The zone was changed after slots were made."""

    code = "other_time_zone"
    message = "公证预约暂停：服务的时区设置与已经放出的时段不一致。"
    next_step = (
        "请平台管理员把 PORTAL_TIME_ZONE 改回原来的值并重启服务；急需办理的，请直接联系公证机构。"
    )


def fits() -> bool:
    """True while the slots to come begin when the office's grid says, on the district's wall clock, or none were made yet."""
    key = str(db.engine.url), clock.zone().key
    if key in _fitting:
        return True
    row = db.session.execute(
        select(NotaryOffice, NotarySlot.day, NotarySlot.ordinal, NotarySlot.starts_at)
        .join(NotaryCounter, NotaryCounter.office_id == NotaryOffice.id)
        .join(NotarySlot, NotarySlot.counter_id == NotaryCounter.id)
        .where(NotarySlot.day > clock.today(), NotarySlot.is_open)
        .limit(1)
    ).first()
    if row is None:
        return True
    if begins(row.NotaryOffice, row.day, row.ordinal, clock.zone()) != row.starts_at:
        return False
    _fitting.add(key)
    return True


def require() -> None:
    """Raise OtherTimeZone unless the zone fits."""
    if not fits():
        raise OtherTimeZone


def register_check() -> None:
    """Tell the operator in `/readyz`."""
    readiness.register("notary_time_zone", _check)


def _check() -> Report:
    if fits():
        return Report(ok=True, detail="公证时段与时区设置一致。")
    return Report(ok=False, detail=f"{OtherTimeZone.message}请把 PORTAL_TIME_ZONE 改回原来的值。")
