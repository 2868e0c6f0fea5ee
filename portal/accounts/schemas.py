"""What residents send and get. Nothing goes out unmasked here except in the export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma

from portal.accounts.identity import phones
from portal.accounts.models import ContactSafety, DocumentType
from portal.web.schemas import Choice, CleanString, LocalDateTime, Schema, StrictBoolean


class Mobile(CleanString):
    """A mainland mobile number as people type it; loaded in its normal form."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=1, max_length=30, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        number = phones.normalise_mobile(super()._deserialize(value, attr, data, **kwargs))
        if number is None:
            raise ma.ValidationError("请填写 11 位手机号码。")
        return number


def code_field(**kwargs: Any) -> CleanString:
    """Return the field of a six-digit code; its shape is judged with its value, so that both get one answer."""
    return CleanString(min_length=1, max_length=12, **kwargs)


def ending_field() -> CleanString:
    """Return the field of a document number's last four signs."""
    return CleanString(
        load_default=None,
        allow_none=True,
        max_length=8,
        metadata={"description": "实名证件号码的最后四位；账号很久没有登录时才需要"},
    )


class PrivacyNoticeSchema(Schema):
    """The notice, as the district wrote it."""

    version = ma.fields.String()
    effective_from = ma.fields.Date()
    title = ma.fields.String()
    summary = ma.fields.String()
    sections = ma.fields.List(ma.fields.Dict(keys=ma.fields.String()))


class SmsCodeRequest(Schema):
    """Asks for a code."""

    phone = Mobile(required=True, metadata={"description": "手机号"})


class SmsCodeSent(Schema):
    """The same for every phone."""

    expires_in = ma.fields.Integer(metadata={"description": "验证码多少秒内有效"})
    resend_after = ma.fields.Integer(metadata={"description": "多少秒后可以再次获取"})


class SignInRequest(Schema):
    """Phone, code, and at the first time acceptance of the notice."""

    phone = Mobile(required=True)
    code = code_field(required=True)
    accepted_notice = CleanString(
        load_default=None,
        max_length=40,
        allow_none=True,
        metadata={
            "description": "已阅读并同意的个人信息处理告知的版本号；首次登录和告知更新后必填"
        },
    )
    new_account = StrictBoolean(
        load_default=False, metadata={"description": "几个人共用一个手机号时，为另一个人新开账号"}
    )
    document_ending = ending_field()


class TokenSchema(Schema):
    """A bearer token."""

    token = ma.fields.String()
    token_type = ma.fields.Constant("Bearer")
    expires_at = LocalDateTime()
    idle_seconds = ma.fields.Integer(metadata={"description": "多少秒不使用就需要重新登录"})


class AccountChoice(Schema):
    """Another account of the same phone."""

    id = ma.fields.UUID()
    nickname = ma.fields.String(allow_none=True)
    real_name = ma.fields.String(allow_none=True, metadata={"description": "只显示首字"})


class SignedInSchema(TokenSchema):
    """A session, and whom else the phone belongs to."""

    resident_id = ma.fields.UUID()
    is_new = ma.fields.Boolean()
    other_accounts = ma.fields.List(ma.fields.Nested(AccountChoice))


class SwitchRequest(Schema):
    """Goes on as another account of the same phone."""

    resident_id = ma.fields.UUID(required=True)
    document_ending = ending_field()


class NoticeState(Schema):
    """Which notice the resident accepted and which is in force."""

    accepted_version = ma.fields.String(allow_none=True)
    current_version = ma.fields.String()
    must_accept = ma.fields.Boolean()


class MeSchema(Schema):
    """The resident's own page."""

    id = ma.fields.UUID()
    phone = ma.fields.String(allow_none=True, metadata={"description": "中间四位隐去"})
    nickname = ma.fields.String(allow_none=True)
    contact_safety = ma.fields.String()
    contact_safety_label = ma.fields.String()
    has_real_name = ma.fields.Boolean()
    real_name = ma.fields.String(allow_none=True, metadata={"description": "只显示首字"})
    document_type = ma.fields.String(allow_none=True)
    document_type_label = ma.fields.String(allow_none=True)
    document_number = ma.fields.String(allow_none=True, metadata={"description": "中间隐去"})
    is_minor = ma.fields.Boolean(allow_none=True)
    is_under_14 = ma.fields.Boolean(allow_none=True)
    has_guardian = ma.fields.Boolean()
    notice = ma.fields.Nested(NoticeState)
    created_at = LocalDateTime()


class MePatch(Schema):
    """What may be changed without a proof."""

    nickname = CleanString(min_length=1, max_length=30, allow_none=True)
    contact_safety = Choice(ContactSafety)


class NoticeAcceptance(Schema):
    """Acceptance of the notice in force."""

    version = CleanString(required=True, min_length=1, max_length=40)


class GuardianSchema(Schema):
    """Who consents for a child under 14."""

    name = CleanString(required=True, min_length=1, max_length=50)
    phone = CleanString(required=True, min_length=1, max_length=30)
    consent = StrictBoolean(required=True)


class RealNameRequest(Schema):
    """Name and document."""

    name = CleanString(required=True, min_length=1, max_length=60)
    document_type = Choice(
        DocumentType,
        required=True,
        metadata={"description": "户口簿、出生医学证明只用于未满十六周岁的人"},
    )
    document_number = CleanString(required=True, min_length=1, max_length=40)
    consent = StrictBoolean(required=True, metadata={"description": "单独同意处理姓名和证件号码"})
    one_character_confirmed = StrictBoolean(
        load_default=False, metadata={"description": "姓名确实只有一个字"}
    )
    birth_date = ma.fields.Date(
        load_default=None,
        allow_none=True,
        metadata={"description": "证件号码不含出生日期时必填"},
    )
    guardian = ma.fields.Nested(
        GuardianSchema,
        load_default=None,
        allow_none=True,
        metadata={"description": "不满十四周岁时必填"},
    )


class RealNameResult(MeSchema):
    """The page, and what looked unusual without being refused."""

    warnings = ma.fields.List(ma.fields.String())


class PhoneChangeCodesRequest(Schema):
    """Asks for the two codes."""

    new_phone = Mobile(required=True)


class PhoneChangeRequest(Schema):
    """Both codes."""

    new_phone = Mobile(required=True)
    old_code = code_field(required=True)
    new_code = code_field(required=True)


class ExportSchema(Schema):
    """All data of the person, by section."""

    generated_at = LocalDateTime()
    note = ma.fields.String()
    sections = ma.fields.Dict(
        keys=ma.fields.String(), values=ma.fields.List(ma.fields.Dict(keys=ma.fields.String()))
    )


class DeletionRequest(Schema):
    """Confirms the deletion."""

    code = code_field(required=True)


class RetentionSchema(Schema):
    """Something that is kept under restriction."""

    what = ma.fields.String()
    basis = ma.fields.String()
    until = ma.fields.Date(allow_none=True)


class DeletionResult(Schema):
    """What became of the account."""

    deleted_at = LocalDateTime()
    message = ma.fields.String()
    kept = ma.fields.List(ma.fields.Nested(RetentionSchema))
