"""Document numbers (rules 8.1 to 8.4).

What is computed by the standard is refused when it does not fit: length, check character, date of birth. What rests on
unpublished layouts only warns. The region code is never a reason to refuse: codes are withdrawn, people keep theirs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from stdnum.exceptions import ValidationError as StdnumError
from stdnum.iso7064 import mod_11_2

from portal.accounts.identity import patterns
from portal.accounts.models import DocumentType
from portal.accounts.models.residents import CARD_AGE, age_on
from portal.core import clock

_EIGHTEEN = re.compile(r"\d{17}[\dX]", re.ASCII)
_FIFTEEN = re.compile(r"\d{15}", re.ASCII)
_OLD_PERMANENT = re.compile(r"[A-Z]{3}\d{12}", re.ASCII)
_PERMIT_REGIONS = ("810000", "820000", "830000")
_ALLOWED = re.compile(r"[0-9A-Z\u4e00-\u9fff()（）第号字]{1,30}")
# What proves who a child without an identity card is, and nobody else.
OF_CHILDREN = frozenset({DocumentType.HOUSEHOLD_REGISTER, DocumentType.BIRTH_CERTIFICATE})


class NumberRefused(ValueError):
    """The number cannot be right; the text is a Chinese sentence that says what to check."""


@dataclass(frozen=True)
class CheckedNumber:
    """A number in its normal form, the date of birth it carries (if any), and what looks unusual, in Chinese."""

    number: str
    birth_date: date | None = None
    warnings: tuple[str, ...] = ()


def normalise_number(text: str) -> str:
    """Return the number in half width and upper case, without blanks, hyphens and dots."""
    return re.sub(r"[\s\-\u2010-\u2015\u2212._]+", "", unicodedata.normalize("NFKC", text)).upper()


def check_number(kind: DocumentType, text: str) -> CheckedNumber:
    """Return the checked number; raises NumberRefused."""
    number = normalise_number(text)
    if not number:
        raise NumberRefused("请填写证件号码。")
    check = _CHECKS.get(kind)
    if check is not None:
        return check(number)
    if not _ALLOWED.fullmatch(number):
        raise NumberRefused("证件号码里有不能识别的字符，请照证件重新填写。")
    pattern = patterns.current().documents[kind.value]
    if pattern.fullmatch(number):
        return CheckedNumber(number)
    return CheckedNumber(
        number, warnings=(f"这个号码与常见的{kind.label}号码格式不同，请再核对一遍。",)
    )


def check_resident_id(number: str) -> CheckedNumber:
    """Check a resident identity number (rules 8.1)."""
    if _FIFTEEN.fullmatch(number):
        raise NumberRefused(
            "这是 15 位的旧号码，第一代居民身份证 2013 年起已经停止使用，请填写 18 位的公民身份号码。"
        )
    _require_eighteen(number, "居民身份证号码应当是 18 位，最后一位可以是 X。")
    if number[0] == "9":
        raise NumberRefused(
            "这是外国人永久居留身份证的号码，请把证件种类改为“外国人永久居留身份证”。"
        )
    if number[0] == "0":
        raise NumberRefused("居民身份证号码的第一位不会是 0，请核对。")
    if number[:6] in _PERMIT_REGIONS:
        raise NumberRefused("这是港澳台居民居住证的号码，请把证件种类改为“港澳台居民居住证”。")
    born = _birth_date(number)
    if born is None:
        raise NumberRefused("号码第 7 到 14 位不是有效的出生日期，请核对。")
    _require_check_character(number)
    return CheckedNumber(number, born)


def check_residence_permit(number: str) -> CheckedNumber:
    """Check the number of a residence permit for people from Hong Kong, Macao or Taiwan (rules 8.2)."""
    _require_eighteen(number, "港澳台居民居住证号码应当是 18 位，最后一位可以是 X。")
    if number[:6] not in _PERMIT_REGIONS:
        raise NumberRefused(
            "港澳台居民居住证号码以 810000、820000 或 830000 开头，请核对号码和证件种类。"
        )
    born = _birth_date(number)
    if born is None:
        raise NumberRefused("号码第 7 到 14 位不是有效的出生日期，请核对。")
    _require_check_character(number)
    return CheckedNumber(number, born)


def check_permanent_residence(number: str) -> CheckedNumber:
    """Check the number of a foreigner's permanent-residence card, in either form (rules 8.3)."""
    if _OLD_PERMANENT.fullmatch(number):
        return CheckedNumber(number)
    _require_eighteen(
        number, "外国人永久居留身份证号码应当是 18 位（以 9 开头），旧版是 3 个字母加 12 位数字。"
    )
    if number[0] != "9":
        raise NumberRefused("外国人永久居留身份证的 18 位号码以 9 开头，请核对号码和证件种类。")
    _require_check_character(number)
    born = _birth_date(number)
    # The inner layout is not published with certainty (U): a warning, never a refusal.
    warnings = () if born else ("号码第 7 到 14 位看起来不是出生日期，请再核对一遍。",)
    return CheckedNumber(number, born, warnings)


def check_household_register(number: str) -> CheckedNumber:
    """Check the number on a person's own page of the household register: their resident identity number (rules 8.1).

    The number of the household itself is shared by all its members, so that it would say nothing about a person.
    """
    _require_eighteen(
        number, "请填写户口簿上本人那一页的 18 位公民身份号码，最后一位可以是 X；不是全户的户号。"
    )
    return check_resident_id(number)


def too_old_for(kind: DocumentType, born: date, day: date | None = None) -> str | None:
    """Return why somebody of this age on `day` (today) has to show another document, None when this one does (rules 8.1)."""
    if kind not in OF_CHILDREN or age_on(born, day or clock.today()) < CARD_AGE:
        return None
    return f"已满 {CARD_AGE} 周岁的，不能用{kind.label}代替身份证件，请填写居民身份证或者其他证件。"


_CHECKS: dict[DocumentType, Callable[[str], CheckedNumber]] = {
    DocumentType.RESIDENT_ID: check_resident_id,
    DocumentType.RESIDENCE_PERMIT: check_residence_permit,
    DocumentType.PERMANENT_RESIDENCE: check_permanent_residence,
    DocumentType.HOUSEHOLD_REGISTER: check_household_register,
}


def _require_eighteen(number: str, message: str) -> None:
    if not _EIGHTEEN.fullmatch(number):
        raise NumberRefused(message)


def _require_check_character(number: str) -> None:
    try:
        mod_11_2.validate(number)
    except StdnumError as error:
        raise NumberRefused("号码的最后一位校验不符，可能有一位填错了，请逐位核对。") from error


def _birth_date(number: str) -> date | None:
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None
    return born if born <= clock.today() else None


def with_check_character(seventeen: str) -> str:
    """Return the 18-character number for its first 17 digits (ISO 7064 MOD 11-2)."""
    return seventeen + str(mod_11_2.calc_check_digit(seventeen))


def mask_number(number: str | None) -> str | None:
    """Return the number with all but its first three and last two characters hidden."""
    if number is None:
        return None
    if len(number) <= 6:
        return "*" * len(number)
    return number[:3] + "*" * (len(number) - 5) + number[-2:]
