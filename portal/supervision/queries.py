"""Reads of the register, each with a bounded number of statements."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.orm import selectinload

from portal.accounts.models import Role, StaffMember
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.supervision import rules
from portal.supervision.models import Deadline, DeadlineState
from portal.working_days.counting import add_workdays

RUNNING = (DeadlineState.OPEN, DeadlineState.PAUSED)
OVERSEERS = (Role.SUPERVISOR, Role.ADMIN)


def deadlines_of(
    subject_kind: str, subject_ids: Collection[uuid.UUID], *, include_ended: bool = False
) -> dict[uuid.UUID, list[Deadline]]:
    """Return the running deadlines of each subject, the soonest first; with `include_ended` the
    ended ones too.

    Every id asked for has an entry. Three statements, however many subjects there are.
    """
    result: dict[uuid.UUID, list[Deadline]] = {subject_id: [] for subject_id in subject_ids}
    if not result:
        return result
    query = select(Deadline).where(
        Deadline.subject_kind == subject_kind, Deadline.subject_id.in_(list(result))
    )
    if not include_ended:
        query = query.where(Deadline.state.in_(RUNNING))
    for deadline in db.session.scalars(query.order_by(Deadline.due_at, Deadline.id)):
        result[deadline.subject_id].append(deadline)
    return result


def office_ends(subject_kind: str) -> Subquery:
    """Return `subject_id` and `due_at` of the subjects with a running clock of the office: when the first of them ends.

    The states stand in the statement itself: only then SQLite knows that the small index of what runs holds them all, and
    does not go through every deadline that ever was.
    """
    running: BindParameter[Any] = bindparam(
        "running", RUNNING, expanding=True, literal_execute=True
    )
    return (
        select(Deadline.subject_id, func.min(Deadline.due_at).label("due_at"))
        .where(
            Deadline.subject_kind == subject_kind,
            Deadline.state.in_(running),
            Deadline.responsible_role != rules.RESIDENT,
        )
        .group_by(Deadline.subject_id)
        .subquery()
    )


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for the deadlines that a member of staff may see.

    A supervisor or administrator sees all (of the office, when the role is held in one); others see
    those of their roles and offices, and those given to them by name at an office where they work.
    """
    offices = {office_id for _, office_id in actor.grants}
    there = (
        true()
        if None in offices
        else or_(Deadline.office_id.is_(None), Deadline.office_id.in_(offices))
    )
    seen: list[ColumnElement[bool]] = [and_(Deadline.responsible_staff_id == actor.id, there)]
    for role, office_id in sorted(actor.grants, key=str):
        in_office = true() if office_id is None else Deadline.office_id == office_id
        if role in OVERSEERS:
            seen.append(in_office)
        else:
            # A deadline without an office is the whole role's.
            theirs = (
                in_office if office_id is None else or_(in_office, Deadline.office_id.is_(None))
            )
            seen.append(and_(Deadline.responsible_role == role, theirs))
    return or_(*seen)


def late_at(now: datetime) -> ColumnElement[bool]:
    """Return the condition for what is late at `now`, as `schemas.is_overdue` says it of one
    deadline.
    """
    return case(
        (Deadline.state == DeadlineState.OPEN, Deadline.due_at <= now),
        (Deadline.state == DeadlineState.MET, Deadline.met_at > Deadline.due_at),
        else_=Deadline.overdue_at.is_not(None),
    )


@dataclass(frozen=True)
class DeadlineFilter:
    """What the list is narrowed to; None leaves a filter out. No `state` means the running ones."""

    state: DeadlineState | None = None
    rule: str | None = None
    office: uuid.UUID | None = None
    subject_kind: str | None = None
    overdue: bool | None = None


def deadlines(actor: Actor, wanted: DeadlineFilter) -> Select[Deadline]:
    """Return the query for the list of `actor`, with what each row shows loaded in batches."""
    query = (
        select(Deadline)
        .where(visible_to(actor))
        .options(selectinload(Deadline.responsible_staff).lazyload(StaffMember.grants))
    )
    states = RUNNING if wanted.state is None else (wanted.state,)
    query = query.where(Deadline.state.in_(states))
    if wanted.rule is not None:
        query = query.where(Deadline.rule_id == wanted.rule)
    if wanted.office is not None:
        query = query.where(Deadline.office_id == wanted.office)
    if wanted.subject_kind is not None:
        query = query.where(Deadline.subject_kind == wanted.subject_kind)
    if wanted.overdue is not None:
        late = late_at(clock.now())
        query = query.where(late if wanted.overdue else not_(late))
    return query


@dataclass(frozen=True)
class RuleFigures:
    """How one rule is kept. `due_soon` and `overdue` are parts of `running`."""

    rule_id: str
    running: int = 0
    paused: int = 0
    due_soon: int = 0
    overdue: int = 0
    met_in_time: int = 0
    met_late: int = 0


SOON = 3


def figures(actor: Actor, first: date, last: date) -> list[RuleFigures]:
    """Return the figures of every rule that the actor may see, in one statement and one look at the
    calendar.

    `met_*` count what was met from `first` to `last`. `due_soon` ends within three working days.
    """
    now = clock.now()
    soon = clock.end_of_day(add_workdays(clock.today(), SOON).rolled)
    is_open = Deadline.state == DeadlineState.OPEN
    met = and_(
        Deadline.state == DeadlineState.MET,
        Deadline.met_at.between(clock.start_of_day(first), clock.end_of_day(last)),
    )

    def number(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count(case((condition, 1)))

    # Not the bare column: SQLite would go through the table in the order of an index of the rules, row by row.
    rule = func.coalesce(Deadline.rule_id, literal_column("''"))
    rows = db.session.execute(
        select(
            rule,
            number(Deadline.state.in_(RUNNING)),
            number(Deadline.state == DeadlineState.PAUSED),
            number(and_(is_open, Deadline.due_at > now, Deadline.due_at <= soon)),
            number(and_(is_open, Deadline.due_at <= now)),
            number(and_(met, Deadline.met_at <= Deadline.due_at)),
            number(and_(met, Deadline.met_at > Deadline.due_at)),
        )
        .where(visible_to(actor), or_(Deadline.state.in_(RUNNING), met))
        .group_by(rule)
    )
    found = {row[0]: RuleFigures(*row) for row in rows}
    # Rules without any deadline show their zeros, so that a missing figure is never read as none.
    known = {rule.id for rule in rules.everything()}
    return [found.get(rule_id, RuleFigures(rule_id)) for rule_id in sorted(known | set(found))]
