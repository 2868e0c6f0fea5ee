"""Made-up people: numbers with valid check characters that nobody was given, accounts, and sessions made by operations."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable
from datetime import date
from typing import Any

import pyotp
from sqlalchemy import select

from portal.accounts import passwords, privacy_notice
from portal.accounts.identity import documents
from portal.accounts.models import (
    ConsentKind,
    ConsentRecord,
    ContactSafety,
    DocumentType,
    Office,
    OfficeKind,
    Resident,
    Role,
    RoleGrant,
    SessionKind,
    StaffMember,
)
from portal.accounts.operations import sessions, sms_codes
from portal.accounts.operations.profile import document_index
from portal.core import clock
from portal.core.db import db, new_id
from portal.core.jobs import Job
from portal.core.unit_of_work import unit_of_work

PASSWORD = "correct-horse-battery"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
_numbers = itertools.count(1)


def phone() -> str:
    """Return a mobile number that no other call returns."""
    return f"139{next(_numbers):08d}"


def id_number(born: date = date(1990, 3, 7), region: str = "500111") -> str:
    """Return a resident identity number with a right check character."""
    return documents.with_check_character(f"{region}{born:%Y%m%d}{next(_numbers) % 1000:03d}")


def make_office(
    code: str | None = None,
    name: str = "测试司法所",
    kind: OfficeKind = OfficeKind.JUSTICE_STATION,
    **fields: Any,
) -> Office:
    """Add an office that is open."""
    with unit_of_work():
        office = Office(
            code=code or f"test-{next(_numbers)}",
            name=name,
            kind=kind,
            valid_from=fields.pop("valid_from", date(2020, 1, 1)),
            **fields,
        )
        db.session.add(office)
    return office


def make_resident(
    *,
    phone_number: str | None = None,
    nickname: str | None = "小李",
    real_name: str | None = None,
    born: date = date(1990, 3, 7),
    contact_safety: ContactSafety = ContactSafety.NORMAL,
    notice_accepted: bool = True,
    resident_id: uuid.UUID | None = None,
) -> Resident:
    """Add a resident; with `real_name` also a document, born on `born`."""
    number = phone_number or phone()
    with unit_of_work():
        resident = Resident(
            id=resident_id or new_id(),
            phone=number,
            phone_index=sms_codes.phone_index(number),
            nickname=nickname,
            contact_safety=contact_safety,
        )
        if real_name is not None:
            document = id_number(born)
            resident.real_name = resident.real_name_raw = real_name
            resident.document_type = DocumentType.RESIDENT_ID
            resident.document_number = document
            resident.document_index = document_index(DocumentType.RESIDENT_ID, document)
            resident.birth_date = born.isoformat()
            resident.real_named_at = clock.now()
        db.session.add(resident)
        db.session.flush()
        if notice_accepted:
            db.session.add(
                ConsentRecord(
                    resident_id=resident.id,
                    kind=ConsentKind.PRIVACY_NOTICE,
                    version_text=privacy_notice.current_version(),
                )
            )
    return resident


def make_staff(
    roles: Iterable[str | Role] = ("moderator",),
    office: Office | uuid.UUID | None = None,
    *,
    user_name: str | None = None,
    display_name: str = "测试工作人员",
    enrolled: bool = True,
) -> StaffMember:
    """Add a member of staff with `roles` in `office` (in all offices when None), past the first sign-in when `enrolled`."""
    office_id = office.id if isinstance(office, Office) else office
    hashed = passwords.hash_password(PASSWORD)
    with unit_of_work():
        staff = StaffMember(
            user_name=user_name or f"staff{next(_numbers)}",
            display_name=display_name,
            password_hash=hashed,
            must_change_password=not enrolled,
            totp_secret=TOTP_SECRET if enrolled else None,
            totp_enrolled_at=clock.now() if enrolled else None,
        )
        db.session.add(staff)
        db.session.flush()
        db.session.add_all(
            RoleGrant(staff_id=staff.id, role=Role(role), office_id=office_id) for role in roles
        )
        db.session.flush()
        db.session.refresh(staff, ["grants"])
    return staff


def resident_headers(client: Any = None, resident: Resident | None = None) -> dict[str, str]:
    """Return the headers of a fresh session of `resident` (of a new one when None)."""
    return _headers(SessionKind.RESIDENT, (resident or make_resident()).id)


def staff_headers(
    client: Any = None,
    staff: StaffMember | None = None,
    *,
    roles: Iterable[str | Role] = ("moderator",),
    office: Office | uuid.UUID | None = None,
) -> dict[str, str]:
    """Return the headers of a fresh session of `staff` (of a new one with `roles` when None)."""
    return _headers(SessionKind.STAFF, (staff or make_staff(roles, office)).id)


def _headers(kind: SessionKind, owner_id: uuid.UUID) -> dict[str, str]:
    with unit_of_work():
        issued = sessions.issue(kind, owner_id)
    return {"Authorization": f"Bearer {issued.token}"}


def totp_code(secret: str = TOTP_SECRET) -> str:
    """Return the one-time password of this moment on the portal's clock."""
    return pyotp.TOTP(secret).at(int(clock.now().timestamp()))


def last_sms_code(phone_number: str) -> str:
    """Return the code that was sent last to a phone, read from the waiting jobs."""
    jobs = db.session.scalars(
        select(Job).where(Job.kind == sms_codes.JOB).order_by(Job.created_at.desc(), Job.id.desc())
    )
    return next(str(job.payload["code"]) for job in jobs if job.payload["phone"] == phone_number)
