"""One request at a time computes, whoever sends or receives slowly, and nobody waits long for a slow one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest

from portal.web.lanes import MOST_READ_FIRST, Lanes

# Long enough that no pause of the machine ends it, where nobody should lose patience.
ENDLESS = 60.0


class Body(BytesIO):
    """A body whose rest arrives when the test says so."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.asked = threading.Event()
        self.sent = threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        self.asked.set()
        assert self.sent.wait(30)
        return super().read(size)


class Application:
    """Counts who is inside; a request of path /slow stays until the test lets it go."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.answered: list[str] = []
        self.slow_is_in = threading.Event()
        self.go_on = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        body = environ["wsgi.input"].read()
        if environ["PATH_INFO"] == "/slow":
            self.slow_is_in.set()
            assert self.go_on.wait(30)
        if environ["PATH_INFO"] == "/broken":
            with self._lock:
                self.inside -= 1
            raise LookupError
        with self._lock:
            self.inside -= 1
            self.answered.append(environ["PATH_INFO"])
        return [body]


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def start() -> Iterator[Callable[..., threading.Thread]]:
    """Run something in a thread of its own; all have ended when the test does."""
    threads: list[threading.Thread] = []

    def begin(function: Callable[..., Any], *arguments: Any) -> threading.Thread:
        thread = threading.Thread(target=function, args=arguments)
        threads.append(thread)
        thread.start()
        return thread

    yield begin
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def ask(lanes: Lanes, path: str, body: BytesIO | None = None, **environ: str) -> bytes:
    length = str(len(body.getvalue())) if body is not None else ""
    given = {
        "PATH_INFO": path,
        "wsgi.input": body or BytesIO(),
        "CONTENT_LENGTH": length,
        **environ,
    }
    return b"".join(lanes(given, None))


def test_requests_compute_one_at_a_time(application, start):
    lanes = Lanes(application, patience=ENDLESS)
    threads = [start(lambda: [ask(lanes, "/quick") for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.join(30)
    assert len(application.answered) == 800
    assert application.most == 1


def test_whoever_sends_slowly_keeps_nobody_waiting(application, start):
    lanes = Lanes(application, patience=ENDLESS)
    body = Body(b"a life story")
    start(ask, lanes, "/sends-slowly", body)
    assert body.asked.wait(30)
    ask(lanes, "/quick")
    assert application.answered == ["/quick"]
    body.sent.set()


def test_the_application_reads_what_was_sent(application):
    lanes = Lanes(application)
    assert ask(lanes, "/quick", BytesIO("我的事".encode())) == "我的事".encode()


def test_nobody_waits_long_for_a_slow_request_and_who_comes_later_not_at_all(application, start):
    lanes = Lanes(application, patience=0.01)
    start(ask, lanes, "/slow")
    assert application.slow_is_in.wait(30)
    ask(lanes, "/quick")
    lanes._patience = ENDLESS
    ask(lanes, "/quick")
    assert application.answered == ["/quick", "/quick"]
    application.go_on.set()


def test_an_upload_is_read_by_the_application_and_keeps_nobody_waiting(application, start):
    lanes = Lanes(application, patience=ENDLESS)
    body = Body(b"x" * (MOST_READ_FIRST + 1))
    start(ask, lanes, "/upload", body)
    assert body.asked.wait(30)
    ask(lanes, "/quick")
    assert application.answered == ["/quick"]
    body.sent.set()


def test_a_body_of_unknown_length_keeps_nobody_waiting(application, start):
    lanes = Lanes(application, patience=ENDLESS)
    body = Body(b"in pieces")
    given = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    start(lambda: ask(lanes, "/chunks", body, **given))
    assert body.asked.wait(30)
    ask(lanes, "/quick")
    assert application.answered == ["/quick"]
    body.sent.set()


def test_a_request_that_fails_leaves_the_lane(application):
    lanes = Lanes(application, patience=ENDLESS)
    with pytest.raises(LookupError):
        ask(lanes, "/broken")
    ask(lanes, "/quick")
    assert application.answered == ["/quick"]


@pytest.mark.parametrize("length", ["", "-1", "many", "٣"])
def test_a_length_that_is_no_number_is_left_to_the_application(application, length):
    lanes = Lanes(application, patience=ENDLESS)
    assert ask(lanes, "/quick", None, CONTENT_LENGTH=length) == b""
