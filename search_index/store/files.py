"""Safe files: arrays, JSON and links that survive a crash in any moment.

Neither numpy nor Whoosh calls fsync. Everything here is written into a folder nobody reads yet; the
folder is synced as a whole and becomes visible by `switch_link`, which is a rename.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import orjson

from search_index.errors import IndexDamaged, IndexMissing, SearchIndexError, WriterBusy

_HEADER_ONLY = 128
_NOTED = "files.json"
READ_ONLY = 0o444


@contextmanager
def reading(*, opened: bool = False) -> Iterator[None]:
    """Raise IndexDamaged for whatever a file that is not what was written makes its reader raise.

    What numpy, Whoosh and our own readers raise on foreign bytes is of any kind, and of the kinds that a fault of the
    program raises too: nothing stands within it but reading. A file that is gone stays FileNotFoundError while a
    generation is being opened, because a newer one may have taken its place; once it is `opened`, that is IndexMissing.
    """
    try:
        yield
    except FileNotFoundError as error:
        if not opened:
            raise
        raise IndexMissing(f"{error.filename} is gone: rebuild the index") from error
    except (OSError, SearchIndexError, MemoryError):
        raise
    except Exception as error:
        raise IndexDamaged(f"a file cannot be read ({error}): rebuild the index") from error


def save_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array in numpy's own format (never pickled)."""
    np.save(path, array, allow_pickle=False)


def load_array(path: Path) -> npt.NDArray[Any]:
    """Map an array read-only; its pages are shared with every process that maps it."""
    if path.stat().st_size <= _HEADER_ONLY:  # an empty array cannot be mapped
        return np.load(path, allow_pickle=False)
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    # The plain view is as shared as the memmap but indexes several times faster.
    return mapped.view(np.ndarray)


def encode_json(value: Any) -> bytes:
    """One line of UTF-8 JSON. Lone surrogates, legal in a string but not in UTF-8, are escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode("ascii")


def decode_json(line: bytes) -> Any:
    """Read what `encode_json` wrote."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:  # an escaped lone surrogate
        with reading():
            return json.loads(line)


def save_json(path: Path, value: Any) -> None:
    """Write a value as UTF-8 JSON."""
    path.write_bytes(encode_json(value))


def load_json(path: Path) -> Any:
    """Read what `save_json` wrote."""
    return decode_json(path.read_bytes())


def note_files(folder: Path) -> None:
    """Note the size and the checksum of each file below `folder`, for `check_files`."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    noted = {
        str(path.relative_to(folder)): [path.stat().st_size, crc32(path.read_bytes())]
        for path in files
    }
    save_json(folder / _NOTED, noted)


def check_files(folder: Path, *, whole: bool = False) -> None:
    """Raise IndexDamaged for a file that has another size than it was written with; with `whole`, other bytes.

    What is mapped, or read later, would else be missed only by the search that needs it.
    """
    if not (folder / _NOTED).exists():  # of an earlier program
        return
    for name, (size, checksum) in load_json(folder / _NOTED).items():
        path = folder / name
        if path.stat().st_size != size or (whole and crc32(path.read_bytes()) != checksum):
            raise IndexDamaged(f"{name} is not what was written: rebuild the index")


def seal_tree(folder: Path) -> None:
    """Make every file below `folder` read-only and fsync it, then the folders, deepest first.

    Who has mapped a file that is cut short dies of SIGBUS, and no reader can prevent it. Of an index files are only ever
    removed; read-only, they are neither cut nor copied over by mistake (root is not held back).
    """
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(parent) / name
            path.chmod(READ_ONLY)
            _sync(path)
        _sync(Path(parent))


def sync_folder(folder: Path) -> None:
    """fsync a folder itself, so that its entries survive a power cut."""
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def switch_link(link: Path, target: str) -> None:
    """Point `link` at `target` (a sibling's name) in one step; readers see the old or the new."""
    temporary = link.with_name(f".{link.name}.{os.getpid()}.{time.monotonic_ns()}")
    temporary.symlink_to(target)
    if link.is_dir() and not link.is_symlink():
        # A copy that followed the links has put a folder in its place (`read_link`).
        shutil.rmtree(link)
    try:
        temporary.replace(link)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync(link.parent)


def read_link(link: Path) -> str | None:
    """The name `link` points at, None when there is none, or something else in its place, as after a copy without links."""
    try:
        return str(link.readlink())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise


@contextmanager
def locked(path: Path, wait: float, refusal: type[SearchIndexError] = WriterBusy) -> Iterator[None]:
    """Hold an exclusive lock on `path`, waiting up to `wait` seconds; the kernel frees it on death.

    Raises `refusal` when another process or thread keeps it longer.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise refusal(f"{path.name} is held by another writer") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)
