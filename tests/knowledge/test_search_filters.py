"""What keeps a search from its aim and is told: filters that leave nothing, a number without its law."""

from __future__ import annotations

import pytest

from tests.knowledge.test_search import found


@pytest.mark.parametrize(
    "filters",
    [
        {"kind": "faq", "level": "law"},
        {"kind": "article", "category": "labour"},
        {"kind": "guide", "validity": "repealed", "as_of": "2026-01-01"},
    ],
)
def test_filters_that_leave_nothing_are_told_with_what_there_is_without_them(loaded, api, filters):
    empty = found(api, "公司拖欠工资怎么办", **filters)
    assert (empty["total"], empty["items"]) == (0, [])
    step = empty["next_steps"][0]
    assert step["code"] == "without_filters"
    # The day stays: whoever asks for the law of a day still wants it.
    free = api.client.get(step["url"]).json
    assert f"不加筛选有 {free['total']} 条" in step["text"]
    assert free["total"] > 0
    assert ("as_of" in step["url"]) == ("as_of" in filters)
    assert "law_today" not in [other["code"] for other in empty["next_steps"]]


def test_filters_are_not_blamed_where_there_is_nothing_without_them_either(loaded, api):
    codes = [step["code"] for step in found(api, "甲乙丙丁", kind="guide")["next_steps"]]
    assert "without_filters" not in codes


@pytest.mark.parametrize("question", ["第十条", "第 10 条", "10条", "第一百二十条之一"])
def test_whoever_types_the_number_of_an_article_alone_is_asked_for_the_law(loaded, api, question):
    answer = found(api, question)
    assert answer["weak"]
    step = answer["next_steps"][0]
    assert (step["code"], step["url"]) == ("which_law", "/api/v1/laws")
    assert ("第一百二十条之一" if "之" in question else "第十条") in step["text"]


@pytest.mark.parametrize("question", ["民法典第十条", "工资拖欠十条理由", "10"])
def test_nobody_is_asked_for_a_law_who_names_one_or_no_article(loaded, api, question):
    assert "which_law" not in [step["code"] for step in found(api, question)["next_steps"]]
