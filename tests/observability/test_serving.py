"""The portal behind gunicorn with several workers: figures add up, the log is clean, it stops well."""

import fcntl
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

ROOT = Path(__file__).resolve().parents[2]
PHONE = "13800138000"
WORKERS = 2


@dataclass
class Server:
    """A running gunicorn and where its log goes."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    instance: Path

    def get(self, path: str) -> tuple[int, str]:
        """One request on a connection of its own, so that any worker may take it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def send(self, request: bytes) -> tuple[str, str]:
        """Send bytes as they are; the answer's head and body."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        head, _, body = answer.decode().partition("\r\n\r\n")
        return head, body

    def wait_until_up(self) -> None:
        """Return once all workers are there and one answers; fails after a minute or when the server has ended."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if len(self.workers()) == WORKERS and self.get("/healthz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        pytest.fail(self.log.read_text())

    def healthy_answers(self) -> int:
        """Return how many times /healthz was answered, as any worker tells it."""
        status, body = self.get("/metrics")
        assert status == 200
        sample = 'portal_requests_total{method="GET",route="/healthz",status="200"}'
        found = re.search(rf"^{re.escape(sample)} (\S+)$", body, re.MULTILINE)
        return int(float(found.group(1))) if found else 0

    def workers(self) -> list[int]:
        """Return the process ids of the workers, by the log."""
        return [
            int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", self.log.read_text())
        ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """gunicorn with our configuration and two workers on an empty instance folder."""
    folder = tmp_path_factory.mktemp("serving")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PORTAL_", "TEST_"))
        and name not in ("DATABASE_URL", "REDIS_URL", "PROMETHEUS_MULTIPROC_DIR")
    }
    environment |= {
        "PORTAL_MODE": "test",
        "PORTAL_INSTANCE_DIR": str(folder / "instance"),
        "PORTAL_PORT": str(port),
        "PORTAL_WORKERS": str(WORKERS),
    }
    subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
    )
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn"], cwd=ROOT, env=environment, stdout=file, stderr=file
        )
    running = Server(process, port, log, folder / "instance")
    try:
        running.wait_until_up()
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_figures_of_all_workers_are_added_up(server: Server) -> None:
    before = server.healthy_answers()
    for _ in range(20):
        assert server.get("/healthz")[0] == 200
    assert [server.healthy_answers() - before for _ in range(6)] == [20] * 6


def test_a_killed_worker_is_replaced_and_its_count_stays(server: Server) -> None:
    before, workers = server.healthy_answers(), server.workers()
    os.kill(workers[0], signal.SIGKILL)
    deadline = time.monotonic() + 20
    while len(server.workers()) == len(workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(server.workers()) == len(workers) + 1
    assert server.get("/healthz")[0] == 200
    assert server.healthy_answers() == before + 1


def test_the_log_is_json_without_paths_and_queries(server: Server) -> None:
    assert server.get(f"/nothing/{PHONE}?phone={PHONE}&name=secret-name")[0] == 404
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert requests[-1]["status"] == 404
    assert PHONE not in server.log.read_text()
    assert "secret-name" not in server.log.read_text()


@pytest.mark.parametrize(
    ("request_bytes", "status", "code", "said"),
    [
        (b"GET /api/v1/search?q=" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "uri_too_long", "400 个字"),
        (
            b"GET /healthz HTTP/1.1\r\nCookie: " + b"x" * 9000 + b"\r\n\r\n",
            431,
            "headers_too_large",
            "Cookie",
        ),
        (b"GET /healthz HTTP/1.1\r\nno-colon secret-name\r\n\r\n", 400, "malformed", "格式"),
        (b"secret-name\r\n\r\n", 400, "malformed", "格式"),
    ],
)  # fmt: skip
def test_what_the_server_itself_refuses_is_told_in_chinese_as_a_problem(
    server: Server, request_bytes: bytes, status: int, code: str, said: str
) -> None:
    head, body = server.send(request_bytes)
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert "Content-Type: application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (status, code)
    assert said in problem["next_step"]
    assert f"X-Request-ID: {problem['request_id']}" in head
    log = server.log.read_text()
    lines = [line for line in log.splitlines() if problem["request_id"] in line]
    assert [json.loads(line)["status"] for line in lines] == [status]
    assert "127.0.0.1" not in lines[0]
    assert "secret-name" not in log


@pytest.mark.parametrize("letter", ["字", "𠮷"])
def test_four_hundred_characters_and_every_filter_fit_into_a_request_line(
    server: Server, letter: str
) -> None:
    filters = {
        "kind": ["decision"] * 10,
        "level": ["administrative_regulation"] * 10,
        "validity": ["historical"] * 10,
        "category": ["c" * 40] * 10,
        "as_of": "2026-01-01",
        "size": "100",
        "cursor": "c" * 100,
    }
    query = urlencode({"q": letter * 400, **filters}, doseq=True)
    assert server.get(f"/api/v1/search?{query}")[0] in (422, 503)


def runs(server: Server) -> bool:
    """Whether setup would find the web running."""
    with (server.instance / "web.running").open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_sigterm_ends_it_cleanly(server: Server) -> None:
    assert runs(server)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=10) == 0
    last = [json.loads(line)["event"] for line in server.log.read_text().splitlines()]
    assert "Shutting down: Master" in last
    assert not any("Traceback" in event for event in last)
    assert not runs(server)
