"""Did you mean: what is put right, what is only asked about, and what is left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from search_index import Document, IndexWriter, SearchIndex, SearchRequest
from search_index.spelling import Speller, write_spelling
from tests.search_index.samples import THESAURUS


def corrected(speller: Speller, text: str, pair_count: Callable[[str], int]) -> str | None:
    """The corrected text alone."""
    found = speller.correct(text, pair_count)
    return found.text if found else None


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
    assert corrected(speller, typed, lambda pair: 9 if pair in known else 0) == meant


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
    assert corrected(speller, typed, lambda pair: 9 if pair in known else 0) == meant
    assert corrected(speller, meant, lambda pair: 9 if pair in meant else 0) is None


def test_a_long_question_is_not_corrected(speller: Speller) -> None:
    question = "劳动和同" + "到期" * 8
    assert corrected(speller, question, lambda pair: 0) == "劳动合同" + "到期" * 8
    assert corrected(speller, question + "了", lambda pair: 0) is None


def test_a_pair_far_rarer_than_its_homophone_is_a_slip(speller: Speller) -> None:
    def counts(written: int) -> Callable[[str], int]:
        return lambda pair: 900 if pair == "合同" else written

    assert corrected(speller, "签和同", counts(2)) == "签合同"
    assert corrected(speller, "签和同", counts(700)) is None


@pytest.mark.parametrize("text", ["", "工资", "劳动合同", "abc", "被狗咬", "罕见", "😀😀"])
def test_what_is_known_or_hopeless_stays(speller: Speller, text: str) -> None:
    assert corrected(speller, text, lambda pair: 0) is None


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
    assert corrected(Speller.load(tmp_path), "劳动和同", lambda pair: 0) is None


QUESTIONS = (
    "被狗咬了找谁赔",
    "被狗咬了怎么办",
    "老板不发工资",
    "老板发工资",
    "工资被拖欠",
    "公司不发工资",
    "工伤怎么认定",
    "工伤认定多久",
    "工伤赔多少",
    "工资怎么算",
    "工资低怎么办",
    "拖欠工资怎么办",
    "继承怎么办",
    "会不会判刑",
    "要判刑吗",
    "房子继承",
    "继承手续",
    "彩礼能退吗",
    "退彩礼",
    "有人索要东西",
    "被人索要钱",
    "私人纠纷",
    "私人恩怨",
    "物业不管",
    "没人不管",
    "到期了",
    "合同到期",
)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Speller:
    """A corrector that knows what people ask about."""
    folder = tmp_path_factory.mktemp("asked")
    words = "工资 工伤 判刑 继承 彩礼 索要 私人 不管 到期 十五 二十 证明 身份证明 抚养费 劳动合同"
    write_spelling(folder, Counter(dict.fromkeys(words.split(), 60)), QUESTIONS)
    return Speller.load(folder)


def written(pair: str) -> int:
    """How often the pairs of the questions are written."""
    return 60 * sum(pair in question for question in (*QUESTIONS, "身份证明 抚养费 劳动合同"))


@pytest.mark.parametrize(
    ("typed", "meant", "sure"),
    [
        ("公伤怎么认定", "工伤怎么认定", True),
        ("会判刊吗", "会判刑吗", True),
        # What is said by itself every day may be meant as it stands.
        ("房子继成", "房子继承", False),
        ("退彩里", "退彩礼", False),
        ("被狗要了", "被狗咬了", False),
        # Two characters at a time, another order, one left out, another accent.
        ("老板发公子", "老板发工资", False),
        ("礼彩能退吗", "彩礼能退吗", False),
        ("签劳合同", "签劳动合同", False),
        ("抚样费", "抚养费", False),
    ],
)
def test_what_no_reader_would_call_a_guess_is_sure_and_the_rest_is_asked(
    asked: Speller, typed: str, meant: str, sure: bool
) -> None:
    found = asked.correct(typed, written)
    assert found is not None
    assert (found.text, found.sure) == (meant, sure)


@pytest.mark.parametrize(
    "right",
    [
        "社保没交够十五年",
        "警察说要调解",
        "前妻说要改姓",
        "油烟呛死人",
        "说不关他们的事",
        "钱拖到起不给",
        "我的身份证掉了",
        "没够到",
    ],
)
def test_what_people_say_every_day_is_no_slip(asked: Speller, right: str) -> None:
    assert asked.correct(right, written) is None


def test_pinyin_with_blanks_holds_the_words_of_questions_too(asked: Speller) -> None:
    assert asked.spelled("gongshang zenmeban") == "工伤怎么办"
    assert asked.spelled("jicheng rending") == "继承认定"


def test_a_guess_is_told_apart_in_a_search(tmp_path: Path) -> None:
    texts = ["彩礼能退吗", "退彩礼", "彩礼怎么退", "彩礼多少", "工伤怎么认定", "工伤赔多少", "工伤"]
    documents = [
        Document(key=f"faq:{number}", kind="faq", title=text, text=text, questions=())
        for number, text in enumerate(texts)
    ]
    IndexWriter(tmp_path, THESAURUS).build(documents)
    index = SearchIndex.open(tmp_path)
    guess = index.search(SearchRequest(text="彩里"))
    assert (guess.corrected, guess.is_guess) == ("彩礼", True)
    sure = index.search(SearchRequest(text="公伤"))
    assert (sure.corrected, sure.is_guess) == ("工伤", False)
