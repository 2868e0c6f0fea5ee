"""Filters that leave nothing: the page says that it is they, and what there is without them."""

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
