"""The contract with an SMS gateway, against a small local server that plays one, well or badly."""

from __future__ import annotations

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from portal.notifications.senders import CircuitOpen, Permanent, Transient
from portal.notifications.senders.http import Circuit, HttpSender

PHONE, TEXT = "13900000001", "您有一条新消息，请登录查看。"


class Gateway(ThreadingHTTPServer):
    """Takes messages and remembers them by id, or behaves as `mode` says."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mode = "ok"
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.messages: dict[str, str] = {}
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/v2/sms?app=portal"

    def handle_error(self, request, client_address):
        """A client that hung up is part of the play."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Gateway

    def log_message(self, *args):
        """Say nothing."""

    def do_POST(self):
        """Answer by the mode."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, dict(self.headers), body))
        mode = self.server.mode
        if mode == "hang":
            time.sleep(0.6)
            return
        if mode == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            return
        if mode == "noise":
            self.wfile.write(b"\x00\x01\x02 this is no HTTP\r\n\r\n")
            return
        if isinstance(mode, bytes):
            self.reply(200, mode)
            return
        if isinstance(mode, int):
            self.reply(mode, b"{}")
            return
        known = body["id"] in self.server.messages
        given = self.server.messages.setdefault(body["id"], f"gw-{len(self.server.messages) + 1}")
        self.reply(409 if known else 202, json.dumps({"id": given}).encode())

    def reply(self, status, content):
        """Send an answer."""
        self.send_response(status)
        if status in (301, 302, 307):
            self.send_header("Location", self.server.url)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def gateway():
    """A running gateway."""
    server = Gateway()
    yield server
    server.shutdown()
    server.server_close()
    server.thread.join(timeout=5)


@pytest.fixture
def sender(gateway):
    """A sender with a short patience."""
    return HttpSender(gateway.url, "t0ken", timeout=0.3)


def test_a_message_arrives_whole_and_once(gateway, sender):
    first = sender.send("m-1", PHONE, TEXT)
    assert first.gateway_id == "gw-1"
    path, headers, body = gateway.requests[0]
    assert path == "/v2/sms?app=portal"
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers["Idempotency-Key"] == "m-1"
    assert headers["Content-Type"].startswith("application/json")
    assert body == {"id": "m-1", "to": PHONE, "text": TEXT}
    # A worker that was killed before it could note the answer asks again.
    assert sender.send("m-1", PHONE, TEXT) == first
    assert sender.send("m-2", PHONE, TEXT).gateway_id == "gw-2"


def test_without_a_token_none_is_sent(gateway):
    HttpSender(gateway.url, None).send("m-1", PHONE, TEXT)
    assert "Authorization" not in gateway.requests[0][1]


@pytest.mark.parametrize("status", [400, 404, 410, 413, 422])
def test_a_refused_message_is_refused_for_good(gateway, sender, status):
    gateway.mode = status
    with pytest.raises(Permanent):
        sender.send("m-1", PHONE, TEXT)


@pytest.mark.parametrize("status", [500, 502, 503, 401, 403, 408, 429, 302, 307])
def test_what_may_pass_is_tried_again(gateway, sender, status):
    gateway.mode = status
    with pytest.raises(Transient):
        sender.send("m-1", PHONE, TEXT)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    "mode",
    [
        "hang",
        "cut",
        "noise",
        b"",
        b"OK",
        b"[]",
        b"null",
        b'{"id": 7}',
        b'{"id": ""}',
        b'{"id": "a b"}',
        b'{"state": "queued"}',
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"id": "' + b"x" * 70_000 + b'"}',
    ],
)
def test_an_answer_that_cannot_be_understood_is_tried_again(gateway, sender, mode):
    gateway.mode = mode
    with pytest.raises(Transient) as failed:
        sender.send("m-1", PHONE, TEXT)
    assert PHONE not in str(failed.value)
    assert TEXT not in repr(failed.value)
    gateway.mode = "ok"
    assert sender.send("m-1", PHONE, TEXT).gateway_id == "gw-1"


def test_a_dead_port_is_tried_again():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Transient):
        HttpSender(f"http://127.0.0.1:{port}", None).send("m-1", PHONE, TEXT)


@pytest.mark.parametrize(
    "url",
    ["", "gateway.example", "ftp://gateway", "http://", "http://user:pw@gateway/", "http://a:x/"],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match=r".+"):
        HttpSender(url, None)


def test_https_is_spoken_to_https_only(gateway):
    secure = HttpSender(gateway.url.replace("http://", "https://"), None, timeout=0.3)
    with pytest.raises(Transient):
        secure.send("m-1", PHONE, TEXT)
    assert gateway.requests == []


def test_a_gateway_that_keeps_failing_is_left_alone_for_a_while(gateway):
    sender = HttpSender(gateway.url, None, circuit=Circuit(failures=3, seconds=0.3))
    gateway.mode = 503
    for _ in range(3):
        with pytest.raises(Transient) as failed:
            sender.send("m-1", PHONE, TEXT)
        assert not isinstance(failed.value, CircuitOpen)
    with pytest.raises(CircuitOpen) as paused:
        sender.send("m-1", PHONE, TEXT)
    assert 0 < paused.value.seconds <= 0.3
    assert len(gateway.requests) == 3
    time.sleep(0.35)
    # One try, which fails: the pause begins anew at once.
    with pytest.raises(Transient):
        sender.send("m-1", PHONE, TEXT)
    with pytest.raises(CircuitOpen):
        sender.send("m-1", PHONE, TEXT)
    assert len(gateway.requests) == 4
    time.sleep(0.35)
    gateway.mode = "ok"
    sender.send("m-1", PHONE, TEXT)
    sender.send("m-2", PHONE, TEXT)
    assert len(gateway.requests) == 6


def test_refused_messages_do_not_open_the_circuit(gateway):
    sender = HttpSender(gateway.url, None, circuit=Circuit(failures=2, seconds=5))
    for mode in (500, 422, 500, 422, 500):
        gateway.mode = mode
        with pytest.raises((Transient, Permanent)):
            sender.send("m-1", PHONE, TEXT)
    gateway.mode = "ok"
    assert sender.send("m-1", PHONE, TEXT)


def test_while_one_tries_again_the_others_wait():
    circuit = Circuit(failures=1, seconds=0.05)
    circuit.enter()
    circuit.failed()
    time.sleep(0.06)
    circuit.enter()
    with pytest.raises(CircuitOpen):
        circuit.enter()
    circuit.succeeded()
    circuit.enter()
