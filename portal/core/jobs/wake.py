"""Waking the worker. A hint only: without it, or when it is lost, the worker looks at the table twice a second."""

from __future__ import annotations

import time
from typing import Protocol

import redis
import structlog

from portal.core import failures
from portal.core.respite import ANSWERS_WITHIN, Respite

POLL_SECONDS = 0.5
_CHANNEL = "portal:jobs:wake"
_log = structlog.get_logger(__name__)


class Waker(Protocol):
    """How a web worker taps the background worker on the shoulder."""

    def signal(self) -> None:
        """Say that there is something to do."""

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or sooner when signalled."""


class Polling:
    """No signal; used without Redis."""

    def signal(self) -> None:
        """Nothing to do: the worker polls."""

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`."""
        time.sleep(seconds)


class RedisWaker:
    """A short list in Redis: any number of signals while the worker is busy means one look at the table."""

    def __init__(self, url: str) -> None:
        # Whoever signals has a client waiting for the answer.
        self._signals = redis.Redis.from_url(
            url, socket_timeout=ANSWERS_WITHIN, socket_connect_timeout=ANSWERS_WITHIN
        )
        self._waits = redis.Redis.from_url(
            url, socket_timeout=POLL_SECONDS * 4, socket_connect_timeout=ANSWERS_WITHIN
        )
        self._respite = Respite()
        self._told = failures.Telling()

    def signal(self) -> None:
        """Push a token; a Redis that is down, or hangs, costs only the poll interval."""
        if self._respite.lasts:
            return
        try:
            with self._respite.watched(), self._signals.pipeline(transaction=False) as pipe:
                pipe.lpush(_CHANNEL, 1)
                pipe.ltrim(_CHANNEL, 0, 0)
                pipe.execute()
        except Exception as error:  # noqa: BLE001 - what is no Redis may answer anything
            self._tell(error)

    def wait(self, seconds: float) -> None:
        """Wait for a token, at most `seconds` as long as Redis answers."""
        if self._respite.lasts:
            time.sleep(seconds)
            return
        try:
            with self._respite.watched():
                self._waits.blpop([_CHANNEL], timeout=seconds)
        except Exception as error:  # noqa: BLE001 - as above
            self._tell(error)
            time.sleep(seconds)

    def _tell(self, error: Exception) -> None:
        told = failures.of_redis(error)
        if self._told.is_due(told):
            _log.warning("wake_failed", error=type(error).__name__, advice=told)


_waker: Waker = Polling()


def configure(redis_url: str | None) -> None:
    """Choose the waker for this process."""
    global _waker
    _waker = RedisWaker(redis_url) if redis_url else Polling()


def signal() -> None:
    """Wake the worker."""
    _waker.signal()


def wait(seconds: float = POLL_SECONDS) -> None:
    """Wait for a signal."""
    _waker.wait(seconds)
