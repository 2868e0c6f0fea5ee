"""Every field of the house: what it takes, what it refuses, and in which language."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import marshmallow as ma
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields, validate

from portal.core import clock
from portal.core.db import LabelledEnum
from portal.core.field_errors import flatten
from portal.web import messages
from portal.web.schemas import (
    BoundedInteger,
    Choice,
    CleanString,
    Label,
    LocalDateTime,
    Schema,
    SearchString,
    StrictBoolean,
)


class Wish(LabelledEnum):
    """An enum with labels."""

    YES = "yes", "愿意"
    NO = "no", "不愿意"


class Everything(Schema):
    """One of each."""

    line = CleanString(max_length=20)
    text = CleanString(min_length=1, max_length=50, multiline=True)
    number = BoundedInteger(minimum=-5, maximum=100)
    flag = StrictBoolean()
    at = LocalDateTime()
    wish = Choice(Wish, allow_none=True)
    wish_label = Label(attribute="wish")


class QueryLike:
    """A mapping that is no dict, as a query string or a form is."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    def __iter__(self) -> Any:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def keys(self) -> Any:
        return self.values.keys()

    def items(self) -> Any:
        return self.values.items()


def load(**data: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = Everything().load(data)
    return loaded


def refusal(**data: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refused:
        Everything().load(data)
    return flatten(refused.value.normalized_messages())


ANY_TEXT = st.text(st.characters(), max_size=80)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
)


@given(ANY_TEXT)
def test_a_text_that_passes_is_clean(raw: str) -> None:
    try:
        line = load(line=raw)["line"]
    except ValidationError:
        return
    assert line == line.strip() == unicodedata.normalize("NFC", line)
    assert len(line) <= 20
    line.encode("utf-8")
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", line)


@given(ANY_TEXT)
def test_a_required_text_can_be_seen(raw: str) -> None:
    try:
        text = load(text=raw)["text"]
    except ValidationError:
        return
    assert any(unicodedata.category(sign)[0] not in "CZ" for sign in text)
    assert "\r" not in text


@given(st.text("汉字abc 12，。", min_size=1, max_size=20).filter(str.strip))
def test_ordinary_text_passes_unchanged(raw: str) -> None:
    assert load(line=raw)["line"] == raw.strip()


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(Everything().load_fields, ANY_JSON)))
def test_whatever_comes_is_taken_or_refused_in_chinese(data: dict[str, Any]) -> None:
    try:
        Everything().load(data)
    except ValidationError as error:
        for texts in flatten(error.normalized_messages()).values():
            for text in texts:
                assert re.search("[\u4e00-\u9fff]", text), text


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ("\x00", "控制字符"),
        ("a\u202eb", "控制字符"),
        ("\ud800", "无法识别"),
        ("a\nb", "换行"),
        ("a\u2028b", "换行"),
        ("长" * 21, "最多 20"),
        ("长" * 100_000, "最多 20"),
        (5, "文字"),
        (None, "不能为空"),
        (["a"], "文字"),
    ],
)
def test_refused_lines(raw: Any, word: str) -> None:
    assert word in refusal(line=raw)["line"][0]


@pytest.mark.parametrize("raw", ["", "   ", "\u3000", "\u200b\u200d", "\n\n"])
def test_an_empty_answer_is_empty_however_it_is_typed(raw: str) -> None:
    assert refusal(text=raw)["text"] == ["这一项不能为空。"]


def test_line_breaks_become_one_kind() -> None:
    assert load(text="一\r\n二\r三\n四")["text"] == "一\n二\n三\n四"


def test_a_composed_sign_counts_once() -> None:
    assert load(line="e\u0301" * 20)["line"] == "é" * 20


@given(st.integers())
def test_numbers_within_their_bounds(number: int) -> None:
    if -5 <= number <= 100:
        assert load(number=number)["number"] == number
    else:
        assert refusal(number=number)["number"] == ["应当在 -5 到 100 之间。"]


