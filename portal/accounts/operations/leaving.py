"""A resident takes a copy of everything, or closes the account (个人信息保护法 45 and 47; rules 5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select, update

from portal.accounts.events import (
    ResidentDeletionRequested,
    ResidentExportRequested,
    Retention,
)
from portal.accounts.identity import documents
from portal.accounts.models import (
    AccountSession,
    ConsentRecord,
    ContactSafety,
    Resident,
    ResidentState,
    SessionEnd,
    SmsCode,
    SmsPurpose,
)
from portal.accounts.operations import sessions, sms_codes
from portal.accounts.operations.profile import REAL_NAME_FIELDS, me
from portal.audit import operations as audit
from portal.config import settings
from portal.core import clock, events
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import WrongState
from portal.core.unit_of_work import transactional, unit_of_work

# Rules 5.5 (D): consent records life of the account + 3 years.
KEEP_YEARS = 3


@dataclass(frozen=True)
class Deletion:
    """When an account was closed and what is kept nevertheless."""

    deleted_at: datetime
    kept: list[Retention]


@transactional
def export(actor: Actor) -> dict[str, Any]:
    """Return all data of the person as JSON-ready sections, those of the rooms above included."""
    resident = me(actor)
    data: dict[str, list[dict[str, Any]]] = {
        "account": [_account(resident)],
        "consents": [_consent(row) for row in resident.consents],
        "sessions": _sessions(resident),
    }

    def collect(section: str, rows: list[dict[str, Any]]) -> None:
        data.setdefault(section, []).extend(rows)

    events.publish(ResidentExportRequested(resident.id, collect))
    audit.record(
        actor, "resident.exported", "resident", resident.id, {"sections": ",".join(sorted(data))}
    )
    return {"generated_at": clock.now(), "sections": data}


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else clock.local(instant).isoformat(timespec="seconds")


def _account(resident: Resident) -> dict[str, Any]:
    return {
        "id": str(resident.id),
        "phone": resident.phone,
        "nickname": resident.nickname,
        "contact_safety": resident.contact_safety.label,
        "real_name": resident.real_name,
        "real_name_as_typed": resident.real_name_raw,
        "document_type": resident.document_type.label if resident.document_type else None,
        # Never in full over the network: a stolen phone must not give the number away.
        "document_number": documents.mask_number(resident.document_number),
        "birth_date": resident.birth_date,
        "guardian_name": resident.guardian_name,
        "guardian_phone": resident.guardian_phone,
        "real_named_at": _text(resident.real_named_at),
        "created_at": _text(resident.created_at),
        "last_sign_in_at": _text(resident.last_sign_in_at),
    }


def _consent(row: ConsentRecord) -> dict[str, Any]:
    return {
        "kind": row.kind.label,
        "version": row.version_text,
        "given_at": _text(row.given_at),
        "withdrawn_at": _text(row.withdrawn_at),
    }


def _sessions(resident: Resident) -> list[dict[str, Any]]:
    rows = db.session.scalars(
        select(AccountSession)
        .where(AccountSession.resident_id == resident.id)
        .order_by(AccountSession.created_at)
    )
    return [
        {
            "signed_in_at": _text(row.created_at),
            "last_used_at": _text(row.last_used_at),
            "ended_at": _text(row.revoked_at or min(row.expires_at, clock.now()))
            if row.revoked_at or row.expires_at <= clock.now()
            else None,
        }
        for row in rows
    ]


@transactional
def send_deletion_code(actor: Actor) -> None:
    """Send the code that confirms the deletion to the account's own phone."""
    resident = me(actor)
    sms_codes.send(_phone_of(resident), SmsPurpose.ACCOUNT_DELETION)


def delete_account(actor: Actor, code: str) -> Deletion:
    """Close the caller's account; outside any unit of work. Raises CodeWrong; a room above may refuse with its own reason.

    Personal fields are wiped in the same commit in which every room wipes or pseudonymises its own. What must be kept is
    named in the answer, with its basis (个人信息保护法 47(2): stored and protected only).
    """
    phone = _phone_of(me(actor))
    code_id = sms_codes.check(phone, SmsPurpose.ACCOUNT_DELETION, code)
    with unit_of_work():
        # Codes before the account, as a sign-in takes them.
        sms_codes.consume(code_id)
        # Another account may share the phone; it only has to ask for a new code.
        db.session.execute(
            delete(SmsCode).where(SmsCode.phone_index == sms_codes.phone_index(phone))
        )
        resident = _held(actor)
        request = ResidentDeletionRequested(resident.id)
        events.publish(request)
        until = years_later(clock.today(), KEEP_YEARS)
        record_years = settings().audit_years
        request.keep(
            "您同意各项告知的记录（只有编号、版本和时间，没有姓名和电话）",
            "用来证明处理个人信息征得过同意；按本平台规定保存到账号注销后三年",
            until,
        )
        request.keep(
            "登录和操作记录（只有编号，没有姓名和电话）",
            f"网络安全法第二十三条要求留存网络日志不少于六个月；按本平台规定保存 {record_years} 年",
            years_later(clock.today(), record_years),
        )
        _wipe(resident, until)
        audit.record(
            actor, "resident.deleted", "resident", resident.id, {"kept": len(request.retention)}
        )
    return Deletion(clock.now(), request.retention)


def _phone_of(resident: Resident) -> str:
    if resident.phone is None:
        raise _closed()
    return resident.phone


def _held(actor: Actor) -> Resident:
    """Return the account as it is now, held before anything of any room is touched: what the person writes at the same moment
    is either seen and erased, or refused afterwards (`sessions.require_active`).
    """
    resident = db.session.get_one(
        Resident, actor.own_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if not resident.is_active:
        raise _closed()
    return resident


def _closed() -> WrongState:
    return WrongState("这个账号已经注销。")


def _wipe(resident: Resident, keep_until: date) -> None:
    for name in ("phone", "phone_index", "nickname", *REAL_NAME_FIELDS):
        setattr(resident, name, None)
    resident.contact_safety = ContactSafety.NORMAL
    resident.state, resident.deleted_at = ResidentState.DELETED, clock.now()
    sessions.end_resident_sessions(resident.id, SessionEnd.DELETED)
    db.session.execute(
        update(ConsentRecord)
        .where(ConsentRecord.resident_id == resident.id)
        .values(keep_until=keep_until)
    )


def years_later(day: date, years: int) -> date:
    """Return the same day `years` later; 29 February becomes 28 February where there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
