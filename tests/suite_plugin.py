"""Loaded by the suite runner into every test process: gives each one a Redis database of its own.

Parallel processes empty their counters between tests; on one database they would empty each
other's.
"""

import os


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
