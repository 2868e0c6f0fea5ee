"""Reads that other rooms use too; each a fixed number of statements."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import selectinload

from portal.accounts.models import (
    ConsentKind,
    ConsentRecord,
    Office,
    Resident,
    Role,
    RoleGrant,
    StaffMember,
    StaffState,
)
from portal.core.db import db
from portal.core.errors import NotFound


def resident(resident_id: uuid.UUID) -> Resident:
    """Return the resident, closed accounts included (they hold no personal data); raises NotFound."""
    found = db.session.get(Resident, resident_id)
    if found is None:
        raise NotFound("没有找到这位居民的账号。")
    return found


def residents(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Resident]:
    """Return the residents of `ids` by id, in one statement."""
    wanted = set(ids)
    if not wanted:
        return {}
    return {
        person.id: person
        for person in db.session.scalars(select(Resident).where(Resident.id.in_(wanted)))
    }


def staff_member(staff_id: uuid.UUID) -> StaffMember:
    """Return the member of staff, deactivated ones included; raises NotFound."""
    found = db.session.get(StaffMember, staff_id)
    if found is None:
        raise NotFound("没有找到这个工作人员账号。")
    return found


def staff_with_role(role: str, office_id: uuid.UUID | None = None) -> list[StaffMember]:
    """Return active staff who hold `role`; with `office_id`, in that office or in all offices."""
    query = _with_role(select(StaffMember), role, office_id)
    return list(db.session.scalars(query.order_by(StaffMember.id)).unique())


def holds_role(role: str, staff_id: Any, office_id: Any) -> ColumnElement[bool]:
    """Return the condition that whom a column names is active and holds `role` in the office of the other, or in all."""
    held = select(StaffMember.id).where(StaffMember.id == staff_id)
    return _with_role(held, role, office_id).exists()


def _with_role(query: Select[Any], role: str, office_id: Any) -> Select[Any]:
    wanted: Role = Role(role)
    query = query.join(RoleGrant, RoleGrant.staff_id == StaffMember.id).where(
        StaffMember.state == StaffState.ACTIVE,
        RoleGrant.role == wanted,
        RoleGrant.revoked_at.is_(None),
    )
    if office_id is None:
        return query
    return query.where(or_(RoleGrant.office_id == office_id, RoleGrant.office_id.is_(None)))


def staff_names(ids: Iterable[uuid.UUID | None]) -> dict[uuid.UUID, str]:
    """Return the names staff work under, by id, in one statement; unknown ids are left out."""
    wanted = {staff_id for staff_id in ids if staff_id is not None}
    if not wanted:
        return {}
    rows = db.session.execute(
        select(StaffMember.id, StaffMember.display_name).where(StaffMember.id.in_(wanted))
    )
    return {row.id: row.display_name for row in rows}


def offices(*, open_only: bool = False) -> list[Office]:
    """Return the offices by code."""
    found = list(db.session.scalars(select(Office).order_by(Office.code)))
    return [office for office in found if office.is_open] if open_only else found


def office(office_id: uuid.UUID) -> Office:
    """Return the office; raises NotFound."""
    found = db.session.get(Office, office_id)
    if found is None:
        raise NotFound("没有找到这个机构。")
    return found


def office_by_code(code: str) -> Office | None:
    """Return the office with this code, if there is one."""
    return db.session.scalar(select(Office).where(Office.code == code))


def accepted_notice_version(resident_id: uuid.UUID) -> str | None:
    """Return the version of the privacy notice that the resident accepted last."""
    return db.session.scalar(
        select(ConsentRecord.version_text)
        .where(
            ConsentRecord.resident_id == resident_id,
            ConsentRecord.kind == ConsentKind.PRIVACY_NOTICE,
            ConsentRecord.withdrawn_at.is_(None),
        )
        .order_by(ConsentRecord.given_at.desc(), ConsentRecord.id.desc())
        .limit(1)
    )


def staff_list(
    state: StaffState | None = None,
    role: Role | None = None,
    office_id: uuid.UUID | None = None,
) -> Select[Any]:
    """Return the query for staff accounts; `role` and `office_id` together ask for one grant that fits both."""
    query = select(StaffMember).options(selectinload(StaffMember.grants))
    if state is not None:
        query = query.where(StaffMember.state == state)
    if role is not None or office_id is not None:
        held = select(RoleGrant.id).where(
            RoleGrant.staff_id == StaffMember.id, RoleGrant.revoked_at.is_(None)
        )
        if role is not None:
            held = held.where(RoleGrant.role == role)
        if office_id is not None:
            held = held.where(RoleGrant.office_id == office_id)
        query = query.where(held.exists())
    return query
