"""The only place that commits.

The outermost `unit_of_work()` owns the transaction; nested ones join it. Everything that a step writes (effect, audit row,
deadline, outbox row, idempotency key) therefore lands in one commit or not at all. A nested unit is a savepoint: a caller
that catches its refusal and goes on commits nothing of what the refused step had written. Work outside the database is an
outbox row (`core.jobs.enqueue`); `after_commit` is for hints that may be lost, such as waking the worker.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

import structlog
from sqlalchemy import TextClause, event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, object_mapper

from portal.core import driver, locks, write_ahead_log
from portal.core.db import db
from portal.core.errors import DomainError

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Action = Callable[[], None]

_KEY = "portal.unit_of_work"
_log = structlog.get_logger(__name__)


@dataclass
class UnitOfWork:
    """What the outermost block still has to do before and after its commit."""

    before_commit: list[Action] = field(default_factory=list)
    after_commit: list[Action] = field(default_factory=list)
    collected: list[tuple[Callable[[list[Any]], None], Any]] = field(default_factory=list)
    # A step without a savepoint was refused: nothing of this unit may be committed any more.
    doomed: bool = False
    # The connection of the transaction.
    connection: Connection | None = None
    # Lets the next one write.
    give_turn_back: Action | None = None

    def finish(self, session: Session) -> None:
        """Run what was asked for at the end of the transaction, and what that asks for in turn."""
        if self.doomed:
            raise RuntimeError("a refused step was caught, but it had no savepoint to go back to")
        session.flush()
        while self.before_commit or self.collected:
            actions, self.before_commit = self.before_commit, []
            for action in actions:
                action()
            items, self.collected = self.collected, []
            for handler in dict.fromkeys(handler for handler, _ in items):
                handler([item for known, item in items if known == handler])
            session.flush()


def current() -> UnitOfWork | None:
    """Return the unit of work of this thread's session, or None outside one."""
    return of(db.session())


def of(session: Session) -> UnitOfWork | None:
    """Return the unit of work that `session` is in, or None outside one."""
    found: UnitOfWork | None = session.info.get(_KEY)
    return found


@contextmanager
def unit_of_work() -> Iterator[UnitOfWork]:
    """Run the block in one transaction; commit at the end of the outermost block, roll back on any exception but a refusal
    that keeps what was written before it.

    On SQLite a read transaction that is open on the session is ended first, so that the writing one can begin IMMEDIATE;
    PostgreSQL goes on in it, because there each statement sees what is committed when it begins. Objects loaded before
    stay usable: versioned ones are guarded by their version, all others are read again, because a value computed from an
    old picture would undo what another writer did meanwhile.
    """
    session = db.session()
    joined: UnitOfWork | None = session.info.get(_KEY)
    if joined is not None:
        with _step_of(joined, session):
            yield joined
        return
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("objects were changed before the unit of work began")
    for known in list(session.identity_map.values()):
        if object_mapper(known).version_id_col is None:
            session.expire(known)
    work = UnitOfWork()
    session.info[_KEY] = work
    refusal: DomainError | None = None
    try:
        _end_reading(session)
        with locks.writers_turn() as give_back:
            work.give_turn_back = give_back
            try:
                work.connection = _begin(session)
                try:
                    yield work
                except DomainError as refused:
                    if not refused.keeps:
                        raise
                    refusal = refused
                work.finish(session)
                session.commit()
            except BaseException:
                session.rollback()
                raise
    finally:
        session.info.pop(_KEY, None)
    for action in work.after_commit:
        try:
            action()
        except Exception:  # noqa: BLE001 - whatever a hint raises, the commit stands
            # The commit stands; a lost hint costs at most a poll interval.
            _log.exception("after_commit_failed")
    if refusal is not None:
        raise refusal


def _end_reading(session: Session) -> None:
    """End a read transaction on SQLite, on its connection, which the writing one will use.

    Before the turn is waited for: SQLite cannot begin its log anew while anybody reads, and all who queue would.
    """
    if session.in_transaction() and (connection := session.connection()).dialect.name == "sqlite":
        driver.carried_out(connection, "COMMIT").close()


def _begin(session: Session) -> Connection:
    """Begin the writing transaction, on the connection that a read transaction has had, if there was one."""
    if not session.in_transaction():
        return session.connection(execution_options={"sqlite_begin": "BEGIN IMMEDIATE"})
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        driver.carried_out(connection, "BEGIN IMMEDIATE").close()
    return connection


@contextmanager
def _step_of(work: UnitOfWork, session: Session) -> Iterator[None]:
    lists: tuple[list[Any], ...] = (work.before_commit, work.after_commit, work.collected)
    lengths = [len(known) for known in lists]
    refusal: DomainError | None = None
    try:
        with session.begin_nested():
            try:
                yield
            except DomainError as refused:
                if not refused.keeps:
                    raise
                refusal = refused
    except BaseException:
        # What the refused step asked for is refused with it.
        for known, length in zip(lists, lengths, strict=True):
            del known[length:]
        raise
    if refusal is not None:
        raise refusal


def transactional(function: Callable[P, R]) -> Callable[P, R]:
    """Run the decorated operation in a unit of work (its own, or the caller's)."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with unit_of_work():
            return function(*args, **kwargs)

    return wrapper


def joining(function: Callable[P, R]) -> Callable[P, R]:
    """Like `transactional`, but without a savepoint inside a caller's unit: a refusal ends the whole unit.

    For steps that are the whole of their caller's work, where a savepoint would only cost time. A caller that catches the
    refusal all the same commits nothing: the unit raises RuntimeError at its end.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        joined = current()
        if joined is None:
            with unit_of_work():
                return function(*args, **kwargs)
        try:
            return function(*args, **kwargs)
        except BaseException as refused:
            joined.doomed = not (isinstance(refused, DomainError) and refused.keeps)
            raise

    return wrapper


def before_commit(action: Action) -> None:
    """Run `action` as the last thing inside the current transaction; raises RuntimeError outside one."""
    _require().before_commit.append(action)


def collect(handler: Callable[[list[T]], None], item: T) -> None:
    """Call `handler` once before the commit, with all items collected for it; raises RuntimeError outside a transaction.

    Unlike a list of the caller's own, it forgets what a refused nested step collected.
    """
    _require().collected.append((handler, item))


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


# First words of the textual statements that may run outside a unit of work. WITH can hide a write and is not among them.
_READING = frozenset({"SELECT", "VALUES", "PRAGMA", "EXPLAIN", "SHOW"})


def _refuse_stray_statement(state: ORMExecuteState) -> None:
    writes = state.is_insert or state.is_update or state.is_delete
    if isinstance(state.statement, TextClause):
        words = state.statement.text.split(None, 1)
        writes = not words or words[0].upper() not in _READING
    if writes and _KEY not in state.session.info:
        raise RuntimeError("a write outside a unit of work")


def _give_turn_back(session: Session) -> None:
    """Let the next one write as soon as the commit stands: what the session still tidies up needs no turn."""
    work = of(session)
    # A savepoint's end is told here as well.
    if work is not None and work.give_turn_back and not session.in_nested_transaction():
        if work.connection is not None:
            write_ahead_log.keep_short(work.connection)
        work.give_turn_back()


event.listen(Session, "after_commit", _give_turn_back)
event.listen(Session, "before_flush", _refuse_stray_flush)
event.listen(Session, "do_orm_execute", _refuse_stray_statement)
