"""What a searcher gets: order, filters, versions, citations, nothing ever raises."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_index import Document, IndexWriter, SearchIndex, SearchRequest
from search_index.store.writer import silent
from tests.search_index.samples import CODE, LABOUR, LOCAL, THESAURUS, article


def keys(index: SearchIndex, text: str, **options: object) -> list[str]:
    return [hit.key for hit in index.search(SearchRequest(text=text, **options)).hits]  # type: ignore[arg-type]


def test_laypersons_words_find_the_article_through_the_faq_that_cites_it(
    index: SearchIndex,
) -> None:
    found = keys(index, "租房到期房东扣着押金不给")
    assert "faq:deposit" in found[:2]
    assert f"article:{CODE}:2" in found[:3]
    assert keys(index, "老板拖着工资", kinds=("article",))[0] == f"article:{LABOUR}:1"


def test_kinds_are_mixed_and_carry_what_a_list_shows(index: SearchIndex) -> None:
    result = index.search(SearchRequest(text="狗咬伤谁赔 犬只"))
    assert {hit.kind for hit in result.hits} >= {"article", "answer", "decision"}
    top = next(hit for hit in result.hits if hit.kind == "answer")
    assert (top.category, top.source, top.why) == ("邻里纠纷", "法治大足", "words")
    assert top.fragments[0].text
    assert result.total == sum(result.facets["kind"].values()) >= len(result.hits)


def test_every_result_stands_on_exactly_one_page_however_deep_the_list(tmp_path: Path) -> None:
    # More than the second ranking looks at, and many of them score the same.
    many = [
        article(CODE, str(number), f"承租人{'应当' * (number % 7)}支付租金。")
        for number in range(1, 381)
    ]
    IndexWriter(tmp_path, THESAURUS).build(many, silent)
    index = SearchIndex.open(tmp_path)
    pages = [keys(index, "承租人不付租金", size=20, offset=at) for at in range(0, 380, 20)]
    assert {len(page) for page in pages} == {20}
    listed = [key for page in pages for key in page]
    assert sorted(listed) == sorted(each.key for each in many)
    assert keys(index, "承租人不付租金", size=380) == listed
    scores = [
        hit.score for hit in index.search(SearchRequest(text="承租人不付租金", size=380)).hits
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0.0


def test_filters_and_facets(index: SearchIndex) -> None:
    everything = index.search(SearchRequest(text="犬只 赔偿 损害", size=50))
    local = index.search(
        SearchRequest(text="犬只 赔偿 损害", size=50, levels=("local_regulation",))
    )
    assert {hit.level for hit in local.hits} == {"local_regulation"}
    assert local.total == everything.facets["level"]["local_regulation"] == len(local.hits)
    assert local.facets["level"] == everything.facets["level"]
    assert set(local.facets["kind"]) == {"article"}
    both = index.search(SearchRequest(text="犬只", kinds=("faq",), levels=("statute",)))
    assert (both.hits, both.total) == ((), 0)
    assert keys(index, "工资", categories=("劳动工资",)) == ["faq:wages"]
    assert keys(index, "工资", categories=("没有这一类",)) == []


def test_pages_do_not_overlap(index: SearchIndex) -> None:
    whole = keys(index, "承租人 租金 动物 工资", size=20)
    pages = [keys(index, "承租人 租金 动物 工资", size=3, offset=at) for at in range(0, 21, 3)]
    assert [key for page in pages for key in page] == whole
    assert len(set(whole)) == len(whole) >= 5
    assert keys(index, "承租人", size=0) == []
    assert keys(index, "承租人", offset=10_000) == []


def test_repealed_version_is_found_marked_and_below_the_one_in_force(index: SearchIndex) -> None:
    hits = index.search(SearchRequest(text="劳动争议仲裁的申请期限为六个月")).hits
    found = [(hit.key, hit.validity) for hit in hits]
    new, old = (f"article:{LABOUR}:3", "in_force"), (f"article:{LABOUR}:3:2010", "repealed")
    assert found.index(new) < found.index(old)
    only = keys(index, "旧的加班规定", validities=("repealed",))
    assert only[0] == f"article:{LABOUR}:4"


def test_an_amendment_stands_below_the_law_it_amends_unless_it_is_asked_for(tmp_path: Path) -> None:
    amendment = f"{CODE}修正案（三）"
    decision = f"全国人民代表大会常务委员会关于修改《{CODE}》的决定"
    alone = "中华人民共和国没有收录的法修正案"
    rule = "持卡人恶意透支信用卡，经催收后仍不归还的，处有期徒刑。"
    documents = [
        article(CODE, "196", f"{rule}有下列情形之一的，从重处罚。"),
        article(amendment, "2", f"将示例法典第一百九十六条修改为：{rule}"),
        article(decision, "1", f"将第一百九十六条修改为：{rule}"),
        article(alone, "1", "禁止在公园里遛狗不牵绳。"),
    ]
    IndexWriter(tmp_path, THESAURUS).build(documents, silent)
    index = SearchIndex.open(tmp_path)
    assert keys(index, "恶意透支信用卡不归还")[0] == f"article:{CODE}:196"
    assert keys(index, "修正案 恶意透支信用卡")[0] == f"article:{amendment}:2"
    assert keys(index, f"{amendment}第二条") == [f"article:{amendment}:2"]
    # Where the law itself is not held, nothing else tells what the amendment says.
    assert keys(index, "公园遛狗不牵绳")[0] == f"article:{alone}:1"


def test_as_of_searches_the_law_as_it_stood(index: SearchIndex) -> None:
    then = keys(index, "劳动争议仲裁的申请期限", as_of=date(2015, 5, 1))
    assert f"article:{LABOUR}:3:2010" in then
    assert f"article:{LABOUR}:3" not in then
    now = keys(index, "劳动争议仲裁的申请期限", as_of=date(2026, 5, 1))
    assert f"article:{LABOUR}:3" in now
    assert f"article:{LABOUR}:3:2010" not in now
    cited = index.search(SearchRequest(text=f"{LABOUR}第三条", as_of=date(2015, 5, 1)))
    assert [hit.key for hit in cited.hits] == [f"article:{LABOUR}:3:2010"]
    never = index.search(SearchRequest(text=f"{LABOUR}第三条", as_of=date(1999, 1, 1)))
    assert [match.status for match in never.citations] == ["no_such_article"]


@pytest.mark.parametrize(
    "text", ["示例法典第120条之一", "《示例法典》120-1", f"{CODE}第一百二十条之一"]
)
def test_a_citation_goes_straight_to_the_article(index: SearchIndex, text: str) -> None:
    result = index.search(SearchRequest(text=text))
    assert result.hits[0].key == f"article:{CODE}:120-1"
    assert result.hits[0].why == "citation"
    assert result.citations[0].status == "found"
    assert result.weak is False


def test_a_citation_of_several_versions_lists_the_one_in_force_first(index: SearchIndex) -> None:
    result = index.search(SearchRequest(text="示劳3"))
    assert [hit.key for hit in result.hits] == [f"article:{LABOUR}:3", f"article:{LABOUR}:3:2010"]


def test_a_citation_with_words_keeps_both(index: SearchIndex) -> None:
    result = index.search(SearchRequest(text="示例法典第四条 遗嘱见证人"))
    assert [hit.why for hit in result.hits[:2]] == ["citation", "words"]
    assert result.hits[1].key == f"article:{CODE}:120-1"
    filtered = index.search(SearchRequest(text="示例法典第四条", kinds=("faq",)))
    assert filtered.hits == ()


def test_a_citation_that_does_not_exist_is_said_not_to_exist(index: SearchIndex) -> None:
    result = index.search(SearchRequest(text="示例法典9999"))
    assert result.hits == ()
    assert (result.citations[0].status, result.citations[0].law) == ("no_such_article", CODE)
    assert result.weak is True


def test_nothing_found_is_no_dead_end(index: SearchIndex) -> None:
    result = index.search(SearchRequest(text="遗嘱见正人"))
    assert result.corrected is None or "见证人" in result.corrected
    far = index.search(SearchRequest(text="无人机航拍高铁邻居"))
    assert far.weak is True
    assert far.categories.keys() <= {"邻里纠纷"}
    assert index.search(SearchRequest(text="zzzz")).total == 0


def test_neighbours_and_versions(index: SearchIndex) -> None:
    around = index.neighbours(f"article:{CODE}:3-1", 2)
    assert [document.article_number for document in around] == ["2", "3", "4", "5"]
    assert [document.article_number for document in index.neighbours(f"article:{CODE}:1")] == ["2"]
    assert index.neighbours("faq:deposit") == []
    assert index.neighbours("missing:1") == []
    assert index.neighbours(f"article:{LOCAL}:") == []
    versions = index.versions(f"article:{LABOUR}:3")
    assert [document.validity for document in versions] == ["repealed", "in_force"]
    assert [document.key for document in index.versions("faq:deposit")] == ["faq:deposit"]
    assert index.versions("missing:1") == []
    # The neighbours of an old version are those that were in force beside it, else the current.
    assert {d.article_number for d in index.neighbours(f"article:{LABOUR}:3:2010")} == {"2", "4"}


def test_related_leaves_out_the_document_and_its_versions(index: SearchIndex) -> None:
    related = [hit.key for hit in index.related(f"article:{CODE}:4")]
    assert related
    assert f"article:{CODE}:4" not in related
    asked = index.related(f"article:{CODE}:4", kinds=("answer", "faq"))
    assert asked[0].key == "answer:dog"
    assert f"article:{LABOUR}:3:2010" not in [h.key for h in index.related(f"article:{LABOUR}:3")]
    assert index.related("missing:1") == []
    assert index.related("faq:deposit", size=0) == []


def test_staff_query_language(index: SearchIndex) -> None:
    assert [hit.key for hit in index.staff_search(f"law:{CODE} AND number:第4条")] == [
        f"article:{CODE}:4"
    ]
    assert {hit.kind for hit in index.staff_search("kind:faq 押金 OR 工资")} == {"faq"}
    assert {hit.key for hit in index.staff_search("validity:repealed", size=50)} == {
        f"article:{LABOUR}:3:2010",
        f"article:{LABOUR}:4",
    }
    assert index.staff_search("押金", size=0) == []


def test_staff_find_a_law_by_a_part_of_a_name_that_is_one_word(tmp_path: Path) -> None:
    name = "中华人民共和国宪法"
    article = Document(
        key="article:1", kind="article", title=name, text="甲", law=name, article_number="51"
    )
    IndexWriter(tmp_path, THESAURUS).build([article])
    found = SearchIndex.open(tmp_path).staff_search("law:宪法 AND number:51")
    assert [hit.key for hit in found] == ["article:1"]


def test_whoever_names_the_place_means_its_law(index: SearchIndex) -> None:
    def share(text: str) -> float:
        hits = index.search(SearchRequest(text=text, kinds=("article",), size=20)).hits
        return next(hit.score for hit in hits if hit.key == f"article:{LOCAL}:1")

    assert share("大足动物伤人造成他人损害") > 2 * share("动物伤人造成他人损害")


def test_ranking_alone_agrees_with_the_search(index: SearchIndex) -> None:
    rows = [row for row, _ in index.rank("租赁物押金退还", 3, kinds=("article",))]
    snapshot = index.snapshot()
    assert [snapshot.record(row)["key"] for row in rows] == keys(
        index, "租赁物押金退还", size=3, kinds=("article",)
    )


HOSTILE = [
    "",
    " ",
    "？！。",
    "'; DROP TABLE articles; --",
    'law:( AND [TO} "unclosed',
    "number:[1 TO",
    "* ? ~ ^",
    "\x00\x01\x02",
    "\ud800\udfff",
    "😀👨‍👩‍👧‍👦🇨🇳",
    "押金" * 5_000,
    "第条第条第" * 400,
    "《" * 3_000,
    "民法典" + "9" * 2_000,
    "a" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_input_is_answered(index: SearchIndex, text: str) -> None:
    index.search(SearchRequest(text=text))
    index.staff_search(text)
    index.suggest(text)
    index.did_you_mean(text)
    index.find_citations(text)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(alphabet=st.characters(), max_size=80),
        st.lists(
            st.sampled_from(
                ["law:", "AND", "OR", "NOT", "(", ")", '"', "[", "TO", "]", "押金", "*", "~"]
            )
        ).map(" ".join),
    ),
    st.integers(-5, 50),
    st.integers(-5, 50),
)
def test_any_input_is_answered(index: SearchIndex, text: str, offset: int, size: int) -> None:
    result = index.search(SearchRequest(text=text, offset=offset, size=size))
    assert len(result.hits) <= max(size, 0)
    for hit in result.hits:
        for fragment in hit.fragments:
            assert all(0 <= a < b <= len(fragment.text) for a, b in fragment.highlights)
    index.staff_search(text)
    index.suggest(text)
    index.did_you_mean(text)


def test_info(index: SearchIndex) -> None:
    info = index.info()
    assert info["generation"] == "000001"
    assert info["delta"] == ""
    assert int(info["documents"]) > 30
    index.preload()


def test_a_passage_shows_why_the_row_was_found_rare_words_first(tmp_path: Path) -> None:
    law = "中华人民共和国示例法典"
    rule = "公司应当遵守规定，公司应当接受监督，" * 6 + "承担责任。"
    texts = [
        f"{rule}公司解除合同的，应当支付补偿。",
        *[f"公司事项{number}。" for number in range(9)],
    ]
    documents = [article(law, str(number), text) for number, text in enumerate(texts, 1)]
    IndexWriter(tmp_path, THESAURUS).build(documents)
    hit = SearchIndex.open(tmp_path).search(SearchRequest(text="公司炒鱿鱼")).hits[0]
    shown = hit.fragments[-1]
    marked = [shown.text[start:end] for start, end in shown.highlights]
    # The law's word for what was asked.
    assert any("解除" in word for word in marked)
