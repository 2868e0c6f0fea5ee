"""Whether the settings' keys are those of this database.

With others nothing is read, and what is written meanwhile cannot be read once the right ones are back: so neither the web nor
the background worker starts, `setup` stops, and `/readyz` says so where the database came, or was exchanged, later.
"""

from __future__ import annotations

from sqlalchemy import select

from portal.accounts.models import Resident
from portal.accounts.operations.sms_codes import phone_index
from portal.core import key_rotation
from portal.core.db import db
from portal.core.encryption import DecryptionFailed
from portal.observability.health import Report

_DIFFER = (
    "设置里的密钥不是这个数据库的密钥，库里的个人信息读不出来。请恢复原来的 PORTAL_ENCRYPTION_KEYS 和"
    " PORTAL_INDEX_KEY（开发模式：把备份的 secrets.json 放回 PORTAL_INSTANCE_DIR），然后重试。"
)


class KeysDiffer(Exception):
    """The keys are another database's; the text is for the operator."""


def require() -> None:
    """Refuse to go on with keys of another database; raises KeysDiffer."""
    if key_rotation.unopened() is not None or not _residents_are_found():
        raise KeysDiffer(_DIFFER)


def check() -> Report:
    """For `/readyz`, which is asked often: one resident tells both keys."""
    found = _residents_are_found()
    return Report(ok=found, detail="密钥与数据库相符。" if found else _DIFFER)


def _residents_are_found() -> bool:
    """False when a resident cannot be read, or not be found by their own phone, because a key is not the database's."""
    try:
        one = db.session.scalar(select(Resident).where(Resident.phone_index.is_not(None)).limit(1))
    except DecryptionFailed:
        return False
    return one is None or one.phone_index == phone_index(one.phone or "")
