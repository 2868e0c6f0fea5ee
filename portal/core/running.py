"""Which parts of the portal run, so that no migration changes the tables under an older program.

Each part holds a shared lock on a file of the instance for as long as it lives, and its children with it. The lock is the
system's: it ends with the last of them however they end, so a killed process leaves nothing behind that would have to be
tidied up. It is seen by whoever shares the instance folder; a background worker elsewhere is known by its sign in the
database. A web process of another host is not seen (docs/decisions/upgrades-look-for-living-processes.md).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from flask import current_app

from portal.core import schema_version
from portal.core.db import LabelledEnum


class Part(LabelledEnum):
    """What runs for long. The value is part of the lock file's name."""

    WEB = "web", "网站"
    WORKER = "worker", "后台任务"


def hold(part: Part) -> IO[str]:
    """Say that this part runs, until what is returned is closed or its last process ends.

    Raises SchemaDiffers while the tables are being changed. Comes before a look at the revision: what looked first could
    start on tables that are about to change.
    """
    file = _opened(part)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise schema_version.SchemaDiffers(
            "数据库结构正在升级，请等 setup 完成后再启动。"
        ) from None
    return file


@contextmanager
def kept_out() -> Iterator[list[Part]]:
    """Keep every part that does not run yet from starting during the block; yields those that run."""
    with ExitStack() as stack:
        running = []
        for part in Part:
            file = stack.enter_context(_opened(part))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                running.append(part)
        yield running


def _opened(part: Part) -> IO[str]:
    path = Path(current_app.instance_path) / f"{part.value}.running"
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
