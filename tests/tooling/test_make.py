"""The make targets a newcomer meets first, the process list, and gunicorn's configuration."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import ThreadWorker

ROOT = Path(__file__).resolve().parents[2]


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "PYTHON"))}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**clean, "LC_ALL": "C.UTF-8", **environment},
    )


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A folder as a clone has it: the Makefile and the locks, no environment."""
    for name in ("Makefile", "Procfile"):
        shutil.copy(ROOT / name, tmp_path)
    # One small package stands for the lock: what counts here is the order of steps.
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    (tmp_path / "requirements-corpus.txt").write_text("# nothing\n")
    return tmp_path


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_help_lists_every_public_target() -> None:
    printed = make(ROOT, "help").stdout
    for target in ("run", "test", "test-sqlite", "test-postgres", "tour", "lock",
                   "bench-faults", "bench-notary"):  # fmt: skip
        assert re.search(rf"^  {target} +\S", printed, re.MULTILINE), target


def test_too_old_python_gets_one_clear_sentence(fresh: Path) -> None:
    old = executable(
        fresh / "bin/oldpython",
        '#!/bin/sh\n[ "$1" = --version ] && { echo "Python 3.9.2"; exit 0; }\nexit 1\n',
    )
    done = make(fresh, "install", f"PYTHON={old}")
    assert done.returncode != 0
    assert "需要 Python 3.11 或更高版本" in done.stderr
    assert "Python 3.9.2" in done.stderr
    assert not (fresh / ".venv").exists()


def test_no_python_at_all_gets_one_clear_sentence(fresh: Path) -> None:
    tools = fresh / "tools"
    tools.mkdir()
    for name in ("bash", "awk", "head", "sh"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    real_make = shutil.which("make")
    assert real_make is not None
    (tools / "make").symlink_to(real_make)
    done = make(fresh, "install", PATH=str(tools))
    assert done.returncode != 0
    assert "没有找到 Python 3.11 或更高版本" in done.stderr


def test_installs_once_and_again_only_when_the_lock_changes(fresh: Path) -> None:
    first = make(fresh, "install", f"PYTHON={sys.executable}")
    assert first.returncode == 0, first.stderr
    assert "建立虚拟环境" in first.stdout
    assert "安装 requirements.txt" in first.stdout
    second = make(fresh, "install", f"PYTHON={sys.executable}")
    assert second.returncode == 0
    assert "安装 requirements" not in second.stdout
    stamp = fresh / ".venv/.installed-runtime"
    newer = stamp.stat().st_mtime + 5
    os.utime(fresh / "requirements.txt", (newer, newer))
    third = make(fresh, "install", f"PYTHON={sys.executable}")
    assert "安装 requirements.txt" in third.stdout


def refusing(fresh: Path, lock: str) -> None:
    """Put a stand-in for the environment's Python there, whose pip cannot install `lock`."""
    executable(
        fresh / ".venv/bin/python",
        f'#!/bin/sh\ncase "$*" in *" {lock}") echo "no such package" >&2; exit 1 ;; esac\n',
    )
    (fresh / ".venv/.python").touch()


def test_a_failed_installation_leaves_no_stamp(fresh: Path) -> None:
    refusing(fresh, "requirements.txt")
    done = make(fresh, "install")
    assert done.returncode != 0
    assert "no such package" in done.stderr
    assert not (fresh / ".venv/.installed-runtime").exists()


def test_missing_law_package_does_not_keep_the_portal_from_starting(fresh: Path) -> None:
    refusing(fresh, "requirements-corpus.txt")
    done = make(fresh, "install")
    assert done.returncode == 0, done.stderr
    assert (fresh / ".venv/.installed-runtime").exists()
    assert "没有法律条文可查" in done.stderr
    assert not (fresh / ".venv/.installed-corpus").exists()


def run_with(fresh: Path, honcho: str) -> subprocess.CompletedProcess[str]:
    """Run `make run` with a stand-in for honcho and flask, as if everything were installed."""
    stand_in(fresh, honcho)
    return make(fresh, "run")


def stand_in(fresh: Path, honcho: str) -> None:
    folder = fresh / ".venv"
    executable(folder / "bin/python", "#!/bin/sh\nexit 0\n")
    executable(folder / "bin/flask", '#!/bin/sh\necho "flask $*"\n')
    executable(folder / "bin/honcho", honcho)
    for stamp in (".python", ".installed-runtime", ".installed-corpus"):
        (folder / stamp).touch()


STAND_IN = """#!/bin/sh
if [ "$1" = run ]; then shift; exec "$@"; fi
sleep 0.5; echo "honcho $*"; exit %d
"""


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (130, 0), (143, 0), (1, 2)])
def test_run_sets_up_starts_and_tells_where_to_look(fresh: Path, code: int, expected: int) -> None:
    done = run_with(fresh, STAND_IN % code)
    assert done.returncode == expected, done.stderr
    printed = done.stdout
    assert printed.index("flask setup") < printed.index("honcho start")
    assert "flask banner --wait" in printed


