"""Leaving a service alone that fails slowly: one that hangs would otherwise hold up every request for its timeout."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# So at most a twentieth of a thread's time is spent on waiting for what does not answer, and one that fails at once is
# asked again at once.
TIMES_AS_LONG = 20
# Seconds.
LONGEST = 10.0
# Seconds that a service has for an answer on which a client waits; Redis takes a thousandth of that.
ANSWERS_WITHIN = 0.5


class Respite:
    """What is known in this process of a service that the portal can do without."""

    def __init__(self) -> None:
        self._not_before = 0.0

    @property
    def lasts(self) -> bool:
        """True while the service is left alone."""
        return time.monotonic() < self._not_before

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ask the service in this block; when it raises, it is left alone for twenty times as long as that took."""
        started = time.monotonic()
        try:
            yield
        except Exception:
            now = time.monotonic()
            self._not_before = now + min(TIMES_AS_LONG * (now - started), LONGEST)
            raise
