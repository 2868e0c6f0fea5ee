"""Prometheus metrics: one process, several processes, and who may read them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from portal.core import clock
from portal.core.db import db
from portal.core.jobs import WorkerHeartbeat, enqueue, job_handler
from portal.core.jobs import worker as job_worker
from portal.core.unit_of_work import unit_of_work
from portal.observability import metrics

ROOT = Path(__file__).resolve().parents[2]


def value(body: str, sample: str) -> float:
    found = re.search(rf"^{re.escape(sample)} (\S+)$", body, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def read(client: FlaskClient) -> str:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_requests_are_counted_by_template_and_status(client: FlaskClient) -> None:
    sample = 'portal_requests_total{method="GET",route="/healthz",status="200"}'
    unknown = 'portal_requests_total{method="GET",route="none",status="404"}'
    before = read(client)
    client.get("/healthz")
    client.get("/no/such/13800138000")
    client.get("/no/such/other")
    after = read(client)
    assert value(after, sample) - value(before, sample) == 1
    assert value(after, unknown) - value(before, unknown) == 2
    assert "13800138000" not in after
    latency = 'portal_request_seconds_count{method="GET",route="/healthz"}'
    assert value(after, latency) - value(before, latency) == 1


def test_made_up_methods_do_not_multiply_the_series(client: FlaskClient) -> None:
    for method in ("BREW", "ZAP", "QQQ"):
        client.open("/healthz", method=method)
    body = read(client)
    assert "BREW" not in body
    assert 'method="other"' in body


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.1.2.3", {}, 404),
        ("not an address", {}, 404),
        # A proxy on this host passes the outside on: its requests are not from here.
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 404),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.9"}, 404),
    ],
)
def test_only_this_host_may_read(
    client: FlaskClient, address: str, headers: dict[str, str], status: int
) -> None:
    answer = client.get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == status


def test_jobs_are_counted_by_outcome(client: FlaskClient) -> None:
    @job_handler("test.metrics_fine")
    def fine(_run: object) -> None:
        pass

    @job_handler("test.metrics_broken")
    def broken(_run: object) -> None:
        raise ValueError("broken")

    with unit_of_work():
        enqueue("test.metrics_fine")
        enqueue("test.metrics_broken", max_attempts=1)
    waiting = read(client)
    assert value(waiting, 'portal_jobs_in_table{state="pending"}') == 2
    job_worker.drain()
    body = read(client)
    assert value(body, 'portal_jobs_total{kind="test.metrics_fine",outcome="done"}') == 1
    assert value(body, 'portal_jobs_total{kind="test.metrics_broken",outcome="dead"}') == 1
    assert value(body, 'portal_jobs_in_table{state="pending"}') == 0
    assert value(body, 'portal_jobs_in_table{state="dead"}') == 1
    assert value(body, 'portal_job_seconds_count{kind="test.metrics_fine"}') == 1


def test_age_of_the_oldest_due_job_and_of_the_worker(client: FlaskClient) -> None:
    with unit_of_work():
        now = clock.now()
        enqueue("test.old", run_at=now - timedelta(seconds=90))
        enqueue("test.later", run_at=now + timedelta(hours=1))
        beat = now - timedelta(seconds=7)
        db.session.add(WorkerHeartbeat(owner="h:1", started_at=beat, beat_at=beat))
    body = read(client)
    assert 90 <= value(body, "portal_job_oldest_due_seconds") < 100
    assert 7 <= value(body, "portal_worker_beat_age_seconds") < 17


def test_metrics_answer_while_the_database_is_away(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_self: object) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(metrics.QueueCollector, "collect", away)
    body = read(client)
    assert "portal_requests_total" in body
    assert "portal_jobs_in_table" not in body


def test_connections_are_followed(client: FlaskClient, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'x.db'}")
    metrics.watch_pool(engine)
    opened = metrics.CONNECTIONS._value.get()
    used = metrics.CONNECTIONS_IN_USE._value.get()
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        assert metrics.CONNECTIONS._value.get() == opened + 1
        assert metrics.CONNECTIONS_IN_USE._value.get() == used + 1
    assert metrics.CONNECTIONS_IN_USE._value.get() == used
    engine.dispose()
    assert metrics.CONNECTIONS._value.get() == opened


# Two children of one process that has loaded everything, as gunicorn's workers are.
WRITER = """
import os
import portal.observability
from portal.observability import metrics