STAYING = """#!/bin/sh
if [ "$1" = run ]; then shift; exec "$@"; fi
trap 'echo stopped in order; exit 143' TERM
# Ends by itself, should nobody end it.
echo started; for _ in $(seq 400); do sleep 0.1; done
"""


def test_who_ends_make_with_term_ends_what_it_started_in_order(fresh: Path) -> None:
    stand_in(fresh, STAYING)
    with subprocess.Popen(["make", "run"], cwd=fresh, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        while running.stdout.readline() != "started\n":
            assert running.poll() is None
        running.terminate()
        # To the end of the output: whoever can still write to it lives on.
        assert "stopped in order" in running.communicate(timeout=30)[0]


def test_a_failed_setup_starts_nothing(fresh: Path) -> None:
    done = run_with(fresh, '#!/bin/sh\n[ "$3" = setup ] && exit 3\necho "honcho $*"\n')
    assert done.returncode != 0
    assert "honcho start" not in done.stdout


def test_procfile_names_web_and_worker() -> None:
    lines = dict(
        line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line
    )
    assert set(lines) == {"web", "worker"}
    # Without exec the shell dies of SIGTERM first and the server is killed unasked.
    assert all("exec " in command for command in lines.values())


@pytest.fixture
def gunicorn_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    folder = tmp_path / "instance/metrics"
    folder.mkdir(parents=True)
    for name in ("counter_999999999.db", f"counter_{os.getpid()}.db", "strange.db", "keep.txt"):
        (folder / name).touch()
    monkeypatch.setenv("PORTAL_INSTANCE_DIR", str(tmp_path / "instance"))
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    config = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(folder)
    # Not by `monkeypatch`, which would put it back for the tests that follow.
    del os.environ["PROMETHEUS_MULTIPROC_DIR"]
    config["folder"] = folder
    return config


def test_gunicorn_binds_to_this_host_only(gunicorn_config: dict[str, Any]) -> None:
    assert gunicorn_config["bind"] == "127.0.0.1:8000"
    assert gunicorn_config["accesslog"] is None
    assert gunicorn_config["control_socket_disable"] is True


def test_gunicorn_wipes_figures_of_dead_processes_only(gunicorn_config: dict[str, Any]) -> None:
    left = sorted(path.name for path in gunicorn_config["folder"].iterdir())
    assert left == sorted([f"counter_{os.getpid()}.db", "keep.txt"])


@pytest.mark.parametrize(("command", "shared"), [(["worker"], True), (["audit", "verify"], False)])
def test_only_the_background_worker_counts_into_the_folder_of_the_web(
    tmp_path: Path, command: list[str], shared: bool
) -> None:
    instance = tmp_path / "instance"
    # The database is empty, so that the command ends at once; the figures are open by then.
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *command],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PORTAL_MODE": "test",
            "PORTAL_INSTANCE_DIR": str(instance),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "请运行 flask --app wsgi setup" in done.stderr
    assert bool(list(instance.glob("metrics/*.db"))) is shared


def test_gunicorn_accepts_every_setting(gunicorn_config: dict[str, Any]) -> None:
    config = Config()
    ours = {name: value for name, value in gunicorn_config.items() if name in config.settings}
    assert {"wsgi_app", "workers", "on_starting", "post_fork", "child_exit"} <= set(ours)
    for name, value in ours.items():
        config.set(name, value)
    assert issubclass(config.worker_class, ThreadWorker)
    # The process manager of `make run` kills five seconds after it asked.
    assert config.graceful_timeout < 5
