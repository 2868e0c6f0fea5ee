"""Where the list of a search ends, and what items of an amendment are called in it."""

from __future__ import annotations

from portal.knowledge import search
from tests.knowledge.test_search import found, titles


def test_the_end_of_what_is_listed_is_told(loaded, api, monkeypatch):
    monkeypatch.setattr(search, "DEEPEST", 4)
    seen, cursor = 0, None
    while cursor or not seen:
        query = {"size": 2, **({"cursor": cursor} if cursor else {})}
        page = found(api, "押金 租赁 承租人 工资 返还", **query)
        seen += len(page["items"])
        cursor = page["page"]["next"]
        told = [step for step in page["next_steps"] if step["code"] == "narrow_down"]
        assert bool(told) is (cursor is None)
    assert seen < page["total"]
    assert "换个更具体的问法" in told[0]["text"]
    assert api.client.get(told[0]["url"]).status_code == 200


def test_a_page_filled_by_leading_hits_goes_on(loaded, api):
    seen, cursor = [], None
    for _ in range(60):
        page = found(api, "房东不退押金", size=1, **({"cursor": cursor} if cursor else {}))
        assert len(page["items"]) == 1
        seen += [item["id"] for item in page["items"]]
        cursor = page["page"]["next"]
        if cursor is None:
            break
    assert cursor is None
    assert len(seen) == len(set(seen)) == page["total"]


def test_the_items_of_an_amendment_are_listed_and_cited_as_articles_and_the_whole_of_a_text_by_its_name(
    loaded, api
):
    (item,) = found(api, "刑法修正案（二）第一条")["items"]
    assert (item["title"], item["article_number"]) == ("《刑法修正案（二）》第一条", "1")
    assert "《刑法修正案（二）》" in titles(found(api, "刑法修正案（二）自公布之日起施行"))
