"""Did you mean: when a slip is put right unasked, when it is asked about, and when neither."""

from __future__ import annotations

import dataclasses

import pytest

from portal.knowledge import index
from tests.knowledge.test_search import found, titles


@pytest.fixture
def search_finds(loaded, monkeypatch):
    """Have the library's search say more, or something else: `search_finds(lambda request: {...})` gives what replaces it."""
    reader = index.reader()
    asked = reader.search

    def change(changes) -> None:
        monkeypatch.setattr(
            reader,
            "search",
            lambda request: dataclasses.replace(asked(request), **changes(request)),
        )

    return change


def test_a_typing_error_is_put_right(api, search_finds):
    slip = {"weak": True, "corrected": "押金不退", "is_guess": False}
    search_finds(lambda request: slip if request.text == "押京不退" else {})
    result = found(api, "押京不退")
    assert (result["searched_for"], result["corrected"]) == ("押金不退", "押金不退")
    assert "房东不退押金怎么办？" in titles(result)


def test_a_weak_answer_to_a_correction_is_better_than_none(api, search_finds):
    nothing = {"weak": True, "hits": (), "total": 0, "corrected": "押金", "is_guess": False}
    search_finds(lambda request: nothing if request.text == "押晶" else {"weak": True})
    result = found(api, "押晶")
    assert (result["searched_for"], result["corrected"]) == ("押金", "押金")
    assert result["items"]


def test_a_right_question_is_not_changed_by_a_guess(api, search_finds):
    guess = {"weak": True, "strong": False, "corrected": "押金不退", "is_guess": True}
    search_finds(lambda request: guess)
    result = found(api, "押京不退")
    assert (result["searched_for"], result["corrected"]) == ("押京不退", "押金不退")
    assert result["next_steps"][0]["code"] == "corrected"


@pytest.mark.parametrize(("question", "offered"), [("押金", "押品"), ("民法典第一条", None)])
def test_what_was_understood_is_asked_about_and_not_replaced(api, search_finds, question, offered):
    search_finds(lambda request: {"weak": False, "corrected": "押品"})
    result = found(api, question)
    assert (result["searched_for"], result["corrected"]) == (question, offered)
    asked_about = [step["text"] for step in result["next_steps"] if step["code"] == "corrected"]
    assert asked_about == ([f"您要找的是不是“{offered}”？"] if offered else [])


@pytest.mark.parametrize(
    ("guess", "offered"),
    [("房东不退押金怎么办呢", False), ("承租人应当妥善保管租赁物", True)],
)
def test_a_guess_is_asked_about_only_where_it_leads_to_another_answer(
    api, search_finds, guess, offered
):
    search_finds(lambda request: {"corrected": guess, "is_guess": True})
    result = found(api, "房东不退押金怎么办")
    assert result["items"][0]["title"] == "房东不退押金怎么办？"
    assert result["corrected"] == (guess if offered else None)


def test_a_correction_that_helps_nobody_is_only_offered(api, search_finds):
    nothing = {"weak": True, "hits": (), "total": 0, "corrected": "外形人 & 鬼", "is_guess": False}
    search_finds(lambda request: nothing)
    result = found(api, "外星人")
    assert result["searched_for"] == "外星人"
    step = result["next_steps"][0]
    assert step["code"] == "corrected"
    assert step["url"].endswith("%E5%A4%96%E5%BD%A2%E4%BA%BA%20%26%20%E9%AC%BC")


def test_a_question_in_pinyin_is_answered_as_if_in_characters(loaded, api, monkeypatch):
    monkeypatch.setattr(index.reader().snapshot().words.speller, "_pinyin", {"yajin": "押金"})
    result = found(api, "yajin")
    assert (result["searched_for"], result["corrected"]) == ("押金", "押金")
    assert "房东不退押金怎么办？" in titles(result)