@pytest.mark.parametrize("raw", [True, False, 1.0, 1.5, "1", "", None, [1], 10**30])
def test_what_is_no_number_in_json(raw: Any) -> None:
    assert refusal(number=raw)["number"]


@pytest.mark.parametrize("raw", ["1_0", "１", "٣", " 1", "1 ", "1e1", "+1", "1.0", "9" * 30, ""])
def test_what_is_no_number_in_a_query(raw: str) -> None:
    field = Everything().load_fields["number"]
    with pytest.raises(ValidationError):
        field.deserialize(raw, "number", QueryLike(number=raw))  # type: ignore[arg-type]


def test_numbers_and_booleans_of_a_query() -> None:
    data: Any = QueryLike()
    loaded = Everything().load_fields
    assert loaded["number"].deserialize("-5", "number", data) == -5
    assert loaded["flag"].deserialize("true", "flag", data) is True
    assert loaded["flag"].deserialize("false", "flag", data) is False
    for raw in ("1", "True", "yes", ""):
        with pytest.raises(ValidationError):
            loaded["flag"].deserialize(raw, "flag", data)


@pytest.mark.parametrize("raw", ["true", 1, 0, "", None, [], 1.0])
def test_only_true_and_false_are_boolean_in_json(raw: Any) -> None:
    assert refusal(flag=raw)["flag"]


def test_booleans() -> None:
    assert load(flag=True)["flag"] is True
    assert load(flag=False)["flag"] is False


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=OFFSETS))  # noqa: DTZ001
def test_an_instant_reads_back_on_the_districts_clock(instant: datetime) -> None:
    instant = instant.replace(microsecond=0)
    loaded = load(at=instant.isoformat())["at"]
    assert loaded == instant
    written = Everything().dump({"at": loaded})["at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0[89]:\d\d(:\d\d)?", written)
    assert datetime.fromisoformat(written) == instant


@pytest.mark.parametrize(
    "raw",
    [
        "2026-01-01",
        "2026-01-01T09:30:00",
        "2026-01-01 09:30:00+08:00",
        "2026-02-30T09:30:00+08:00",
        "2026-01-01T24:00:00+08:00",
        "2026-01-01T09:30:60+08:00",
        "2026-01-01T09:30:00+99:00",
        "２０２６-01-01T09:30:00+08:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00+08:00",
        "9999-12-31T23:59:59-12:00",
        "",
        0,
        None,
    ],
)
def test_what_is_no_instant(raw: Any) -> None:
    assert refusal(at=raw)["at"]


def test_instants_in_other_writings() -> None:
    assert load(at="2026-01-01t09:30:00.5z")["at"] == datetime(
        2026, 1, 1, 9, 30, 0, 500000, tzinfo=UTC
    )
    assert Everything().dump({"at": None})["at"] is None
    assert clock.local(datetime(2026, 1, 1, tzinfo=UTC)).hour == 8


def test_a_choice_by_value_with_its_label() -> None:
    loaded = load(wish="no")
    assert loaded["wish"] is Wish.NO
    assert load(wish=None)["wish"] is None
    assert Everything().dump(loaded) == {"wish": "no", "wish_label": "不愿意"}
    assert Everything().dump({"wish": None})["wish_label"] is None
    assert refusal(wish="maybe")["wish"] == ["只能是：yes（愿意）、no（不愿意）。"]
    assert refusal(wish="NO")["wish"]
    assert refusal(wish=1)["wish"]


def test_a_label_cannot_be_sent() -> None:
    assert refusal(wish_label="x") == {"wish_label": ["没有这个字段。"]}


def test_unknown_names_are_refused_each_by_its_name() -> None:
    assert refusal(colour="x", size=2) == {"colour": ["没有这个字段。"], "size": ["没有这个字段。"]}
    with pytest.raises(ValidationError) as refused:
        Everything().load([])  # type: ignore[arg-type]
    assert flatten(refused.value.normalized_messages()) == {"_": ["格式不正确，应当是一个对象。"]}


