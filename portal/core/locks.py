"""Named locks that hold across worker processes and let go by themselves when a process is killed.

PostgreSQL: transaction-level advisory locks. SQLite (one host by nature): one byte of a lock file per name, taken as an
open-file-description lock, which belongs to the open file and so keeps threads of one process apart as well.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import current_app
from sqlalchemy import text

from portal.core.db import db, is_sqlite

_FLOCK = "hhqqi4x"  # struct flock on Linux, 64 bit: type, whence, start, length, pid
_TURN = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 2


@contextmanager
def try_lock(name: str) -> Iterator[bool]:
    """Try to take the lock `name` without waiting; yields whether it was taken.

    Must be called inside a unit of work on PostgreSQL, where the lock ends with the transaction.
    """
    if not is_sqlite():
        taken = db.session.scalar(
            text("SELECT pg_try_advisory_xact_lock(:number)"), {"number": _number(name)}
        )
        yield bool(taken)
        return
    descriptor = _opened("locks")
    try:
        request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _number(name), 1, 0)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
        except (BlockingIOError, PermissionError):
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


@contextmanager
def writers_turn() -> Iterator[Callable[[], None]]:
    """Wait for the turn to write, and keep it for the block or until what this yields is called.

    PostgreSQL needs nothing: its writers do not exclude each other.

    SQLite lets whoever finds it busy sleep and look again, longer each time, so that in a rush the lock lies idle while all
    sleep, and some never find it free. Here they queue for a lock of the file system, which wakes the next one at once.
    SQLite's own lock and its timeout stand behind it. A process that dies gives its turn back.
    """
    if not is_sqlite():
        yield _nothing
        return
    descriptor = _opened("writers")
    given_back = False

    def give_back() -> None:
        nonlocal given_back
        if not given_back:
            given_back = True
            os.close(descriptor)

    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, _TURN)
        yield give_back
    finally:
        give_back()


def _nothing() -> None:
    """There is no turn to be given back."""


def _opened(name: str) -> int:
    """Open a lock file of the instance, made at first use; returns its descriptor."""
    path, flags = f"{current_app.instance_path}/{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        Path(current_app.instance_path).mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)


def serialise(name: str) -> None:
    """Wait until no other transaction holds `name`, then hold it until this transaction ends.

    SQLite needs nothing: a unit of work that writes is alone there.
    """
    if not is_sqlite():
        db.session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _number(name)})
