"""Completion and correction."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from search_index import Document, IndexWriter, LawNames, SearchIndex, SearchRequest
from search_index.suggest import (
    Completion,
    Speller,
    begun_article,
    few_articles,
    write_spelling,
    write_suggestions,
)
from tests.search_index.samples import CODE, THESAURUS


def test_prefix_inner_and_scattered_words(index: SearchIndex) -> None:
    assert index.suggest("房东")[0].key == "faq:deposit"
    assert [line.kind for line in index.suggest("示例法典")] == ["law"]
    assert index.suggest("示例法典")[0].text == CODE
    assert "faq:deposit" in [line.key for line in index.suggest("押金要不回")]
    assert "answer:dog" in [line.key for line in index.suggest("狗邻居咬伤")]
    assert index.suggest("") == []
    assert index.suggest("房东", 0) == []
    assert len(index.suggest("怎么", 2)) == 2


def test_the_number_of_an_article_is_completed_behind_the_name_of_its_law(
    index: SearchIndex,
) -> None:
    found = index.suggest("示例法典1")
    assert found
    assert all(line.kind == "article" and line.key.startswith("article:") for line in found)
    assert all(line.text.startswith("示例法典第") for line in found)
    assert index.suggest("示例法典1", 1) == found[:1]
    assert index.suggest(found[0].text)[0] == found[0]
    assert [line.text for line in index.suggest("示例法典9999")] == [CODE]


def test_articles_out_of_force_are_not_offered(tmp_path: Path) -> None:
    def article(key: str, number: str, validity: str) -> Document:
        return Document(
            key=key,
            kind="article",
            title=CODE,
            text="甲",
            law=CODE,
            number=f"第{number}条",
            article_number=number,
            validity=validity,
        )

    IndexWriter(tmp_path, THESAURUS).build(
        [article("article:old", "12", "repealed"), article("article:now", "13", "in_force")]
    )
    found = SearchIndex.open(tmp_path).suggest("示例法典1")
    assert [(line.text, line.key) for line in found if line.kind == "article"] == [
        ("示例法典第十三条", "article:now")
    ]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("民法典1", ["1", "10", "11", "100", "1000"]),
        ("民法典第1", ["1", "10", "11", "100", "1000"]),
        ("《民法典》 12", ["12", "120", "120-1", "121", "1200"]),
        ("民法典第12条", ["12"]),
        ("民法典120条", ["120", "120-1"]),
        ("民法典第一千", ["1000", "1001", "1002", "1003", "1004"]),
        ("民法典第一百二十条", ["120", "120-1"]),
        ("民法典第", ["1", "2", "10", "100", "1000"]),
        ("民法典第一百二十条之", ["120-1"]),
        ("民法典第一百二十条之一", ["120-1"]),
        ("民法典120条之", ["120-1"]),
    ],
)
def test_a_few_articles_are_offered_in_order_one_of_each_length_first(
    typed: str, meant: list[str]
) -> None:
    numbers = [*map(str, range(1, 1261)), "120-1"]
    begun = begun_article(typed, LawNames(["中华人民共和国民法典"]))
    assert begun is not None
    assert few_articles(filter(begun[1], numbers), 8) == meant


@pytest.mark.parametrize(
    "typed", ["", "1", "第1", "押金1", "民法典", "看民法典1", "看民法典第", "条例1"]
)
def test_what_begins_no_article_is_none(typed: str) -> None:
    assert begun_article(typed, LawNames(["中华人民共和国民法典", "某条例", "甲条例"])) is None


def _index(folder: Path, questions: list[str], laws: list[str]) -> SearchIndex:
    """An index over questions and laws of one article."""
    documents = [
        Document(key=f"faq:{place}", kind="faq", title=text, text="")
        for place, text in enumerate(questions)
    ]
    documents += [
        Document(key=f"article:{place}", kind="article", title=law, text="甲", law=law, number="第一条")
        for place, law in enumerate(laws)
    ]  # fmt: skip
    IndexWriter(folder, THESAURUS).build(documents)
    return SearchIndex.open(folder)


def test_where_nothing_goes_on_as_typed_the_longest_beginning_counts(tmp_path: Path) -> None:
    found = _index(tmp_path, ["彩礼能要回来吗", "离婚彩礼怎么退", "我想离婚"], [])

    def offered(typed: str) -> list[str]:
        return [line.text for line in found.suggest(typed)]

    assert offered("彩礼退还") == ["彩礼能要回来吗", "离婚彩礼怎么退"]
    assert offered("离婚彩礼怎么要") == ["离婚彩礼怎么退"]
    # The first words of any question lead to none.
    assert offered("我想钓鱼") == []
    assert offered("钓鱼") == []


def test_pinyin_is_completed_also_while_a_syllable_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _index(tmp_path, ["劳动仲裁要钱吗"], [])
    monkeypatch.setattr(found.snapshot().words.speller, "_by_letters", {"laodong": "劳动"})
    for typed in ("laodong", "laodongzh", "lao dong zhong"):
        assert [line.text for line in found.suggest(typed)] == ["劳动仲裁要钱吗"]
    assert found.suggest("laodongxyzxyz") == []
    assert found.suggest("lao") == []


def test_of_one_character_questions_and_laws_take_turns(tmp_path: Path) -> None:
    found = _index(tmp_path, ["公司突然辞退", "公证多少钱"], ["公路法", "公证法", "公司法"])
    kinds = [line.kind for line in found.suggest("公")]
    assert kinds == ["faq", "law", "faq", "law", "law"]
    assert found.suggest("公司")[0].kind == "law"


def test_in_book_marks_laws_are_meant_the_shortest_name_first(tmp_path: Path) -> None:
    names = ["中华人民共和国刑法", "关于《中华人民共和国刑法》第三十条的解释", "示例办法"]
    found = _index(tmp_path, ["刑法管什么"], names)
    assert [line.text for line in found.suggest("《")] == [names[0], names[2], names[1]]
    for typed in ("《刑法", "《 刑法》"):
        assert [line.text for line in found.suggest(typed)] == names[:2]


def test_lines_that_differ_in_signs_alone_are_one(tmp_path: Path) -> None:
    question = Document(
        key="faq:1",
        kind="faq",
        title="低保怎么申请？",
        text="",
        questions=("低保怎么申请", "低保 怎么申请?", "怎样申请低保"),
    )
    write_suggestions(tmp_path, [question])
    lines = Completion.load(tmp_path).complete("低保", 8)
    assert [line.text for line in lines] == ["低保怎么申请？", "怎样申请低保"]


@pytest.fixture(scope="module")
def speller(tmp_path_factory: pytest.TempPathFactory) -> Speller:
    folder = tmp_path_factory.mktemp("spelling")
    counts = Counter({"劳动合同": 400, "合同": 900, "工资": 500, "仲裁": 80, "物业": 60, "罕见": 1})
    write_spelling(folder, counts)
    return Speller.load(folder)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("劳动和同", "劳动合同"),
        ("拖欠公资", "拖欠工资"),
        ("申请众裁", "申请仲裁"),
        ("劳栋合同", "劳动合同"),
        ("劳铜合同", "劳动合同"),
    ],
)
def test_one_wrong_character_is_put_right(speller: Speller, typed: str, meant: str) -> None:
    known = {"拖欠", "申请", "合同", "劳动"}
    assert speller.correct(typed, lambda pair: 9 if pair in known else 0) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("租凭合同", "租赁合同"),  # looks alike; the dictionary holds the misprint
        ("被骚挠怎么办", "被骚扰怎么办"),
        ("劳动仲栽", "劳动仲裁"),
        ("押经不退", "押金不退"),  # jing for jin
        ("民点法", "民法典"),  # in another order
        ("赡样费", "赡养费"),
        ("租凭到期？", "租赁到期？"),  # signs stay as they were written
    ],
)
def test_a_slip_of_look_accent_or_order_is_put_right(
    tmp_path: Path, typed: str, meant: str
) -> None:
    words = ("租赁", "骚扰", "仲裁", "押金", "民法典", "赡养费", "劳动", "合同")
    write_spelling(tmp_path, Counter(dict.fromkeys(words, 50)))
    known = {"劳动", "合同", "不退", "到期", "怎么", "么办"}
    speller = Speller.load(tmp_path)
    assert speller.correct(typed, lambda pair: 9 if pair in known else 0) == meant
    assert speller.correct(meant, lambda pair: 9 if pair in meant else 0) is None


def test_a_long_question_is_not_corrected(speller: Speller) -> None:
    question = "劳动和同" + "到期" * 8
    assert speller.correct(question, lambda pair: 0) == "劳动合同" + "到期" * 8
    assert speller.correct(question + "了", lambda pair: 0) is None


def test_a_pair_far_rarer_than_its_homophone_is_a_slip(speller: Speller) -> None:
    assert speller.correct("签和同", lambda pair: 2) == "签合同"
    assert speller.correct("签和同", lambda pair: 700) is None


@pytest.mark.parametrize("text", ["", "工资", "劳动合同", "abc", "被狗咬", "罕见", "😀😀"])
def test_what_is_known_or_hopeless_stays(speller: Speller, text: str) -> None:
    assert speller.correct(text, lambda pair: 0) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gongzi", "工资"),
        ("laodonghetong", "劳动合同"),
        ("Lao Dong He Tong", "劳动合同"),
        ("tuoqiangongzi", None),
        ("gongzizhongcai", "工资仲裁"),
        ("wuye", "物业"),
        ("hetong", "合同"),
        ("abc", None),
        ("contract", None),
        ("gongzi2", None),
        ("工资", None),
        ("", None),
    ],
)
def test_pinyin_stands_for_the_words_that_sound_so(
    speller: Speller, typed: str, meant: str | None
) -> None:
    assert speller.spelled(typed) == meant


def test_pinyin_is_offered_only_where_nothing_is_found(tmp_path: Path) -> None:
    documents = [
        Document(key=f"faq:{number}", kind="faq", title="离婚怎么办", text="离婚", questions=())
        for number in range(6)
    ]
    folder = tmp_path / "words"
    IndexWriter(folder, THESAURUS).build(documents)
    assert SearchIndex.open(folder).search(SearchRequest(text="lihun")).corrected == "离婚"
    documents.append(Document(key="faq:x", kind="faq", title="lihun", text="lihun", questions=()))
    IndexWriter(folder, THESAURUS).build(documents)
    result = SearchIndex.open(folder).search(SearchRequest(text="lihun"))
    assert (result.total, result.corrected) == (1, None)


def test_an_empty_vocabulary_corrects_nothing(tmp_path: Path) -> None:
    write_spelling(tmp_path, Counter())
    assert Speller.load(tmp_path).correct("劳动和同", lambda pair: 0) is None
