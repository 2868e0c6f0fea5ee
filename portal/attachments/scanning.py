"""The virus scan: clamd's INSTREAM over TCP. Off unless `PORTAL_CLAMD` names one, and `/readyz`
says which it is.

Fails closed: once it is switched on, nothing is accepted that the scanner has not seen.
"""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from portal.attachments.errors import ScannerUnavailable
from portal.config import settings
from portal.observability.health import Report, readiness

_CHUNK = 256 * 1024
_CONNECT_SECONDS = 3.0
# Ten megabytes take clamd well under a second; archives inside may take longer.
_SCAN_SECONDS = 30.0
_MOST_ANSWER = 4096
_log = structlog.get_logger(__name__)


def init_app() -> None:
    """Add the readiness entry. Optional: a dead scanner stops uploads, and nothing else."""
    readiness.register("virus_scan", check_readiness, required=False)


def is_on() -> bool:
    """True when a scanner is configured."""
    return settings().clamd is not None


def scan(content: bytes) -> str | None:
    """Return the name of what was found in `content`, None when it is clean; raises
    ScannerUnavailable.
    """
    deadline = time.monotonic() + _SCAN_SECONDS
    try:
        with _connection() as connection:
            connection.sendall(b"zINSTREAM\x00")
            for start in range(0, len(content), _CHUNK):
                piece = content[start : start + _CHUNK]
                connection.settimeout(_left(deadline))
                connection.sendall(struct.pack(">I", len(piece)) + piece)
            connection.sendall(struct.pack(">I", 0))
            answer = _answer(connection, deadline)
    except (OSError, ValueError) as error:
        _log.error("virus_scan_failed", reason=type(error).__name__)
        raise ScannerUnavailable(retry_after=60) from error
    if answer == "stream: OK":
        return None
    found = re.fullmatch(r"stream: (.{1,200}) FOUND", answer)
    if found is None:
        # Its own size limit, a broken database: not scanned means not accepted.
        _log.error("virus_scan_failed", reason="answer")
        raise ScannerUnavailable(retry_after=60)
    return found[1]


def check_readiness() -> Report:
    """Say whether the scan is on, and whether the scanner answers."""
    if not is_on():
        return Report(
            ok=True, detail="病毒扫描没有开启（PORTAL_CLAMD 未设置），上传的文件不经扫描。"
        )
    try:
        with _connection() as connection:
            connection.sendall(b"zPING\x00")
            alive = _answer(connection, time.monotonic() + _CONNECT_SECONDS) == "PONG"
    except (OSError, ValueError):
        alive = False
    if alive:
        return Report(ok=True, detail="病毒扫描已开启，扫描服务正常。")
    return Report(ok=False, detail="病毒扫描已开启，但扫描服务没有回应，暂时不接收上传。")


@contextmanager
def _connection() -> Iterator[socket.socket]:
    host, _, port = (settings().clamd or "").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS) as connection:
        yield connection


def _answer(connection: socket.socket, deadline: float) -> str:
    received = b""
    while not received.endswith(b"\x00") and len(received) < _MOST_ANSWER:
        connection.settimeout(_left(deadline))
        piece = connection.recv(_MOST_ANSWER)
        if not piece:
            break
        received += piece
    return received.rstrip(b"\x00\n").decode("utf-8", "replace")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
