"""Password rules, and the gate that keeps sign-ins from exhausting the host."""

from __future__ import annotations

import threading

import pytest

from portal.accounts import passwords
from portal.core.errors import Invalid, Unavailable

pytestmark = pytest.mark.usefixtures("database")


@pytest.mark.parametrize(
    "good", ["three-words-of-mine", "一二三四五六七八九十甲乙", "x7!kQ2#mZ9&v"]
)
def test_long_passwords_pass_whatever_they_are_made_of(good):
    passwords.check_rules(good, "wang")


@pytest.mark.parametrize(
    ("weak", "word"),
    [
        ("x7!kQ2#mZ9&", "12"),
        ("x" * 129, "128"),
        ("my-WANG-secret", "用户名"),
        ("abababababab", "种不同"),
        ("MyPassword-99", "太常见"),
        ("ｐａｓｓｗｏｒｄ-1234", "太常见"),
    ],
)
def test_weak_passwords_are_told_why(weak, word):
    with pytest.raises(Invalid) as refusal:
        passwords.check_rules(weak, "wang")
    assert refusal.value.code == "weak_password"
    assert word in refusal.value.errors["new_password"][0]


def test_a_hash_opens_only_for_its_password_in_either_unicode_form():
    stored = passwords.hash_password("café-de-la-gare")
    assert passwords.verify(stored, "cafe\u0301-de-la-gare")
    assert not passwords.verify(stored, "cafe-de-la-gare")
    assert not passwords.verify(None, "the password of nobody")
    assert not passwords.verify("not a hash", "x")
    assert not passwords.needs_rehash(stored)


def test_production_parameters_are_argon2id_with_memory():
    hasher = passwords._build(False)
    assert (hasher.type.name, hasher.memory_cost, hasher.time_cost) == ("ID", 65536, 3)


def test_at_most_two_at_a_time_and_the_queue_is_short():
    gate = passwords.PasswordGate(slots=2, queue=1, wait=30)
    inside, peak, refused, release = [], [], [], threading.Event()
    entered = threading.Semaphore(0)

    def work() -> None:
        try:
            with gate.enter():
                inside.append(1)
                peak.append(len(inside))
                entered.release()
                release.wait(30)
                inside.pop()
        except Unavailable as error:
            refused.append(error)
            entered.release()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        assert entered.acquire(timeout=30)
    release.set()
    for thread in threads:
        thread.join(30)
    assert max(peak) == 2
    assert len(peak) == 3
    assert [error.retry_after for error in refused] == [5, 5, 5]


def test_who_waits_too_long_is_told_to_come_back_and_frees_the_queue():
    gate = passwords.PasswordGate(slots=1, queue=1, wait=0.01)
    with gate.enter():
        for _ in range(3):
            with pytest.raises(Unavailable), gate.enter():
                pass
    with gate.enter():
        pass


def test_a_busy_gate_answers_503_with_retry_after(api, monkeypatch):
    monkeypatch.setattr(passwords, "gate", passwords.PasswordGate(slots=1, queue=-1))
    body = {"user_name": "wang", "password": "whatever-it-is"}
    answer = api.post("/staff/auth/tokens", body)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json["code"] == "sign_in_busy"
