"""The only place that commits.

The outermost `unit_of_work()` owns the transaction; nested ones join it and only flush. Everything that a step writes
(effect, audit row, deadline, outbox row, idempotency key) therefore lands in one commit or not at all. Work outside the
database is an outbox row (`core.jobs.enqueue`); `after_commit` is for hints that may be lost, such as waking the worker.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import structlog
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from portal.core.db import db

P = ParamSpec("P")
R = TypeVar("R")
Action = Callable[[], None]

_KEY = "portal.unit_of_work"
_log = structlog.get_logger(__name__)


@dataclass
class UnitOfWork:
    """What the outermost block still has to do before and after its commit."""

    before_commit: list[Action] = field(default_factory=list)
    after_commit: list[Action] = field(default_factory=list)


def current() -> UnitOfWork | None:
    """Return the unit of work of this thread's session, or None outside one."""
    found: UnitOfWork | None = db.session().info.get(_KEY)
    return found


@contextmanager
def unit_of_work() -> Iterator[UnitOfWork]:
    """Run the block in one transaction; commit at the end of the outermost block, roll back on any exception.

    A read transaction that is open on the session is ended first, so that on SQLite the writing one can begin
    IMMEDIATE; objects loaded by it stay usable and are guarded by their version.
    """
    session = db.session()
    joined: UnitOfWork | None = session.info.get(_KEY)
    if joined is not None:
        yield joined
        session.flush()
        return
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("objects were changed before the unit of work began")
    if session.in_transaction():
        session.commit()
    work = UnitOfWork()
    session.info[_KEY] = work
    try:
        session.connection(execution_options={"sqlite_begin": "BEGIN IMMEDIATE"})
        yield work
        session.flush()
        # A hook may register another one, so the list is walked by index.
        position = 0
        while position < len(work.before_commit):
            work.before_commit[position]()
            session.flush()
            position += 1
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.pop(_KEY, None)
    for action in work.after_commit:
        try:
            action()
        except Exception:
            # The commit stands; a lost hint costs at most a poll interval.
            _log.exception("after_commit_failed")


def transactional(function: Callable[P, R]) -> Callable[P, R]:
    """Run the decorated operation in a unit of work (its own, or the caller's)."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with unit_of_work():
            return function(*args, **kwargs)

    return wrapper


def before_commit(action: Action) -> None:
    """Run `action` as the last thing inside the current transaction; raises RuntimeError outside one."""
    _require().before_commit.append(action)


def after_commit(action: Action) -> None:
    """Run `action` once the current transaction has committed; raises RuntimeError outside one."""
    _require().after_commit.append(action)


def _require() -> UnitOfWork:
    work = current()
    if work is None:
        raise RuntimeError("not in a unit of work")
    return work


def _refuse_stray_flush(session: Session, _context: UOWTransaction, _instances: object) -> None:
    if _KEY not in session.info and (session.new or session.dirty or session.deleted):
        raise RuntimeError("a write outside a unit of work")


def _refuse_stray_statement(state: ORMExecuteState) -> None:
    writes = state.is_insert or state.is_update or state.is_delete
    if writes and _KEY not in state.session.info:
        raise RuntimeError("a write outside a unit of work")


event.listen(Session, "before_flush", _refuse_stray_flush)
event.listen(Session, "do_orm_execute", _refuse_stray_statement)
