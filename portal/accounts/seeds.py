"""Offices from the district's data, and demonstration accounts for development."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, validates_schema
from sqlalchemy import select

from portal.accounts import passwords
from portal.accounts.models import Office, OfficeKind, Role, StaffMember
from portal.accounts.operations.staff_accounts import GrantRequest, add_staff
from portal.audit import operations as audit
from portal.config import settings
from portal.core import clock
from portal.core.actor import SYSTEM
from portal.core.content_files import listed, named
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.web.schemas import Choice, CleanString, PlainDate, Schema

OFFICES_FILE = "offices.yaml"
# Known to everyone, therefore only where settings().demo_accounts allows; production refuses to start with them.
DEMO_PASSWORD = "Fazhi-Demo-2026"  # noqa: S105
DEMO_TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105


@dataclass(frozen=True)
class DemoCredential:
    """How to sign in to a demonstration account."""

    role: str
    user_name: str
    password: str
    totp_secret: str | None = None


class OfficeEntry(Schema):
    """An entry of offices.yaml."""

    code = CleanString(required=True, min_length=1, max_length=40)
    name = CleanString(required=True, min_length=1, max_length=100)
    kind = Choice(OfficeKind, required=True)
    valid_from = PlainDate(required=True)
    valid_until = PlainDate(load_default=None)

    @validates_schema
    def _check(self, data: dict[str, Any], **_kwargs: object) -> None:
        until = data.get("valid_until")
        if until is not None and until < data.get("valid_from", until):
            raise ValidationError("不能早于 valid_from。", "valid_until")


def seed_offices(path: Path | None = None) -> int:
    """Bring the offices in line with `content/offices.yaml`; returns how many were added or changed.

    Safe to repeat. An office that is no longer listed stays; its end is written as `valid_until`. Raises BrokenFile for a
    wrong file; then nothing is changed.
    """
    path = path or settings().content_dir / OFFICES_FILE
    with named(path.name):
        entries = listed(path, "offices", OfficeEntry(), "code")
    changed = 0
    with unit_of_work():
        known = {office.code: office for office in db.session.scalars(select(Office))}
        for entry in entries:
            office = known.get(entry["code"])
            if office is None:
                office = Office(**entry)
                db.session.add(office)
                db.session.flush()
                audit.record(SYSTEM, "office.added", "office", office.id, {"code": office.code})
            elif any(getattr(office, name) != value for name, value in entry.items()):
                for name, value in entry.items():
                    setattr(office, name, value)
                audit.record(SYSTEM, "office.changed", "office", office.id, {"code": office.code})
            else:
                continue
            changed += 1
    return changed


def demo_credentials() -> list[DemoCredential]:
    """Return how to sign in to each demonstration account; empty where they are not allowed."""
    if not settings().demo_accounts:
        return []
    return [
        DemoCredential(role.label, demo_user_name(role), DEMO_PASSWORD, DEMO_TOTP_SECRET)
        for role in Role
    ]


def demo_user_name(role: Role | str) -> str:
    """Return the user name of a role's demonstration account."""
    return f"demo.{Role(role).value.replace('_', '-')}"


def seed_demo_accounts() -> int:
    """Make one account per role, ready to sign in; returns how many were added. Accounts that exist are left alone.

    Raises RuntimeError where settings().demo_accounts is off.
    """
    config = settings()
    if not config.demo_accounts or config.is_production:
        raise RuntimeError("demonstration accounts are not allowed here")
    known = set(db.session.scalars(select(StaffMember.user_name)))
    missing = [role for role in Role if demo_user_name(role) not in known]
    if not missing:
        return 0
    hashed = passwords.hash_password(DEMO_PASSWORD)
    with unit_of_work():
        for role in missing:
            staff = add_staff(
                SYSTEM, demo_user_name(role), f"演示{role.label}", hashed, [GrantRequest(role)]
            )
            staff.must_change_password = False
            staff.totp_secret, staff.totp_enrolled_at = DEMO_TOTP_SECRET, clock.now()
    return len(missing)
