"""The files of figures, such that a full disk does not end the process that counts.

prometheus_client makes a file full of holes and maps it into memory. Where the disk is full when
something is first written into a hole, the kernel ends the process by SIGBUS: the web would lose
its workers, one after the other, over figures. Here the room is taken when a file is made and when
it grows. Room that is not there is an error at that moment, and the process goes on counting in
memory of its own: `/metrics` lacks its figures, and nothing else is the worse for it.

Not so on a file system that writes every change to a new place (btrfs, ZFS), where no room can be
taken beforehand: there the folder belongs in memory (`docs/operations.md`).
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from prometheus_client import mmap_dict, values

from portal.core import failures

# As large as prometheus_client makes a file at first; later it is doubled.
FIRST_BYTES = 1 << 16
# What a figure takes at most beside its name: the name's length, filling, value and time.
_BESIDE_THE_NAME = 4 + 8 + 16

_log = structlog.get_logger(__name__)


class Figures(mmap_dict.MmapedDict):
    """Figures of one process in a file whose room is taken, or in memory where there is none to take."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        try:
            _make(Path(filename))
        except OSError as error:
            _tell(error)
            with _memory() as filename:
                super().__init__(filename, read_mode)
        else:
            super().__init__(filename, read_mode)

    def _init_value(self, key: str) -> None:
        needed = self._used + len(key.encode()) + _BESIDE_THE_NAME
        if needed > self._capacity:
            self._grow(needed)
        super()._init_value(key)

    def _grow(self, needed: int) -> None:
        capacity = self._capacity
        while capacity < needed:
            capacity *= 2
        grown = self._longer(capacity)
        grown[: len(self._m)] = self._m[:]
        self._m = grown
        self._capacity = capacity

    def _longer(self, capacity: int) -> mmap.mmap:
        try:
            os.posix_fallocate(self._f.fileno(), 0, capacity)
        except OSError as error:
            _tell(error)
            # The file stays as it is: figures that went down would look like a restart.
            return mmap.mmap(-1, capacity)
        return mmap.mmap(self._f.fileno(), capacity)


def install() -> None:
    """Have prometheus_client keep its figures so; before the first of them is made."""
    # The library has no setting for the kind of file, and to mypy a class is no variable.
    values.MmapedDict = Figures  # type: ignore[misc]


def _make(path: Path) -> None:
    """Make the file, and its folder, with all its room; or take the room of one left by a process of the same id."""
    if path.exists():
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, max(path.stat().st_size, FIRST_BYTES))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside its name, because whoever adds the figures up meanwhile cannot read an empty file.
    draft = path.with_name(f"{path.name}.new")
    try:
        with draft.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, FIRST_BYTES)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _memory() -> Iterator[str]:
    """Yield the path of a file in memory, which is there as long as somebody has it open."""
    descriptor = os.memfd_create("figures")
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _tell(error: OSError) -> None:
    _log.warning("figures_kept_in_memory", advice=failures.sentence(error))
