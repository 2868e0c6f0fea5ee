"""Staff passwords: Argon2id, at most two verifications at a time in a process, and rules that people can follow."""

from __future__ import annotations

import functools
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from portal.config import Mode, settings
from portal.core.errors import Invalid, Unavailable

LEAST, MOST = 12, 128
LEAST_DISTINCT = 5
# One verification takes about 0.2 s and 64 MiB (measured): unlimited ones would let a few callers exhaust the host.
SLOTS = 2
QUEUE = 8
WAIT_SECONDS = 5.0

# Stems of the passwords that are tried first; compared without digits' and signs' disguise.
_COMMON = (
    "password",
    "passw0rd",
    "qwertyuiop",
    "1qaz2wsx",
    "qazwsx",
    "administrator",
    "admin123",
    "letmein",
    "iloveyou",
    "woaini",
    "welcome",
    "123456789",
    "987654321",
    "abcdefgh",
    "asdfghjkl",
    "zxcvbnm",
    "11223344",
    "88888888",
    "66666666",
    "zhongguo",
    "changeme",
)


class PasswordGate:
    """Lets `slots` through at a time and `queue` wait; the next is told to come back."""

    def __init__(self, slots: int = SLOTS, queue: int = QUEUE, wait: float = WAIT_SECONDS) -> None:
        self._slots = threading.BoundedSemaphore(slots)
        self._lock = threading.Lock()
        self._most = slots + queue
        self._wait = wait
        self._inside = 0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a slot for the block; raises Unavailable with `Retry-After` when the queue is long."""
        with self._lock:
            if self._inside >= self._most:
                raise _busy()
            self._inside += 1
        try:
            if not self._slots.acquire(timeout=self._wait):
                raise _busy()
            try:
                yield
            finally:
                self._slots.release()
        finally:
            with self._lock:
                self._inside -= 1


def _busy() -> Unavailable:
    return Unavailable(
        "现在登录的人太多。", retry_after=5, code="sign_in_busy", next_step="请过几秒再试。"
    )


gate = PasswordGate()


def _hasher() -> PasswordHasher:
    return _build(settings().mode is Mode.TEST)


@functools.cache
def _build(for_tests: bool) -> PasswordHasher:
    # The suite signs in hundreds of times; what it tests is not the price of a guess.
    return (
        PasswordHasher(time_cost=1, memory_cost=8, parallelism=1) if for_tests else PasswordHasher()
    )


@functools.cache
def _nobody(hasher: PasswordHasher) -> str:
    return hasher.hash("the password of nobody")


def hash_password(password: str) -> str:
    """Return the Argon2id hash; waits for a slot. Do not call it while holding a transaction: it takes 0.2 s."""
    with gate.enter():
        return _hasher().hash(_normal(password))


def verify(stored: str | None, password: str) -> bool:
    """True when `password` fits. `None` (no such account) costs the same time and is never right."""
    hasher = _hasher()
    nobody = _nobody(hasher)
    with gate.enter():
        try:
            hasher.verify(stored or nobody, _normal(password))
        except (VerifyMismatchError, InvalidHashError):
            return False
    return stored is not None


def needs_rehash(stored: str) -> bool:
    """True when the hash was made with other parameters than today's."""
    return _hasher().check_needs_rehash(stored)


def _normal(password: str) -> str:
    # Two keyboards may send the same visible password in different forms.
    return unicodedata.normalize("NFKC", password)


def check_rules(password: str, user_name: str, *, field: str = "new_password") -> None:
    """Raise Invalid, naming what is missing, unless the password is long and not among the obvious ones."""
    problem = _problem(_normal(password), user_name)
    if problem is not None:
        raise Invalid(code="weak_password", errors={field: [problem]})


def _problem(password: str, user_name: str) -> str | None:
    folded = password.casefold()
    if len(password) < LEAST:
        return f"密码至少 {LEAST} 个字符，可以用一句容易记的话。"
    if len(password) > MOST:
        return f"密码最多 {MOST} 个字符。"
    if user_name and user_name.casefold() in folded:
        return "密码里不能含有用户名。"
    if len(set(folded)) < LEAST_DISTINCT:
        return f"密码里至少要有 {LEAST_DISTINCT} 种不同的字符。"
    if any(stem in folded for stem in _COMMON):
        return "这个密码太常见，容易被猜到，请换一个。"
    return None
