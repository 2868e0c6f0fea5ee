"""No identity number, phone or other personal number survives, however it is written."""

import json
import string
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.observability.redaction import (
    HAN,
    MOST,
    NUMBER,
    REMOVED,
    exception_line,
    exception_text,
    is_private,
    redact,
    redact_value,
)

# Made up, with valid check digits, of nobody.
ID_NUMBER = "11010519491231002X"
PHONE = "13800138000"

SEPARATORS = ["", "", "", " ", "-", ".", "·", "－", "　", "\u200b", " - ", "/", "，", "\u2011"]
STYLES = {
    "ascii": "0123456789",
    "full width": "０１２３４５６７８９",
    "chinese": "〇一二三四五六七八九",
    "financial": "零壹贰叁肆伍陆柒捌玖",
    "circled": "⓪①②③④⑤⑥⑦⑧⑨",
    "arabic-indic": "٠١٢٣٤٥٦٧٨٩",
}

id_numbers = st.builds(
    lambda region, day, tail: region + day + tail,
    st.from_regex(r"[1-6][0-9]{5}", fullmatch=True),
    st.dates().map(lambda day: f"{day:%Y%m%d}".zfill(8)),
    st.from_regex(r"[0-9]{3}[0-9X]", fullmatch=True),
)
phones = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
styles = st.sampled_from(sorted(STYLES))
words = st.text(
    st.characters(exclude_categories=["Nd", "Nl", "No", "Cs"]).filter(
        lambda char: unicodedata.numeric(char, None) is None
    ),
    max_size=20,
)


def write(number: str, style: str, gaps: list[str]) -> str:
    """Write `number` in a style of digits with something between them."""
    digits = STYLES[style]
    signs = [digits[int(sign)] if sign in string.digits else sign for sign in number]
    return "".join(sign + gaps[place % len(gaps)] for place, sign in enumerate(signs)).strip()


def digits_left(text: str) -> str:
    values = (unicodedata.numeric(char, None) for char in text)
    return "".join(str(int(value)) for value in values if value is not None and value in range(10))


@given(id_numbers, styles, st.lists(st.sampled_from(SEPARATORS), min_size=1, max_size=6))
@example(ID_NUMBER, "full width", ["-"])
def test_no_identity_number_survives(number: str, style: str, gaps: list[str]) -> None:
    assert len(digits_left(redact(f"身份证号{write(number, style, gaps)}，请核对"))) < 5


@given(phones, styles, st.lists(st.sampled_from(SEPARATORS), min_size=1, max_size=6))
@example(PHONE, "chinese", [""])
def test_no_phone_survives(number: str, style: str, gaps: list[str]) -> None:
    assert len(digits_left(redact(f"tel{write(number, style, gaps)}call"))) < 5


@given(words, phones, words, id_numbers, words)
def test_surrounding_text_hides_nothing(a: str, phone: str, b: str, number: str, c: str) -> None:
    clean = redact(f"{a}{phone}{b}{number}{c}")
    assert phone not in clean
    assert number not in clean


@given(words)
def test_text_without_numbers_stays(text: str) -> None:
    if "@" not in text and "earer" not in text.lower() and "asic" not in text.lower():
        assert redact(text) == text


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize(
    "secret",
    [
        "023-43722222",
        "(023) 4372 2222",
        "6222 0212 3456 7890 123",
        "110105491231002",
        "H12345678",
        "EA1234567",
        "渝A12345",
        "渝C·D12345",
        "91500225MA5U0ABC12",
        "someone@example.com",
        "+86 138-0013-8000",
        "0086138 0013 8000",
        "500225-1990-01-01-1234",
        "138-2026-11-23",
    ],
)
def test_other_personal_numbers(secret: str) -> None:
    clean = redact(f"来自 {secret} 的请求")
    assert secret not in clean
    assert len(digits_left(clean)) <= 3


@pytest.mark.parametrize(
    "text",
    [
        "019ab123-4567-7890-8123-456789012345",
        "2026-11-23T02:44:39.123456Z",
        "2026-11-23T10:44:39+08:00",
        "due 2026-11-23",
        "FY-2026-00123-K",
        "Listening at: http://127.0.0.1:8000 (4711)",
        "第一百三十八条第二款第三项",
        "民法典1254",
        "took 12.5 ms for 100 rows",
        "法律援助热线12348",
    ],
)
def test_what_incidents_are_traced_by_stays(text: str) -> None:
    assert redact(text) == text


def test_bearer_tokens_go() -> None:
    assert "abcDEF123456" not in redact("Authorization: Bearer abcDEF123456-xyz")


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.dates()
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(values)
def test_any_value_becomes_json_without_planted_numbers(value: object) -> None:
    planted = {"a": [value, PHONE, {"b": (ID_NUMBER, int(PHONE))}], PHONE: value}
    text = json.dumps(redact_value(planted), ensure_ascii=False)
    assert PHONE not in text
    assert ID_NUMBER not in text


def test_cycles_and_depth_end() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert REMOVED in json.dumps(redact_value(loop), ensure_ascii=False)


def test_long_strings_are_cut_after_redaction() -> None:
    clean = redact_value("x" * (MOST - 5) + PHONE + "y" * 100)
    assert len(clean) <= MOST + 1
    assert "138" not in clean


@pytest.mark.parametrize(
    ("key", "private"),
    [
        ("name", True),
        ("applicant_name", True),
        ("X-Phone", True),
        ("password_hash", True),
        ("Authorization", True),
        ("question", True),
        ("filename", True),
        ("template", False),
        ("status", False),
        ("kind", False),
        ("route", False),
        ("logger_name", False),
    ],
)
def test_private_field_names(key: str, private: bool) -> None:
    assert is_private(key) is private
    if private:
        assert redact_value({key: "赵小满"}) == {key: REMOVED}


def test_an_exception_loses_what_people_typed_and_keeps_where_it_happened() -> None:
    def fail() -> None:
        try:
            raise KeyError("赵小满")
        except KeyError as error:
            raise ValueError(f"bad name 赵小满, phone {PHONE}, key (id)=(abc) 'Zhao'") from error

    with pytest.raises(ValueError, match="bad name") as caught:
        fail()
    text = exception_text((caught.type, caught.value, caught.tb))
    for secret in ("赵", PHONE, "Zhao", "abc"):
        assert secret not in text
    assert "builtins.ValueError: bad name" in text
    assert "builtins.KeyError" in text
    assert "caused by" in text
    assert "in fail" in text
    assert HAN in text
    assert NUMBER in text


def test_exception_groups_and_loops_of_causes_end() -> None:
    first, second = ValueError(PHONE), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    group = ExceptionGroup("several", [first])
    text = exception_text((type(group), group, None))
    assert "with builtins.ValueError" in text
    assert PHONE not in text
    assert exception_text((type(first), first, None)).count("ValueError") == 2
    assert exception_text((None, None, None)) == ""


def test_exceptions_as_values_are_cleaned() -> None:
    assert PHONE not in redact_value(ValueError(f"x {PHONE}"))
    assert exception_line(ValueError("a")) == "builtins.ValueError: a"
