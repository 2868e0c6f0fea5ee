"""What staff and administrators send and get."""

from __future__ import annotations

import marshmallow as ma

from portal.accounts.models import OfficeKind, Role, StaffState
from portal.accounts.schemas import TokenSchema
from portal.web.pagination import PageArgs
from portal.web.schemas import AllowedAction, Choice, CleanString, Label, LocalDateTime, Schema


def _encodable(password: str) -> None:
    try:
        password.encode()
    except UnicodeEncodeError:
        raise ma.ValidationError("密码里有不能识别的字符。") from None


class Password(ma.fields.String):
    """A password: taken as it is, neither trimmed nor normalised, at most 200 characters."""

    def __init__(self) -> None:
        super().__init__(
            required=True,
            load_only=True,
            validate=[ma.validate.Length(1, 200, error="密码长度不对。"), _encodable],
            metadata={"format": "password"},
        )


class StaffSignInRequest(Schema):
    """User name, password and one-time password."""

    user_name = CleanString(required=True, min_length=1, max_length=80)
    password = Password()
    totp_code = CleanString(
        load_default=None,
        allow_none=True,
        max_length=12,
        metadata={"description": "动态口令；首次登录还没有绑定时不填"},
    )


class SetupSchema(Schema):
    """What is still to be done before the first session."""

    setup_token = ma.fields.String()
    expires_at = LocalDateTime()
    must_change_password = ma.fields.Boolean()
    must_enrol_totp = ma.fields.Boolean()
    totp_secret = ma.fields.String(allow_none=True, metadata={"description": "手工输入用的密钥"})
    provisioning_uri = ma.fields.String(
        allow_none=True, metadata={"description": "生成二维码，用认证器应用扫描"}
    )


class StaffSignedInSchema(Schema):
    """Either a token, or what must be done first."""

    token = ma.fields.Nested(TokenSchema, allow_none=True)
    setup = ma.fields.Nested(SetupSchema, allow_none=True)
    staff_id = ma.fields.UUID()
    display_name = ma.fields.String()


class SetupRequest(Schema):
    """Completes the first sign-in."""

    setup_token = CleanString(required=True, min_length=16, max_length=200)
    new_password = Password()
    totp_code = CleanString(load_default=None, allow_none=True, max_length=12)


class PasswordChange(Schema):
    """Changes the password."""

    current_password = Password()
    new_password = Password()


class OfficeBrief(Schema):
    """An office by name."""

    id = ma.fields.UUID()
    code = ma.fields.String()
    name = ma.fields.String()


class OfficeSchema(OfficeBrief):
    """An office."""

    kind = ma.fields.Enum(OfficeKind, by_value=True)
    kind_label = Label(attribute="kind", dump_only=True)
    valid_from = ma.fields.Date()
    valid_until = ma.fields.Date(allow_none=True)
    is_open = ma.fields.Boolean()


class OfficesSchema(Schema):
    """All offices of the district; few enough for one answer."""

    items = ma.fields.List(ma.fields.Nested(OfficeSchema))


class GrantSchema(Schema):
    """A role held."""

    id = ma.fields.UUID()
    role = ma.fields.Enum(Role, by_value=True)
    role_label = Label(attribute="role", dump_only=True)
    office = ma.fields.Nested(OfficeBrief, allow_none=True)
    granted_at = LocalDateTime()


class StaffSchema(Schema):
    """An account of staff."""

    id = ma.fields.UUID()
    user_name = ma.fields.String()
    display_name = ma.fields.String()
    state = ma.fields.Enum(StaffState, by_value=True)
    state_label = Label(attribute="state", dump_only=True)
    grants = ma.fields.List(ma.fields.Nested(GrantSchema))
    needs_setup = ma.fields.Boolean(metadata={"description": "还没有完成首次登录的设置"})
    last_sign_in_at = LocalDateTime(allow_none=True)
    created_at = LocalDateTime()


class StaffDetailSchema(StaffSchema):
    """An account, and what the caller may do with it."""

    allowed_actions = ma.fields.List(ma.fields.Nested(AllowedAction))


class NewAccessSchema(Schema):
    """An account with its first password, shown this once."""

    account = ma.fields.Nested(StaffSchema)
    initial_password = ma.fields.String()
    message = ma.fields.String()


class StaffQuery(PageArgs):
    """Filters of the list."""

    state = Choice(StaffState, load_default=None)
    role = Choice(Role, load_default=None)
    office_id = ma.fields.UUID(load_default=None)


class GrantRequestSchema(Schema):
    """A role to give."""

    role = Choice(Role, required=True)
    office_id = ma.fields.UUID(
        load_default=None, allow_none=True, metadata={"description": "不填表示在所有机构有效"}
    )


class StaffCreate(Schema):
    """A new account."""

    user_name = CleanString(required=True, min_length=3, max_length=40)
    display_name = CleanString(required=True, min_length=1, max_length=60)
    grants = ma.fields.List(
        ma.fields.Nested(GrantRequestSchema),
        load_default=list,
        validate=ma.validate.Length(max=20, error="最多 20 项。"),
    )


class StaffPatch(Schema):
    """What may be edited."""

    display_name = CleanString(required=True, min_length=1, max_length=60)