def own_message_classes() -> list[type[fields.Field[Any]]]:
    found = [getattr(fields, name) for name in fields.__all__]
    return [kind for kind in found if vars(kind).get("default_error_messages")]


@pytest.mark.parametrize("kind", own_message_classes())
def test_no_english_is_left_in_a_field(kind: type[fields.Field[Any]]) -> None:
    for text in kind.default_error_messages.values():
        assert re.search("[\u4e00-\u9fff]", text), (kind, text)


def test_no_english_is_left_in_a_validator() -> None:
    checks: list[tuple[Any, Any]] = [
        (validate.Length(min=2, max=3), "a"),
        (validate.Length(min=2), "a"),
        (validate.Length(max=0), "a"),
        (validate.Length(equal=2), "a"),
        (validate.Range(2, 3), 1),
        (validate.Range(min=2, min_inclusive=False), 1),
        (validate.Range(max=0), 1),
        (validate.Range(max=0, max_inclusive=False), 1),
        (validate.OneOf(["a"]), "b"),
        (validate.NoneOf(["a"]), "a"),
        (validate.ContainsOnly(["a"]), ["b"]),
        (validate.ContainsNoneOf(["a"]), ["a"]),
        (validate.Equal("a"), "b"),
        (validate.Regexp("a"), "b"),
        (validate.Predicate("isdigit"), "b"),
        (validate.Email(), "b"),
        (validate.URL(), "b"),
    ]
    covered = set()
    for check, value in checks:
        covered.add(type(check))
        with pytest.raises(ValidationError) as refused:
            check(value)
        text = str(refused.value.messages[0])
        assert re.search("[\u4e00-\u9fff]", text), (check, text)
        assert "{" not in text
        assert not re.search(r"[A-Za-z]{3,}", text), text
    assert covered == set(messages.VALIDATOR_MESSAGES)


@pytest.mark.parametrize(
    ("text", "taken"),
    [("日本", True), ("Japan 1", True), ("", True), ("\U0001f600", False), ("12。", False)],
)
def test_where_words_are_asked_for_signs_alone_do_not_do(text: str, taken: bool) -> None:
    class Words(Schema):
        text = CleanString(words=True)

    if taken:
        assert Words().load({"text": text}) == {"text": text}
        return
    with pytest.raises(ValidationError) as refused:
        Words().load({"text": text})
    assert refused.value.normalized_messages() == {"text": ["请用文字填写。"]}


def test_messages_name_the_field_and_its_place() -> None:
    class Inner(Schema):
        form = CleanString(required=True)

    class Outer(Schema):
        json = ma.fields.List(ma.fields.Nested(Inner))

    with pytest.raises(ValidationError) as refused:
        Outer().load({"json": [{"form": "x"}, {}], "query": 1})
    assert flatten(refused.value.normalized_messages()) == {
        "json.1.form": ["这一项必须填写。"],
        "query": ["没有这个字段。"],
    }


def test_a_flood_of_errors_is_cut() -> None:
    assert len(flatten({str(number): ["x"] for number in range(1000)})) == 50


@pytest.mark.parametrize(
    ("pasted", "read"),
    [
        ("工资\r\n\t拖欠", "工资 拖欠"),
        ("\ufeff工\u200b资\u00ad", "工资"),
        ("\u202d工资\u202c\u2066\u2069", "工资"),
        ("工资\x0b拖欠\u2028多久", "工资 拖欠 多久"),
    ],
)
def test_a_search_field_reads_what_is_pasted_and_a_field_that_is_kept_refuses_it(pasted, read):
    assert SearchString(max_length=20).deserialize(pasted) == read
    with pytest.raises(ValidationError):
        CleanString(max_length=20).deserialize(pasted)


@pytest.mark.parametrize("text", ["\u200b", "\n", "a\x00b", "字" * 21])
def test_a_search_field_refuses_what_says_nothing_is_broken_or_too_long(text):
    with pytest.raises(ValidationError):
        SearchString(min_length=1, max_length=20).deserialize(text)
