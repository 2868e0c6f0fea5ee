"""marshmallow's own messages, in Chinese. Imported for its effect by `web.schemas`, before any field is made."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

_NUMBER = {"invalid": "应当是数字。", "too_large": "数值太大。", "special": "应当是数字。"}
_TIME = {
    "invalid": "时间应当写成 2026-11-22T09:30:00+08:00 这样。",
    "invalid_awareness": "时间的时区写法不对。",
    "format": "时间无法识别。",
}
_ADDRESS = {"invalid_ip": "IP 地址不正确。", "invalid_ip_interface": "IP 地址段不正确。"}

FIELD_MESSAGES: dict[type[fields.Field[Any]], dict[str, str]] = {
    fields.Field: {
        "required": "这一项必须填写。",
        "null": "这一项不能为空。",
        "validator_failed": "填写的内容不符合要求。",
    },
    fields.String: {"invalid": "应当是文字。", "invalid_utf8": "文字编码不正确，应当是 UTF-8。"},
    fields.UUID: {"invalid_uuid": "编号格式不正确。"},
    fields.Number: _NUMBER,
    fields.Integer: {"invalid": "应当是整数。", "too_large": "数值太大。"},
    fields.Float: _NUMBER,
    fields.Decimal: _NUMBER,
    fields.Boolean: {"invalid": "应当是 true 或 false。"},
    fields.List: {"invalid": "应当是一个列表。"},
    fields.Tuple: {"invalid": "应当是一个列表。"},
    fields.Nested: {"type": "格式不正确，应当是一个对象。"},
    fields.Mapping: {"invalid": "格式不正确，应当是一个对象。"},
    fields.Dict: {"invalid": "格式不正确，应当是一个对象。"},
    fields.Date: {"invalid": "日期应当写成 2026-11-22 这样。", "format": "日期无法识别。"},
    fields.Time: {"invalid": "时刻应当写成 09:30 这样。", "format": "时刻无法识别。"},
    fields.DateTime: _TIME,
    fields.AwareDateTime: _TIME,
    fields.NaiveDateTime: _TIME,
    fields.TimeDelta: {"invalid": "时长应当是数字。", "format": "时长无法识别。"},
    fields.Enum: {"unknown": "只能是：{choices}。"},
    fields.Email: {"invalid": "电子邮箱的格式不正确。"},
    fields.URL: {"invalid": "网址的格式不正确。"},
    fields.IP: _ADDRESS,
    fields.IPv4: _ADDRESS,
    fields.IPv6: _ADDRESS,
    fields.IPInterface: _ADDRESS,
    fields.IPv4Interface: _ADDRESS,
    fields.IPv6Interface: _ADDRESS,
}

VALIDATOR_MESSAGES: dict[type[validate.Validator], dict[str, str]] = {
    validate.Length: {
        "message_min": "至少 {min} 项（字）。",
        "message_max": "最多 {max} 项（字）。",
        "message_all": "应当有 {min} 到 {max} 项（字）。",
        "message_equal": "应当正好有 {equal} 项（字）。",
    },
    validate.Range: {
        "message_min": "应当{min_op} {{min}}。",
        "message_max": "应当{max_op} {{max}}。",
        "message_all": "应当{min_op} {{min}} 且{max_op} {{max}}。",
        "message_gte": "大于等于",
        "message_gt": "大于",
        "message_lte": "小于等于",
        "message_lt": "小于",
    },
    validate.OneOf: {"default_message": "只能是：{choices}。"},
    validate.NoneOf: {"default_message": "这个值不能使用。"},
    validate.ContainsOnly: {"default_message": "含有不允许的选项。"},
    validate.ContainsNoneOf: {"default_message": "含有不允许的选项。"},
    validate.Equal: {"default_message": "应当等于 {other}。"},
    validate.Regexp: {"default_message": "格式不正确。"},
    validate.Predicate: {"default_message": "填写的内容不符合要求。"},
    validate.Email: {"default_message": "电子邮箱的格式不正确。"},
    validate.URL: {"default_message": "网址的格式不正确。"},
}


def install() -> None:
    """Put the messages in place; safe to repeat."""
    for field, texts in FIELD_MESSAGES.items():
        # A class of its own dictionary: some subclasses share their parent's.
        field.default_error_messages = {**vars(field).get("default_error_messages", {}), **texts}
    for validator, texts in VALIDATOR_MESSAGES.items():
        for name, text in texts.items():
            setattr(validator, name, text)
