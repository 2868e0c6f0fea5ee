"""Sealed files on disk: `files/aa/bb/<id>`, each with its own key.

A file is complete before anybody can find it: written under another name, synced, renamed, and only
then does the row commit. A crash in between leaves a file without a row, which the sweep removes;
never a row without its file.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import hmac
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.attachments.errors import DamagedFile, StorageUnavailable
from portal.attachments.limits import ORPHAN_AFTER
from portal.config import settings

_log = structlog.get_logger(__name__)
_MAGIC = b"PF1"
_NONCE = 12
_PARTIAL = ".part"


def path_of(attachment_id: uuid.UUID) -> Path:
    """Return where the file lies. The folders come from the random end of the id: its start is a
    clock.
    """
    name = attachment_id.hex
    return settings().files_dir / name[-2:] / name[-4:-2] / name


class Staged:
    """A file that is written and synced, but not yet in place."""

    def __init__(self, attachment_id: uuid.UUID, data_key: str, partial: Path) -> None:
        self.attachment_id = attachment_id
        self.data_key = data_key
        self._partial = partial

    def put_in_place(self) -> None:
        """Give the file its final name. Called inside the unit of work, before it commits."""
        final = path_of(self.attachment_id)
        try:
            self._partial.replace(final)
            # The folders may be new, and a folder's entry is only as safe as the folder it stands
            # in.
            for folder in (final.parent, final.parent.parent, settings().files_dir):
                _sync_folder(folder)
        except OSError as error:
            raise _unavailable(error) from error

    def discard(self) -> None:
        """Remove what was not put in place."""
        self._partial.unlink(missing_ok=True)


@contextmanager
def staged(attachment_id: uuid.UUID, content: bytes) -> Iterator[Staged]:
    """Seal `content` into a new file; what is not put in place by the end of the block is removed.

    Raises StorageUnavailable when the disk is full or refuses.
    """
    key = AESGCM.generate_key(bit_length=256)
    nonce = os.urandom(_NONCE)
    sealed = _MAGIC + nonce + AESGCM(key).encrypt(nonce, content, _bound_to(attachment_id))
    final = path_of(attachment_id)
    partial = final.with_name(final.name + _PARTIAL)
    stage = Staged(attachment_id, base64.b64encode(key).decode(), partial)
    try:
        try:
            final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(partial, sealed)
        except OSError as error:
            raise _unavailable(error) from error
        yield stage
    finally:
        # A full disk may refuse this too; the sweep comes by.
        with suppress(OSError):
            stage.discard()


def read(attachment_id: uuid.UUID, data_key: str, sha256: str) -> bytes:
    """Return the content; raises DamagedFile when it is missing, does not open, or is not what was
    uploaded.
    """
    path = path_of(attachment_id)
    try:
        sealed = path.read_bytes()
        head = len(_MAGIC)
        if not sealed.startswith(_MAGIC):
            raise ValueError("unknown format")
        content = AESGCM(base64.b64decode(data_key)).decrypt(
            sealed[head : head + _NONCE], sealed[head + _NONCE :], _bound_to(attachment_id)
        )
    except (OSError, ValueError, InvalidTag) as error:
        _log.error(
            "attachment_damaged", attachment_id=str(attachment_id), reason=type(error).__name__
        )
        raise DamagedFile from error
    if not hmac.compare_digest(hashlib.sha256(content).hexdigest(), sha256):
        _log.error("attachment_damaged", attachment_id=str(attachment_id), reason="digest")
        raise DamagedFile
    return content


def remove(attachment_id: uuid.UUID) -> None:
    """Remove the file; one that is already gone is no error, one that cannot be removed is left to
    the sweep.
    """
    try:
        path_of(attachment_id).unlink(missing_ok=True)
    except OSError as error:
        _log.warning(
            "attachment_file_not_removed",
            attachment_id=str(attachment_id),
            reason=errno.errorcode.get(error.errno or 0, "unknown"),
        )


def old_files() -> Iterator[tuple[Path, uuid.UUID | None]]:
    """Yield every file old enough to be an orphan, with the id it should have a row for; None for
    half-written ones.
    """
    # The file system's own clock, not the portal's: the age of a file is told by it.
    limit = time.time() - ORPHAN_AFTER.total_seconds()
    root = settings().files_dir
    if not root.is_dir():
        return
    for path in root.glob("??/??/*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime > limit:
                continue
            try:
                yield path, uuid.UUID(hex=path.name)
            except ValueError:
                yield path, None


def _bound_to(attachment_id: uuid.UUID) -> bytes:
    # A file copied over another one's name does not open, even with the key of that other row.
    return b"attachment:" + attachment_id.bytes


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            written = os.write(descriptor, view)
            view = view[written:]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(error: OSError) -> StorageUnavailable:
    _log.error("attachment_not_stored", reason=errno.errorcode.get(error.errno or 0, "unknown"))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageUnavailable(
            "存放文件的空间已满，文件没有上传成功。", code="storage_full", retry_after=300
        )
    return StorageUnavailable(retry_after=60)
