"""Requests over connections that stay open, from one thread: a client that takes little of the machine it measures.

Traffic goes to the loopback address only, and ends by itself after a number of seconds.
"""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

_RECEIVE = 1 << 18
# After which a server counts as stuck.
LONGEST_SILENCE = 90.0


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

    def percentiles(self) -> dict[str, float]:
        """The seconds of an answer that half, 95 and 99 of a hundred stay within, in milliseconds."""
        waits = sorted(self.seconds) or [0.0]
        return {
            f"p{part}_ms": round(waits[min(len(waits) - 1, len(waits) * part // 100)] * 1000, 2)
            for part in (50, 95, 99)
        }


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 for a connection that broke before the whole answer was there."""

    status: int
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body as JSON, None when it is empty."""
        return json.loads(self.body) if self.body else None


# One client: yields requests (or a number of seconds to wait), is sent the answers, and returns when it
# has what it came for. A wait is answered by status 0.
Question = bytes | float
Conversation = Generator[Question, Answer, Any]


@dataclass
class _Connection:
    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    awaited: int = 0
    body_at: int = 0
    status: int = 0
    sent_at: float = 0.0
    talk: Conversation | None = None
    # Waiting, and so nothing is lost when the server closes it meanwhile.
    resting: bool = False
    closed: bool = False

    @property
    def body(self) -> bytes:
        """The body of the answer that has come."""
        return bytes(self.received[self.body_at : self.awaited])


def get(path: str, headers: dict[str, str] | None = None) -> bytes:
    """Return a GET request, ready to be sent."""
    return _request("GET", path, headers)


def send(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> bytes:
    """Return a request that writes, with `body` as JSON, ready to be sent."""
    if body is None:
        return _request(method, path, {**(headers or {}), "Content-Length": "0"})
    content = json.dumps(body, ensure_ascii=False).encode()
    described = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    return _request(method, path, {**(headers or {}), **described}) + content


def _request(method: str, path: str, headers: dict[str, str] | None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
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


def converse(
    port: int,
    conversations: Iterator[Conversation],
    connections: int,
    *,
    seconds: float = 600.0,
    between: Callable[[], None] | None = None,
) -> Load:
    """Carry on the conversations, each to its end, as many at a time as there are connections.

    A connection that breaks is opened anew; its conversation is told by an answer of status 0 and says
    what it asks next. `between` is called between answers, for what else is to happen meanwhile. After
    `seconds` no conversation begins any more.
    """
    talks = _Talks(port, conversations, time.monotonic() + seconds)
    started = time.monotonic()
    try:
        for _ in range(connections):
            talks.begin()
        while talks.alive:
            talks.listen()
            if between is not None:
                between()
    finally:
        talks.selector.close()
    talks.load.duration = time.monotonic() - started
    return talks.load


class _Talks:
    """The conversations under way, each on a connection of its own."""

    def __init__(self, port: int, waiting: Iterator[Conversation], until: float) -> None:
        self.port, self.waiting, self.until = port, waiting, until
        self.load = Load()
        self.selector = selectors.DefaultSelector()
        self.alive = 0
        self.resting: list[tuple[float, _Connection]] = []
        self.heard_at = time.monotonic()

    def begin(self) -> None:
        """Open a connection for the next conversation, if there is one."""
        following = next(self.waiting, None) if time.monotonic() < self.until else None
        if following is not None:
            self.alive += 1
            self._say(self._connected(following), None)

    def listen(self) -> None:
        """Take in what has arrived within a moment, and answer it."""
        ready = self.selector.select(timeout=0.01 if self.resting else 0.05)
        now = time.monotonic()
        if ready or self.resting:
            self.heard_at = now
        elif now - self.heard_at > LONGEST_SILENCE:
            raise TimeoutError(f"no answer for {LONGEST_SILENCE:.0f} seconds")
        for key, _ in ready:
            connection: _Connection = key.data
            try:
                if not _read(connection):
                    continue
            except OSError:
                if connection.resting:
                    self._close(connection)
                else:
                    self._broke(connection)
                continue
            self.load.statuses[connection.status] += 1
            self.load.seconds.append(time.perf_counter() - connection.sent_at)
            self._say(connection, Answer(connection.status, connection.body))
        rested = [each for each in self.resting if each[0] <= now]
        self.resting = [each for each in self.resting if each[0] > now]
        for _, connection in rested:
            connection.resting = False
            if connection.closed and connection.talk is not None:
                connection = self._connected(connection.talk)
            self._say(connection, Answer(0))

    def _connected(self, talk: Conversation) -> _Connection:
        fresh = _Connection(socket.create_connection(("127.0.0.1", self.port), timeout=60))
        fresh.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fresh.talk = talk
        self.selector.register(fresh.socket, selectors.EVENT_READ, fresh)
        return fresh

    def _close(self, connection: _Connection) -> None:
        connection.closed = True
        self.selector.unregister(connection.socket)
        connection.socket.close()

    def _broke(self, connection: _Connection) -> None:
        """Go on with the conversation on a new connection."""
        self.load.broken += 1
        self._close(connection)
        assert connection.talk is not None
        self._say(self._connected(connection.talk), Answer(0))

    def _say(self, connection: _Connection, answer: Answer | None) -> None:
        """Give the conversation its answer and send what it asks next; after its end, let another begin."""
        talk = connection.talk
        assert talk is not None
        try:
            question = next(talk) if answer is None else talk.send(answer)
        except StopIteration:
            following = next(self.waiting, None) if time.monotonic() < self.until else None
            if following is None:
                self._close(connection)
                self.alive -= 1
                return
            connection.talk = following
            self._say(connection, None)
            return
        if isinstance(question, float):
            connection.resting = True
            self.resting.append((time.monotonic() + question, connection))
            return
        connection.received.clear()
        connection.awaited = 0
        connection.sent_at = time.perf_counter()
        try:
            connection.socket.sendall(question)
        except OSError:
            self._broke(connection)


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
