"""Requests over connections that stay open, from one thread: a client that takes little of the machine it measures.

Traffic goes to the loopback address only, and ends by itself after a number of seconds.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

_RECEIVE = 1 << 18


@dataclass
class Load:
    """What came back: answers by status, the seconds each took, and how long the whole run was."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    duration: float = 0.0
    broken: int = 0

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.seconds) / self.duration if self.duration else 0.0


@dataclass
class _Connection:
    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    awaited: int = 0
    body_at: int = 0
    status: int = 0
    sent_at: float = 0.0


def get(path: str, headers: dict[str, str] | None = None) -> bytes:
    """Return a GET request, ready to be sent."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def hammer(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    """Send `requests` round and round over `connections` for `seconds`, one at a time on each.

    A connection that breaks is opened anew and counted; nothing is retried.
    """
    load = Load()
    turn = 0
    started = time.monotonic()
    deadline = started + seconds
    with selectors.DefaultSelector() as selector:

        def begin(connection: _Connection) -> None:
            nonlocal turn
            connection.received.clear()
            connection.awaited = 0
            connection.sent_at = time.perf_counter()
            connection.socket.sendall(requests[turn % len(requests)])
            turn += 1

        def opened() -> _Connection:
            connection = _Connection(socket.create_connection(("127.0.0.1", port), timeout=30))
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            begin(connection)
            return connection

        def close(connection: _Connection) -> None:
            selector.unregister(connection.socket)
            connection.socket.close()

        alive = [opened() for _ in range(connections)]
        while alive and time.monotonic() < deadline + 30:
            for key, _ in selector.select(timeout=1):
                connection: _Connection = key.data
                try:
                    finished = _read(connection)
                    if not finished:
                        continue
                    load.statuses[connection.status] += 1
                    load.seconds.append(time.perf_counter() - connection.sent_at)
                    if time.monotonic() < deadline:
                        begin(connection)
                        continue
                    close(connection)
                    alive.remove(connection)
                except OSError:
                    load.broken += 1
                    close(connection)
                    alive.remove(connection)
                    if time.monotonic() < deadline:
                        alive.append(opened())
        load.duration = time.monotonic() - started
        for connection in alive:
            close(connection)
            load.broken += 1
    return load


def _read(connection: _Connection) -> bool:
    """Take in what has arrived; True when the answer is complete. Raises OSError for a closed connection."""
    part = connection.socket.recv(_RECEIVE)
    if not part:
        raise ConnectionError("closed")
    received = connection.received
    received += part
    if not connection.awaited:
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(received[:end]).lower()
        connection.status = int(head.split(b" ", 2)[1])
        connection.body_at = end + 4
        connection.awaited = connection.body_at + _content_length(head)
    return len(received) >= connection.awaited


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0