for jobs, connections in ((2, 1), (3, 4)):
    if os.fork() == 0:
        for _ in range(jobs):
            metrics.job_finished("test.many", "done", 0.01)
        metrics.CONNECTIONS.inc(connections)
        os._exit(0)
assert [os.wait()[1] for _ in range(2)] == [0, 0]
"""


def test_several_processes_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "not/there/yet"
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    subprocess.run(
        [sys.executable, "-c", WRITER], cwd=ROOT, env=environment, check=True, timeout=60
    )
    assert len(list(folder.glob("counter_*.db"))) == 2
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    body = metrics.generate_latest(metrics.registry()).decode()
    assert value(body, 'portal_jobs_total{kind="test.many",outcome="done"}') == 5
    assert value(body, "portal_db_connections") == 5
    # What gunicorn's child_exit does for a worker that has ended.
    pid = int(next(folder.glob("counter_*.db")).stem.rsplit("_", 1)[1])
    metrics.multiprocess.mark_process_dead(pid, str(folder))
    left = metrics.generate_latest(metrics.registry()).decode()
    assert value(left, "portal_db_connections") in (1, 4)
    assert value(left, 'portal_jobs_total{kind="test.many",outcome="done"}') == 5


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, which is soon full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only an administrator mounts a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path) -> None:
    assert disk.is_mount()
    with (disk / "filling").open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
        while True:
            file.write(bytes(4096))


# More kinds than the first 64 KiB of a file hold, after the disk was filled; then a second process.
COUNTER = """
import os
import sys
import portal.observability
from portal.observability import metrics

metrics.job_finished("test.before", "done", 0.01)
print("started", flush=True)
sys.stdin.readline()
for number in range(2000):
    metrics.job_finished(f"test.{number}", "done", 0.01)
metrics.job_finished("test.before", "done", 0.01)
if os.fork() == 0:
    metrics.job_finished("test.forked", "done", 0.01)
    assert metrics.JOBS.labels("test.forked", "done")._value.get() == 1
    os._exit(0)
assert os.wait()[1] == 0
assert metrics.JOBS.labels("test.1999", "done")._value.get() == 1
assert metrics.JOBS.labels("test.before", "done")._value.get() == 2
"""


def count_on(folder: Path) -> subprocess.Popen[str]:
    counting = subprocess.Popen(
        [sys.executable, "-c", COUNTER],
        cwd=ROOT,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert counting.stdout is not None
    assert counting.stdout.readline() == "started\n"
    return counting


def test_a_process_that_counts_outlives_a_full_disk(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = count_on(small_disk / "metrics")
    fill(small_disk)
    counting.communicate("go\n", timeout=60)
    assert counting.returncode == 0
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(small_disk / "metrics"))
    body = metrics.generate_latest(metrics.registry()).decode()
    # What found room is told; nothing is half there that could not be read.
    assert value(body, 'portal_jobs_total{kind="test.before",outcome="done"}') >= 1
    assert "test.1999" not in body


def test_figures_of_a_file_that_grew_are_all_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = count_on(tmp_path / "metrics")
    counting.communicate("go\n", timeout=60)
    assert counting.returncode == 0
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "metrics"))
    body = metrics.generate_latest(metrics.registry()).decode()
    for kind, times in (("before", 2), ("0", 1), ("1999", 1), ("forked", 1)):
        assert value(body, f'portal_jobs_total{{kind="test.{kind}",outcome="done"}}') == times
    assert all(path.suffix == ".db" for path in (tmp_path / "metrics").iterdir())
    # Nothing of the files is a hole.
    assert all(
        path.stat().st_blocks * 512 >= path.stat().st_size
        for path in (tmp_path / "metrics").iterdir()
    )
