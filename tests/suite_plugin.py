"""Loaded by the suite runner into every test process: a Redis database of its own, and no test that runs for nothing.

Parallel processes empty their counters between tests; on one database they would empty each
other's.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# The search library, the tools, the content's texts and what knows no database are the same on every database:
# where the suite runs on several, the first run tests them for all.
SAME_EVERYWHERE = (
    "tests/search_index",
    "tests/tooling",
    "tests/content",
    "tests/accounts/test_identity.py",
    "tests/accounts/test_policies.py",
    "tests/consultations/test_policies.py",
    "tests/consultations/test_redaction.py",
    "tests/core/test_config.py",
    "tests/core/test_failures.py",
    "tests/core/test_workflow.py",
    "tests/knowledge/test_alignment.py",
    "tests/knowledge/test_import_documents.py",
    "tests/notary/test_case_policies.py",
    "tests/notary/test_queueing.py",
    "tests/notifications/test_http_sender.py",
    "tests/observability/test_listening.py",
    "tests/observability/test_redaction.py",
    # Its server is started on an empty SQLite file in every run.
    "tests/observability/test_serving.py",
    "tests/supervision/test_timing.py",
    "tests/web/test_lanes.py",
    "tests/web/test_schemas.py",
)
# What a file says that makes a database of its own of the run's kind, without asking for a fixture.
OWN_DATABASE = ("own_application", "own_database", "TEST_DATABASE_URL", "TEST_REDIS_URL")


def own_redis_url(url: str, process: str) -> str:
    """Return `url` with its database number moved by the number of the test process (`gw0`...)."""
    base, _, number = url.rpartition("/")
    step = int(process.removeprefix("gw")) if process.startswith("gw") else 0
    return f"{base}/{int(number) + step}"


def pytest_configure() -> None:
    """Rewrite TEST_REDIS_URL for this process before any fixture reads it."""
    url, process = os.environ.get("TEST_REDIS_URL"), os.environ.get("PYTEST_XDIST_WORKER", "")
    if url and process:
        os.environ["TEST_REDIS_URL"] = own_redis_url(url, process)


def with_database(tests: Iterable[pytest.Item]) -> list[str]:
    """Return which of the single files that are run once have come to know a database after all."""
    files = {file for file in SAME_EVERYWHERE if file.endswith(".py")}
    asking = {
        file
        for test in tests
        if (file := test.nodeid.split("::")[0]) in files
        and "app" in getattr(test, "fixturenames", ())
    }
    for file in files - asking:
        text = (ROOT / file).read_text("utf-8")
        if any(word in text for word in OWN_DATABASE):
            asking.add(file)
    return sorted(asking)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a run in which a file that is tested on one database for all asks for one."""
    wrong = with_database(items)
    if wrong:
        raise pytest.UsageError(f"not the same on every database: {', '.join(wrong)}")
