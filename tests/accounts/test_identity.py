"""Document numbers, names and phones: the samples of the rule book, and properties that hold for all of them."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.accounts.identity import documents, names, patterns, phones
from portal.accounts.identity.documents import NumberRefused, check_number
from portal.accounts.models import DocumentType
from portal.accounts.models.residents import age_on
from portal.core.content_files import BrokenFile

RESIDENT_ID = DocumentType.RESIDENT_ID
PERMIT = DocumentType.RESIDENCE_PERMIT
PERMANENT = DocumentType.PERMANENT_RESIDENCE

dates = st.dates(date(1900, 1, 1), date(2025, 12, 31))
regions = st.integers(100000, 799999).map(str)
sequences = st.integers(0, 999).map(lambda n: f"{n:03d}")


@st.composite
def resident_ids(draw):
    return documents.with_check_character(f"{draw(regions)}{draw(dates):%Y%m%d}{draw(sequences)}")


@pytest.mark.parametrize(
    ("number", "born"),
    [
        ("11010519491231002X", date(1949, 12, 31)),
        ("500111199003070017", date(1990, 3, 7)),
        # A region code that was withdrawn long ago.
        ("510230196504120011", date(1965, 4, 12)),
    ],
)
def test_samples_that_are_right(number, born):
    checked = check_number(RESIDENT_ID, number)
    assert (checked.number, checked.birth_date, checked.warnings) == (number, born, ())


@pytest.mark.parametrize(
    ("number", "word"),
    [
        ("110105194912310021", "校验"),
        ("500111201502291236", "出生日期"),
        ("500111299001010010", "出生日期"),
        ("110105491231002", "15 位"),
        ("1101051949123100", "18 位"),
        ("110105194912310O2X", "18 位"),
        ("", "请填写"),
        ("  ", "请填写"),
        ("911105194912310020", "永久居留"),
        ("011105194912310020", "第一位"),
        ("810000199001010019", "港澳台"),
    ],
)
def test_samples_that_are_wrong_say_why(number, word):
    with pytest.raises(NumberRefused, match=word):
        check_number(RESIDENT_ID, number)


@given(resident_ids())
def test_every_number_with_a_right_check_character_passes_in_any_typing(number):
    wide = "".join(chr(ord(c) + 0xFEE0) for c in number)
    grouped = f" {number[:6]} {number[6:14]}-{number[14:].lower()} "
    for typed in (number, number.lower(), wide, wide.lower(), grouped):
        assert check_number(RESIDENT_ID, typed).number == number


@given(resident_ids(), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_never_passes(number, place, shift):
    digit = str((int(number[place]) + shift) % 10)
    wrong = number[:place] + digit + number[place + 1 :]
    with pytest.raises(NumberRefused):
        check_number(RESIDENT_ID, wrong)


@given(resident_ids(), st.integers(0, 15))
def test_two_neighbours_swapped_never_pass(number, place):
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    if swapped != number:
        with pytest.raises(NumberRefused):
            check_number(RESIDENT_ID, swapped)


@given(st.text(max_size=40), st.sampled_from(DocumentType))
def test_nothing_that_can_be_typed_breaks_the_check(text, kind):
    try:
        checked = check_number(kind, text)
    except NumberRefused:
        return
    assert checked.number == documents.normalise_number(checked.number) != ""


@pytest.mark.parametrize(
    "number", ["810000199001010019", "820000198506150022", "830000197908200034"]
)
def test_residence_permits(number):
    assert check_number(PERMIT, number).birth_date is not None


@pytest.mark.parametrize(
    ("number", "word"),
    [
        ("500111199003070017", "810000"),
        ("810000199001010018", "校验"),
        ("810000199013010019", "出生日期"),
        ("8100001990", "18 位"),
    ],
)
def test_wrong_residence_permits(number, word):
    with pytest.raises(NumberRefused, match=word):
        check_number(PERMIT, number)


def test_both_forms_of_the_permanent_residence_card():
    new = documents.with_check_character("91184019850615002")
    assert check_number(PERMANENT, new).birth_date == date(1985, 6, 15)
    odd = documents.with_check_character("91184019851315002")
    checked = check_number(PERMANENT, odd)
    assert (checked.birth_date, len(checked.warnings)) == (None, 1)
    old = check_number(PERMANENT, "usa110085061500")
    assert (old.number, old.birth_date, old.warnings) == ("USA110085061500", None, ())
    for wrong, word in (
        (new[:-1] + ("0" if new[-1] != "0" else "1"), "校验"),
        ("500111199003070017", "以 9 开头"),
        ("US110085061500", "18 位"),
    ):
        with pytest.raises(NumberRefused, match=word):
            check_number(PERMANENT, wrong)


@pytest.mark.parametrize(
    ("kind", "number", "usual"),
    [
        ("chinese_passport", "E12345678", True),
        ("chinese_passport", "EA1234567", True),
        ("chinese_passport", "EI1234567", False),
        ("foreign_passport", "AB 123 4567", True),
        ("foreign_passport", "AB1", False),
        ("hk_macao_permit", "h12345678", True),
        ("hk_macao_permit", "H1234567890", True),
        ("hk_macao_permit", "X12345678", False),
        ("taiwan_permit", "12345678", True),
        ("taiwan_permit", "1234567890B", True),
        ("taiwan_permit", "1234567", False),
        ("military_card", "军字第1234567号", True),
        ("military_card", "123", False),
    ],
)
def test_travel_documents_only_warn(kind, number, usual):
    checked = check_number(DocumentType(kind), number)
    assert (checked.warnings == ()) is usual
    assert checked.birth_date is None


def test_a_travel_document_of_strange_signs_is_refused():
    with pytest.raises(NumberRefused, match="不能识别"):
        check_number(DocumentType.FOREIGN_PASSPORT, "AB<script>")


@pytest.mark.parametrize(
    ("number", "masked"),
    [("11010519491231002X", "110*************2X"), ("E1234", "*****"), (None, None)],
)
def test_masked_numbers(number, masked):
    assert documents.mask_number(number) == masked


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("李明", "李明"),
        (" 李  明 ", "李 明"),
        ("买买提•吐尔逊", "买买提·吐尔逊"),
        ("买买提‧吐尔逊", "买买提·吐尔逊"),
        ("买买提∙吐尔逊", "买买提·吐尔逊"),
        ("买买提・吐尔逊", "买买提·吐尔逊"),
        ("买买提･吐尔逊", "买买提·吐尔逊"),
        ("买买提．吐尔逊", "买买提·吐尔逊"),
        ("买买提.吐尔逊", "买买提·吐尔逊"),
        ("阿.卜.拉", "阿·卜·拉"),
        ("J. R. Smith", "J. R. Smith"),
        ("Jean-Luc O'Neil", "Jean-Luc O'Neil"),
        ("ＬＩ Ｍｉｎｇ", "LI Ming"),
        ("José Müller", "José Müller"),
        ("𠮷田", "𠮷田"),
        ("𪚥䶮", "𪚥䶮"),
        ("〇明", "〇明"),
    ],
)
def test_names_and_their_normal_form(typed, normal):
    name = names.check_name(typed)
    assert (name.normal, name.raw) == (normal, typed)


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("", "请填写"),
        ("··", "请填写"),
        ("·明", "开头"),
        ("李明·", "结尾"),
        ("李··明", "两个"),
        ("李" * 51, "50"),
        ("李明1", "汉字"),
        ("李明😀", "汉字"),
        ("李<明>", "汉字"),
    ],
)
def test_names_that_are_refused(typed, word):
    with pytest.raises(names.NameRefused, match=word):
        names.check_name(typed)


def test_a_name_of_one_character_passes_when_confirmed():
    with pytest.raises(names.NameNeedsConfirmation):
        names.check_name("王")
    assert names.check_name("王", one_character_confirmed=True).normal == "王"


han = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)


@given(st.text(han, min_size=2, max_size=50))
def test_every_name_of_2_to_50_han_characters_passes_unchanged(name):
    checked = names.check_name(name)
    # NFC leaves the unified ideographs as they are.
    assert checked.normal == unicodedata.normalize("NFC", name) == name


@given(
    st.text(han, min_size=1, max_size=20),
    st.text(han, min_size=1, max_size=20),
    st.sampled_from("\u00b7\u2022\u2027\u2219\u30fb\uff65\uff0e."),
)
def test_every_separator_between_han_means_the_same_name(first, second, separator):
    assert names.check_name(first + separator + second).normal == f"{first}·{second}"


@given(st.text(max_size=80))
def test_the_normal_form_of_a_name_is_its_own_normal_form(text):
    try:
        once = names.check_name(text).normal
    except names.NameRefused:
        return
    assert names.check_name(once).normal == once


@pytest.mark.parametrize(
    ("name", "masked"),
    [("李明", "李*"), ("王", "王*"), ("阿依古丽·买买提", "阿*******"), (None, None)],
)
def test_masked_names(name, masked):
    assert names.mask_name(name) == masked


@given(st.integers(3, 9), st.integers(0, 10**9 - 1))
def test_every_way_to_type_a_mobile_number_gives_its_digits(second, rest):
    number = f"1{second}{rest:09d}"
    wide = "".join(chr(ord(c) + 0xFEE0) for c in number)
    for typed in (
        number,
        wide,
        f"+86 {number}",
        f"0086{number}",
        f"86{number}",
        f"+86-{number[:3]}-{number[3:7]}-{number[7:]}",
        f"({number[:3]}) {number[3:]}",
    ):
        assert phones.normalise_mobile(typed) == number
    assert phones.mask_phone(number) == f"{number[:3]}****{number[-4:]}"


@given(st.text(max_size=30))
def test_a_normal_mobile_number_is_always_eleven_digits(text):
    number = phones.normalise_mobile(text)
    assert number is None or (len(number) == 11 and number.isascii() and number.isdigit())


@pytest.mark.parametrize(
    "text", ["12348", "02343722148", "1391234567", "139123456789", "١٣٩١٢٣٤٥٦٧٨"]
)
def test_what_is_no_mobile_number(text):
    assert phones.normalise_mobile(text) is None


@pytest.mark.parametrize(
    ("text", "normal"),
    [("023-43722148", "02343722148"), ("13912345678", "13912345678"), ("12348", None)],
)
def test_phones_of_guardians_may_be_landlines(text, normal):
    assert phones.normalise_phone(text) == normal


def test_masked_phones_of_other_lengths():
    assert phones.mask_phone(None) is None
    assert phones.mask_phone("12345") == "*****"


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2012, 3, 3), date(2026, 3, 2), 13),
        (date(2012, 3, 3), date(2026, 3, 3), 14),
        (date(2012, 2, 29), date(2026, 2, 28), 13),
        (date(2012, 2, 29), date(2026, 3, 1), 14),
    ],
)
def test_age_in_completed_years(born, day, age):
    assert age_on(born, day) == age


@pytest.fixture
def restore_patterns():
    before = patterns.current()
    yield
    patterns._current = before


@pytest.mark.usefixtures("restore_patterns")
def test_a_district_may_set_other_patterns(tmp_path):
    path = tmp_path / "identity.yaml"
    path.write_text("mobile: '1[2-9]\\d{9}'\ndocuments:\n  foreign_passport: 'Z\\d{3}'\n", "utf-8")
    patterns.configure(path)
    assert phones.normalise_mobile("12912345678") == "12912345678"
    assert check_number(DocumentType.FOREIGN_PASSPORT, "Z123").warnings == ()
    assert check_number(DocumentType.CHINESE_PASSPORT, "E12345678").warnings == ()
    patterns.configure(tmp_path / "absent.yaml")
    assert phones.normalise_mobile("12912345678") is None


@pytest.mark.usefixtures("restore_patterns")
@pytest.mark.parametrize(
    "text", ["colour: red", "documents: {driving_licence: x}", "mobile: '('", "mobile: 3"]
)
def test_a_mistake_in_the_patterns_shows_at_the_start(tmp_path, text):
    path = tmp_path / "identity.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(BrokenFile, match=r"identity\.yaml"):
        patterns.configure(path)
