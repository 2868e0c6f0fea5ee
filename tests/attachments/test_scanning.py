"""The virus scan, against a clamd that says what the test wants."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import struct
import threading
import time

import pytest
from sqlalchemy import select

from portal.attachments import scanning
from portal.attachments.models import Attachment, ScanState
from portal.audit.models import AuditEvent
from portal.core.db import db
from portal.observability.health import readiness
from tests.attachments import samples
from tests.attachments.conftest import RESIDENT, files, rows


class FakeClamd:
    """Speaks clamd's protocol on a loopback port and answers by what it received."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.answer = b"stream: OK\x00"
        self.dead = False
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving; safe to repeat."""
        with contextlib.suppress(OSError):
            # Wakes the thread that waits in accept, which a mere close would leave listening.
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                try:
                    self._talk(connection)
                except (OSError, struct.error):
                    continue

    def _talk(self, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        command = b""
        while not command.endswith(b"\x00"):
            command += file.read(1)
        if command == b"zPING\x00":
            connection.sendall(b"PONG\x00" if not self.dead else b"")
            return
        content = b""
        while length := struct.unpack(">I", file.read(4))[0]:
            content += file.read(length)
        self.received.append(content)
        if self.answer == b"sleep":
            time.sleep(1)
        elif not self.dead:
            connection.sendall(self.answer)


@pytest.fixture
def clamd(app, monkeypatch):
    """A running clamd, switched on."""
    server = FakeClamd()
    switched_on = dataclasses.replace(
        app.extensions["portal_settings"], clamd=f"127.0.0.1:{server.port}"
    )
    monkeypatch.setitem(app.extensions, "portal_settings", switched_on)
    yield server
    server.close()


def test_every_byte_reaches_the_scanner_and_the_row_says_so(upload, clamd):
    content = samples.png(filling=bytes(700_000))
    made = upload(content)
    assert made.status_code == 201
    assert clamd.received == [content]
    assert db.session.scalar(select(Attachment.scan_state)) is ScanState.CLEAN


def test_an_infected_file_is_refused_and_the_refusal_is_on_record(upload, clamd):
    clamd.answer = b"stream: Eicar-Test-Signature FOUND\x00"
    answer = upload(name="张三的病历.png")
    assert (answer.status_code, answer.json["code"]) == (422, "file_infected")
    assert (rows(), files()) == (0, [])
    (event,) = db.session.scalars(select(AuditEvent))
    assert event.action == "attachment.infected"
    assert event.actor_id == RESIDENT.id
    assert event.detail["found"] == "Eicar-Test-Signature"
    assert "张三" not in str(event.detail)


@pytest.mark.parametrize(
    "answer",
    [
        b"INSTREAM size limit exceeded. ERROR\x00",
        b"stream: Can't allocate memory ERROR\x00",
        b"",
        b"garbage\x00",
        b"x" * 9000,
        b"\xff\xfe\x00",
    ],
)
def test_an_answer_that_is_no_verdict_accepts_nothing(upload, clamd, answer):
    clamd.answer = answer
    refused = upload()
    assert (refused.status_code, refused.json["code"]) == (503, "scanner_unavailable")
    assert refused.headers["Retry-After"]
    assert (rows(), files()) == (0, [])


def test_a_dead_scanner_accepts_nothing(upload, clamd):
    clamd.close()
    assert upload().status_code == 503
    assert rows() == 0


def test_a_scanner_that_never_answers_accepts_nothing(upload, clamd, monkeypatch):
    monkeypatch.setattr(scanning, "_SCAN_SECONDS", 0.2)
    clamd.answer = b"sleep"
    assert upload().status_code == 503
    monkeypatch.setattr(scanning, "_SCAN_SECONDS", 0.0)
    assert upload().status_code == 503


def test_readiness_says_whether_uploads_are_scanned(client, clamd, app, monkeypatch):
    def entry():
        return readiness.run()[1]["virus_scan"]

    assert entry()["ok"] is True
    assert "已开启" in entry()["detail"]
    clamd.dead = True
    assert entry()["ok"] is False
    assert entry()["required"] is False
    clamd.close()
    assert entry()["ok"] is False
    off = dataclasses.replace(app.extensions["portal_settings"], clamd=None)
    monkeypatch.setitem(app.extensions, "portal_settings", off)
    assert entry()["ok"] is True
    assert "没有开启" in entry()["detail"]


def test_a_scanner_address_that_is_none_is_a_dead_scanner(upload, app, monkeypatch):
    wrong = dataclasses.replace(app.extensions["portal_settings"], clamd="nowhere")
    monkeypatch.setitem(app.extensions, "portal_settings", wrong)
    assert upload().status_code == 503
