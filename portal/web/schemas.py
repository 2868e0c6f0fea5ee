"""The house's schema base and fields: unknown names are refused, text is cleaned, times carry their offset."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import marshmallow as ma
from marshmallow import ValidationError, fields, validate

from portal.core import clock
from portal.core.db import LabelledEnum
from portal.web import messages

# Control characters except tab, line feed and carriage return; bidirectional overrides, which make text lie about its order.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
# What a text brings along from where it was copied, and nobody sees: it cuts words and reverses them.
_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
)
_BREAKS = re.compile(r"[\t\n\x0b\x0c\r\x1c-\x1f\x85\u2028\u2029]+")
# A text that fills a request line: no longer one reaches a search through the server.
LONGEST_PASTED = 8190
_SURROGATE = re.compile("[\ud800-\udfff]")

messages.install()


def _has_visible(text: str) -> bool:
    """True when something of the text can be seen: zero-width signs alone are an empty answer."""
    return any(unicodedata.category(sign)[0] not in "CZ" for sign in text)


def _has_letter(text: str) -> bool:
    return any(unicodedata.category(sign)[0] == "L" for sign in text)


def _is_json(data: Mapping[str, Any] | None) -> bool:
    """True when the value comes from a JSON body, which has numbers and booleans of its own; forms and queries have not."""
    return isinstance(data, dict)


class Schema(ma.Schema):
    """Base of every schema: unknown fields are refused by name, in Chinese."""

    error_messages = {
        "unknown": "没有这个字段。",
        "type": "格式不正确，应当是一个对象。",
    }

    class Meta:
        """House defaults."""

        unknown = ma.RAISE


class CleanString(fields.String):
    """Text from outside: NFC, trimmed, no control characters, no lone surrogates, within `min_length` and `max_length`.

    Lengths are in characters (code points). `multiline=False` refuses line breaks. `words=True` asks for at least one letter
    or Chinese character: signs, figures and emoji alone say nothing.
    """

    def __init__(
        self,
        *,
        min_length: int = 0,
        max_length: int = 200,
        multiline: bool = False,
        words: bool = False,
        **kwargs: Any,
    ) -> None:
        self.min_length, self.max_length, self.multiline = min_length, max_length, multiline
        self.words = words
        kwargs.setdefault("metadata", {})
        kwargs["metadata"] = {
            "minLength": min_length,
            "maxLength": max_length,
            **kwargs["metadata"],
        }
        super().__init__(**kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        # The length comes first, so that no work is done on a megabyte that is refused anyway.
        if isinstance(value, str) and len(value) > max(self.max_length * 4, 1000):
            raise ValidationError(f"最多 {self.max_length} 个字。")
        text = super()._deserialize(value, attr, data, **kwargs)
        if _SURROGATE.search(text):
            raise ValidationError("含有无法识别的字符，请重新输入。")
        text = unicodedata.normalize("NFC", text).strip()
        if _FORBIDDEN.search(text):
            raise ValidationError("含有不可见的控制字符，请删除后重新输入。")
        if not self.multiline and re.search(r"[\r\n\t\u2028\u2029]", text):
            raise ValidationError("不能换行。")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if self.min_length and not _has_visible(text):
            raise ValidationError("这一项不能为空。")
        if self.words and text and not _has_letter(text):
            raise ValidationError("请用文字填写。")
        if len(text) < self.min_length:
            raise ValidationError(
                "这一项不能为空。" if self.min_length == 1 else f"至少 {self.min_length} 个字。"
            )
        if len(text) > self.max_length:
            raise ValidationError(f"最多 {self.max_length} 个字。")
        return text


class SearchString(CleanString):
    """What is looked for, often pasted: line breaks and tabs become blanks, zero-width and direction signs go.

    Only for search fields. What is kept (names, addresses, messages) is refused with such signs, never changed.
    """

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        if isinstance(value, str) and len(value) <= LONGEST_PASTED:
            value = _BREAKS.sub(" ", _UNSEEN.sub("", value))
        return super()._deserialize(value, attr, data, **kwargs)


class BoundedInteger(fields.Integer):
    """A whole number within bounds; never wider than what a database column and JavaScript can hold."""

    def __init__(self, *, minimum: int = 0, maximum: int = 2**31 - 1, **kwargs: Any) -> None:
        kwargs.setdefault(
            "validate",
            validate.Range(minimum, maximum, error=f"应当在 {minimum} 到 {maximum} 之间。"),
        )
        super().__init__(strict=True, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if isinstance(value, bool | float):
            raise self.make_error("invalid", input=value)
        # A query string brings text; plain ASCII digits only, since int() takes other scripts' digits and underscores.
        if isinstance(value, str):
            if _is_json(data) or not re.fullmatch(r"-?[0-9]{1,18}", value):
                raise self.make_error("invalid", input=value)
            value = int(value)
        return int(super()._deserialize(value, attr, data, **kwargs))


class StrictBoolean(fields.Boolean):
    """true or false in JSON, `true`/`false` in a query string; nothing else passes for one."""

    truthy = {True, "true"}
    falsy = {False, "false"}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if not isinstance(value, bool) and (_is_json(data) or value not in ("true", "false")):
            raise self.make_error("invalid", input=value)
        return value in (True, "true")


class LocalDateTime(fields.DateTime):
    """An instant: read with any offset, written on the district's wall clock with its offset (RFC 3339)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else clock.local(value).isoformat(timespec="seconds")

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> datetime:
        if not isinstance(value, str) or not re.fullmatch(
            r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})",
            value,
            re.ASCII,
        ):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        try:
            instant = datetime.fromisoformat(value.upper())
            # At the ends of the calendar an instant has no name in another zone.
            instant.astimezone(UTC).astimezone(clock.zone())
        except (ValueError, OverflowError) as error:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from error
        return instant


class PlainDate(fields.Date):
    """A day as a file in YAML gives it: a date already, or text. A time of day is none."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> date:
        if isinstance(value, datetime):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        text = value.isoformat() if isinstance(value, date) else value
        return super()._deserialize(text, attr, data, **kwargs)


class Label(fields.String):
    """The Chinese label of an enum member held by another attribute: `state_label = Label(attribute="state")`.

    It is documented as null where the member may be, since then it is.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dump_only": True, **kwargs})

    def _bind_to_schema(self, field_name: str, parent: Any) -> None:
        super()._bind_to_schema(field_name, parent)
        of = getattr(parent, "declared_fields", {}).get(self.attribute)
        self.allow_none = self.allow_none or (of is not None and of.allow_none)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return value.label if isinstance(value, LabelledEnum) else None


class Choice(fields.Enum[Any]):
    """A member of a labelled enum, by value; a wrong one is answered with the possible ones and their labels."""

    def __init__(self, kind: type[enum.StrEnum], **kwargs: Any) -> None:
        super().__init__(kind, by_value=fields.String(), **kwargs)
        self.choices_text = "、".join(
            f"{member.value}（{getattr(member, 'label', member.value)}）" for member in kind
        )


class AllowedAction(Schema):
    """Something the caller may do to the resource now, and where."""

    action = fields.String()
    label = fields.String()
    method = fields.String()
    url = fields.String()
