"""The form of the FAQ files in content/faq: what an editor can break without knowing any law.

Whether a cited article exists and is in force is tested against the loaded law elsewhere; here
every file is read as the editor left it.
"""

from __future__ import annotations

import copy
import datetime
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

FAQ_DIR = Path(__file__).resolve().parents[2] / "content" / "faq"
FILES = sorted(FAQ_DIR.glob("*.yaml"))
MINIMUM_ENTRIES = 150

REQUIRED = {
    "id",
    "question",
    "other_wordings",
    "answer",
    "steps",
    "citations",
    "reviewed_on",
}
OPTIONAL = {"see_also"}
CITATION_KEYS = {"law", "article", "point"}

# What each part may hold: (fewest, most).
WORDINGS, STEPS, CITATIONS, SENTENCES = (3, 8), (2, 6), (1, 5), (2, 5)
# Characters in one question, wording, answer, step and point.
QUESTION_LENGTH, WORDING_LENGTH, ANSWER_LENGTH = (5, 40), (2, 40), (40, 400)
STEP_LENGTH, POINT_LENGTH = (4, 100), (4, 80)

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
ARTICLE = re.compile(r"第[零一二三四五六七八九十百千]+条(?:之[一二三四五六七八九十]+)?")
LIST_MARK = re.compile(r"^\s*(?:[-*•·]|\d+[.、)）]|[（(]?[一二三四五六七八九十]+[)）、])", re.M)
HALF_WIDTH_MARKS = re.compile(r"[?!;]")
# The hotline's number stands only beside the word that says what it is.
BARE_HOTLINE = re.compile(r"12348(?!\s*(?:公共)?(?:法律服务)?热线)")
# The portal serves whichever district runs it, so no place is written into the answers.
PLACE_NAMES = ("大足", "重庆")

# Whole sentences residents type, and which an entry must therefore carry word for word.
MUST_BE_ASKED = [
    "同事借我钱不还怎么办",
    "公司拖欠工资怎么办",
    "房东不退押金怎么办",
    "没签劳动合同",
    "被辞退赔偿怎么算",
    "工伤怎么认定",
    "离婚孩子归谁",
    "家暴怎么办",
    "父母赡养费",
    "遗产怎么分",
    "借条过期",
    "物业费不交",
    "买房逾期交房怎么办",
]

Entry = dict[str, Any]


class _UniqueKeyLoader(yaml.SafeLoader):
    """Safe loader that refuses a key written twice, where YAML would keep the last in silence."""


