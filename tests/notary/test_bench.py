"""The benchmarks' parts in small, through a real gunicorn: no invariant breaks, on either database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.benchmarks.notary import kills, month, rates, rush
from tests.support import postgres_server

pytestmark = pytest.mark.slow

DATABASE = postgres_server()

PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "rush": lambda: rush.rush(300, DATABASE),
    "mixed": lambda: rush.mixed(300, DATABASE),
    "rates": lambda: rates.rates(60, 1, DATABASE),
    "month": lambda: month.month(4, 8, 20, DATABASE),
    "kills": lambda: kills.kills(200, 3, DATABASE),
}


@pytest.mark.parametrize("part", PARTS)
def test_no_invariant_breaks(part: str) -> None:
    assert PARTS[part]()["broken"] == []
