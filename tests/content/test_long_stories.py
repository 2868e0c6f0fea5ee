"""Who tells a whole story finds the FAQ on it, as whoever asks in a few words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from search_index import Document, IndexWriter, SearchIndex, SearchRequest, Thesaurus
from search_index.query import STORY
from tests.content.long_stories import STORIES

CONTENT = Path(__file__).resolve().parents[2] / "content"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    """An index of all FAQ of the content folder, without the law."""
    documents = [
        Document(
            key=f"faq:{entry['id']}",
            kind="faq",
            title=entry["question"],
            text=entry["answer"],
            questions=tuple(entry.get("other_wordings", ())),
        )
        for path in sorted((CONTENT / "faq").glob("*.yaml"))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["entries"]
    ]
    folder = tmp_path_factory.mktemp("stories")
    IndexWriter(folder, Thesaurus.from_yaml(CONTENT / "thesaurus.yaml")).build(documents)
    return SearchIndex.open(folder)


def _place(index: SearchIndex, wanted: tuple[str, ...], text: str) -> int:
    """Where the first of the wanted FAQ stands, from 1; 100 for none of the first twenty."""
    hits = index.search(SearchRequest(text=text, size=20)).hits
    keys = {f"faq:{slug}" for slug in wanted}
    return next((place for place, hit in enumerate(hits, 1) if hit.key in keys), 100)


def test_every_story_is_one_and_its_faq_are_there(index: SearchIndex) -> None:
    assert len(STORIES) == 25
    for wanted, text in STORIES:
        assert STORY <= len(text) <= 400
        assert all(index.document(f"faq:{slug}") for slug in wanted)


def test_the_faq_on_a_story_leads(index: SearchIndex) -> None:
    places = [_place(index, wanted, text) for wanted, text in STORIES]
    assert sum(place == 1 for place in places) >= 17, places
    assert sum(place <= 3 for place in places) >= 20, places


def test_signs_make_no_difference_to_a_story(index: SearchIndex) -> None:
    places = [_place(index, wanted, re.sub(r"\W", "", text)) for wanted, text in STORIES]
    assert sum(place <= 3 for place in places) >= 20, places


def test_a_story_that_was_told_elsewhere_is_weak_and_many_of_the_content_are_not(
    index: SearchIndex,
) -> None:
    weather = (
        "今天天气真好我们早上去爬山看花中午在山顶的亭子里吃面包下午在湖边放风筝傍晚唱着歌走回来" * 5
    )
    assert index.search(SearchRequest(text=weather)).weak
    found = [index.search(SearchRequest(text=text)) for _, text in STORIES]
    assert sum(each.weak for each in found) <= 5
    # Who tells a whole story is offered a lawyer beside what was found.
    assert not any(each.strong for each in found)