def _mapping_of_unique_keys(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> Entry:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = sorted({str(key) for key in keys if keys.count(key) > 1})
    if twice:
        raise yaml.constructor.ConstructorError(
            None, None, f"written twice: {', '.join(twice)}", node.start_mark
        )
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor(
    yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_of_unique_keys
)


def read(text: str) -> Entry:
    """The content of one FAQ file; YAMLError when a key is written twice."""
    # The loader is a SafeLoader: it builds plain values only.
    content = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506
    assert isinstance(content, dict)
    return content


def folded(wording: str) -> str:
    """A wording without width, case, spaces and punctuation: two equal ones are the same one."""
    text = unicodedata.normalize("NFKC", wording).casefold()
    return "".join(sign for sign in text if unicodedata.category(sign)[0] in "LN")


def _within(name: str, size: int, limits: tuple[int, int]) -> list[str]:
    low, high = limits
    return [] if low <= size <= high else [f"{name}: {size}, not {low} to {high}"]


def _texts(name: str, value: Any, count: tuple[int, int], length: tuple[int, int]) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        return [f"{name}: not a list of texts"]
    found = _within(f"number of {name}", len(value), count)
    for text in value:
        found += _within(f"length of {name} {text!r}", len(text), length)
        if text != text.strip() or "\n" in text:
            found.append(f"{name}: stray white space in {text!r}")
    if len({folded(text) for text in value}) != len(value):
        found.append(f"{name}: the same text twice")
    return found


def _question_problems(entry: Entry) -> list[str]:
    question = entry["question"]
    if not isinstance(question, str):
        return ["question: not a text"]
    found = _within("length of question", len(question), QUESTION_LENGTH)
    if not question.endswith("？"):
        found.append("question: does not end with ？")
    return found + _texts("other_wordings", entry["other_wordings"], WORDINGS, WORDING_LENGTH)


def _answer_problems(entry: Entry) -> list[str]:
    answer = entry["answer"]
    if not isinstance(answer, str):
        return ["answer: not a text"]
    found = _within("length of answer", len(answer), ANSWER_LENGTH)
    found += _within("sentences of answer", len(re.findall("[。！？]", answer)), SENTENCES)
    if not answer.endswith("。"):
        found.append("answer: does not end with 。")
    if "\n" in answer or LIST_MARK.search(answer):
        found.append("answer: a list or several paragraphs")
    return found + _texts("steps", entry["steps"], STEPS, STEP_LENGTH)


def _citation_problems(entry: Entry) -> list[str]:
    citations = entry["citations"]
    if not isinstance(citations, list):
        return ["citations: not a list"]
    found = _within("number of citations", len(citations), CITATIONS)
    for citation in citations:
        if not isinstance(citation, dict) or set(citation) != CITATION_KEYS:
            found.append(f"citation: keys are not {sorted(CITATION_KEYS)}: {citation!r}")
            continue
        if not all(isinstance(value, str) for value in citation.values()):
            found.append(f"citation: not texts: {citation!r}")
            continue
        if not re.fullmatch(r"[\u4e00-\u9fff（）〔〕《》、]{4,60}", citation["law"]):
            found.append(f"citation: no full name of a law: {citation['law']!r}")
        if not ARTICLE.fullmatch(citation["article"]):
            found.append(f"citation: no article number: {citation['article']!r}")
        found += _within("length of point", len(citation["point"]), POINT_LENGTH)
    pairs = [(c.get("law"), c.get("article")) for c in citations if isinstance(c, dict)]
    if len(set(pairs)) != len(pairs):
        found.append("citations: the same article twice")
    return found


def _wording_problems(entry: Entry) -> list[str]:
    """Rules about words that hold for all the portal itself says."""
    own = [entry["question"], entry["answer"], *entry["steps"]]
    own += [citation["point"] for citation in entry["citations"]]
    found = []
    for text in own:
        if "你" in text:
            found.append(f"residents are addressed as 您: {text!r}")
        if BARE_HOTLINE.search(text):
            found.append(f"12348 without the word 热线: {text!r}")
    for text in [*own, *entry["other_wordings"]]:
        if HALF_WIDTH_MARKS.search(text):
            found.append(f"half-width punctuation: {text!r}")
        if any(place in text for place in PLACE_NAMES):
            found.append(f"a place written in: {text!r}")
    return found


def problems(entry: Entry, category: str) -> list[str]:
    """All faults in the form of one entry, each as a sentence for the editor."""
    keys = set(entry)
    if not REQUIRED <= keys <= REQUIRED | OPTIONAL:
        return [f"keys: missing {sorted(REQUIRED - keys)}, unknown {sorted(keys - REQUIRED)}"]
    found = []
    prefix = category.replace("_", "-") + "-"
    if not SLUG.fullmatch(str(entry["id"])) or not str(entry["id"]).startswith(prefix):
        found.append(f"id: not a slug beginning with {prefix}")
    found += _question_problems(entry) + _answer_problems(entry) + _citation_problems(entry)
    reviewed = entry["reviewed_on"]
    if not isinstance(reviewed, datetime.date) or reviewed < datetime.date(2026, 1, 1):
        found.append("reviewed_on: not a date since 2026")
    see_also = entry.get("see_also", [])
    if not isinstance(see_also, list) or len(set(see_also)) != len(see_also):
        found.append("see_also: not a list of different ids")
    elif entry["id"] in see_also:
        found.append("see_also: names the entry itself")
    return found or _wording_problems(entry)


@pytest.fixture(scope="module")
def entries() -> list[tuple[str, Entry]]:
    """Every entry of every file with its category."""
    found: list[tuple[str, Entry]] = []
    for path in FILES:
        content = read(path.read_text(encoding="utf-8"))
        found += [(content["category"], entry) for entry in content["entries"]]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_is_one_category_of_well_formed_entries(path: Path) -> None:
    content = read(path.read_text(encoding="utf-8"))
    assert set(content) == {"category", "entries"}
    assert content["category"] == path.stem
    assert content["entries"]
    faults = [
        f"{entry.get('id')}: {fault}"
        for entry in content["entries"]
        for fault in problems(entry, content["category"])
    ]
    assert not faults, "\n".join(faults)


def test_enough_entries(entries: list[tuple[str, Entry]]) -> None:
    assert len(entries) >= MINIMUM_ENTRIES


def test_ids_are_unique_across_all_files(entries: list[tuple[str, Entry]]) -> None:
    ids = [entry["id"] for _, entry in entries]
    assert sorted({name for name in ids if ids.count(name) > 1}) == []


def test_see_also_names_entries_that_exist(entries: list[tuple[str, Entry]]) -> None:
    ids = {entry["id"] for _, entry in entries}
    dangling = [
        f"{entry['id']} -> {name}"
        for _, entry in entries
        for name in entry.get("see_also", [])
        if name not in ids
    ]
    assert dangling == []


def test_no_wording_leads_to_two_entries(entries: list[tuple[str, Entry]]) -> None:
    """A wording two entries share would make the order of the two an accident."""
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for _, entry in entries:
        for wording in [entry["question"], *entry["other_wordings"]]:
            owners[folded(wording)].append(entry["id"])
    assert {wording: ids for wording, ids in owners.items() if len(ids) > 1} == {}


def test_no_answer_is_given_twice(entries: list[tuple[str, Entry]]) -> None:
    answers = [folded(entry["answer"]) for _, entry in entries]
    assert len(set(answers)) == len(answers)


@pytest.mark.parametrize("sentence", MUST_BE_ASKED)
def test_what_residents_type_is_a_wording(entries: list[tuple[str, Entry]], sentence: str) -> None:
    known = {folded(w) for _, e in entries for w in [e["question"], *e["other_wordings"]]}
    assert folded(sentence) in known


# The checks above are themselves checked: each fault below must be found in a sound entry.

SOUND: Entry = {
    "id": "debt-sample",
    "question": "借出去的钱怎么要回来？",
    "other_wordings": ["钱要不回来", "借钱不还", "欠钱怎么办"],
    "answer": "您可以先书面催对方还钱，催了还不还的可以向法院起诉。"
    "能不能要回来，要看您手里的证据和对方有没有财产。",
    "steps": ["整理借条和转账记录", "书面催对方还钱"],
    "citations": [
        {
            "law": "中华人民共和国民法典",
            "article": "第六百七十五条",
            "point": "到期应当还款，没约定的可以催告",
        }
    ],
    "reviewed_on": datetime.date(2026, 11, 23),
}


def _set(key: str, value: Any) -> Callable[[Entry], None]:
    return lambda entry: entry.__setitem__(key, value)


def _cite(key: str, value: Any) -> Callable[[Entry], None]:
    return lambda entry: entry["citations"][0].__setitem__(key, value)


def test_sound_entry_has_no_problem() -> None:
    assert problems(SOUND, "debt") == []


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda entry: entry.pop("steps"), "keys"),
        (_set("title", "多余"), "keys"),
        (_set("id", "loan-sample"), "id"),
        (_set("id", "debt-Sample"), "id"),
        (_set("question", "借出去的钱怎么要回来"), "question"),
        (_set("question", "钱？"), "length of question"),
        (_set("other_wordings", ["钱要不回来", "借钱不还"]), "number of other_wordings"),
        (_set("other_wordings", ["借钱不还", "借钱不还？", "欠钱怎么办"]), "twice"),
        (_set("other_wordings", ["钱要不回来?", "借钱不还", "欠钱怎么办"]), "half-width"),
        (_set("answer", "您可以起诉。"), "length of answer"),
        (_set("answer", "您可以先催对方还钱" * 8 + "。"), "sentences of answer"),
        (_set("answer", SOUND["answer"] + "\n一、先催。"), "list"),
        (_set("answer", SOUND["answer"].replace("您", "你")), "您"),
        (_set("answer", SOUND["answer"] + "请打12348咨询。"), "12348"),
        (_set("answer", SOUND["answer"] + "请到大足的法院。"), "place"),
        (_set("steps", ["整理借条和转账记录"]), "number of steps"),
        (_set("steps", ["整理借条 ", "书面催对方还钱"]), "white space"),
        (_set("citations", []), "number of citations"),
        (_set("citations", SOUND["citations"] * 2), "same article"),
        (_cite("article", "第675条"), "article number"),
        (_cite("law", "Civil Code"), "name of a law"),
        (_cite("point", ""), "length of point"),
        (_set("reviewed_on", "2026-11-23"), "reviewed_on"),
        (_set("see_also", ["debt-sample"]), "itself"),
        (_set("see_also", ["debt-a", "debt-a"]), "different ids"),
    ],
)
def test_each_fault_is_found(spoil: Callable[[Entry], None], named: str) -> None:
    entry = copy.deepcopy(SOUND)
    spoil(entry)
    assert any(named in fault for fault in problems(entry, "debt"))


def test_key_written_twice_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="written twice: category"):
        read("category: debt\ncategory: housing\nentries: []\n")


def test_width_and_punctuation_do_not_make_a_new_wording() -> None:
    assert folded("１２ 天，退货？") == folded("12天退货")
    assert folded("退货") != folded("退款")
