"""Residents: signing in and out, and their own page."""

from __future__ import annotations

from typing import Any

from flask import request

from portal.accounts import privacy_notice, queries, schemas
from portal.accounts.identity import documents, names, phones
from portal.accounts.models import Resident, SmsPurpose
from portal.accounts.operations import leaving, profile, sessions, sign_in, sms_codes
from portal.accounts.operations.sessions import IssuedToken
from portal.web import conditional
from portal.web.blueprint import PUBLIC, RESIDENT, Blueprint
from portal.web.request_context import current_actor

auth = Blueprint("auth", __name__, url_prefix="/api/v1", description="居民登录")
me_blp = Blueprint("me", __name__, url_prefix="/api/v1/me", description="我的账号")

# By address, beside the limits by phone in `sms_codes`: many homes share one address of a mobile network.
# Whole towns share an address behind a carrier; codes and guesses are limited by phone and by code as well.
CODES_BY_ADDRESS = "120 per 10 minutes; 2000 per day"
SIGN_INS_BY_ADDRESS = "300 per 10 minutes; 5000 per day"
_CODE_SENT = {
    "expires_in": int(sms_codes.VALID_FOR.total_seconds()),
    "resend_after": int(sms_codes.RESEND_AFTER.total_seconds()),
}


def presented_token() -> str:
    """Return the bearer token of the request, which the audience check has already accepted."""
    return request.headers["Authorization"].partition(" ")[2].strip()


def token_body(issued: IssuedToken) -> dict[str, Any]:
    """Return the body that hands out a token."""
    return {
        "token": issued.token,
        "expires_at": issued.expires_at,
        "idle_seconds": issued.idle_seconds,
    }


@auth.get("/privacy-notice", audience=PUBLIC, returns=schemas.PrivacyNoticeSchema)
def show_privacy_notice() -> dict[str, Any]:
    """现行的个人信息处理告知"""
    return privacy_notice.notice()


@auth.post(
    "/auth/sms-codes",
    audience=PUBLIC,
    body=schemas.SmsCodeRequest,
    returns=schemas.SmsCodeSent,
    status=202,
    limit=CODES_BY_ADDRESS,
    # Anonymous callers share one scope of keys; the limit by phone already makes a repeat harmless.
    idempotent=False,
)
def send_sms_code(body: dict[str, Any]) -> dict[str, int]:
    """获取登录验证码；无论手机号是否登录过，答复都一样"""
    sms_codes.send(body["phone"], SmsPurpose.SIGN_IN)
    return _CODE_SENT


@auth.post(
    "/auth/tokens",
    audience=PUBLIC,
    body=schemas.SignInRequest,
    returns=schemas.SignedInSchema,
    status=201,
    limit=SIGN_INS_BY_ADDRESS,
    # A wrong code is counted although the request is refused; a token is never replayed.
    transaction=False,
)
def create_token(body: dict[str, Any]) -> dict[str, Any]:
    """用手机号和验证码登录，首次登录即开通账号"""
    phone, code = body.pop("phone"), body.pop("code")
    return _signed_in(sign_in.sign_in(phone, code, **body))


def _signed_in(result: sign_in.SignedIn) -> dict[str, Any]:
    return {
        **token_body(result.token),
        "resident_id": result.resident.id,
        "is_new": result.is_new,
        "other_accounts": [
            {
                "id": other.id,
                # A new holder of the number learns nothing of the former one.
                "nickname": None if sign_in.is_dormant(other) else other.nickname,
                "real_name": None
                if sign_in.is_dormant(other)
                else names.mask_name(other.real_name),
            }
            for other in result.others
        ],
    }


@auth.post(
    "/auth/tokens/rotation", audience=RESIDENT, returns=schemas.TokenSchema, idempotent=False
)
def rotate_token() -> dict[str, Any]:
    """换一个新令牌，旧令牌立即失效"""
    return token_body(sessions.rotate(current_actor(), presented_token()))


@auth.post(
    "/auth/tokens/switch",
    audience=RESIDENT,
    body=schemas.SwitchRequest,
    returns=schemas.SignedInSchema,
    status=201,
    idempotent=False,
    problems=(404,),
)
def switch_account(body: dict[str, Any]) -> dict[str, Any]:
    """登录后 10 分钟内，换到同一手机号的另一个账号"""
    return _signed_in(sign_in.switch(current_actor(), **body))


@auth.delete("/auth/tokens/current", audience=RESIDENT)
def delete_current_token() -> None:
    """退出登录"""
    sessions.sign_out(current_actor())


@auth.delete("/auth/tokens", audience=RESIDENT)
def delete_all_tokens() -> None:
    """在所有设备上退出登录"""
    sessions.sign_out_everywhere(current_actor())


def _page(resident: Resident) -> dict[str, Any]:
    accepted, version = (
        queries.accepted_notice_version(resident.id),
        privacy_notice.current_version(),
    )
    kind = resident.document_type
    return {
        "id": resident.id,
        "phone": phones.mask_phone(resident.phone),
        "nickname": resident.nickname,
        "contact_safety": resident.contact_safety.value,
        "contact_safety_label": resident.contact_safety.label,
        "has_real_name": resident.has_real_name,
        "real_name": names.mask_name(resident.real_name),
        "document_type": kind.value if kind else None,
        "document_type_label": kind.label if kind else None,
        "document_number": documents.mask_number(resident.document_number),
        "is_minor": resident.is_minor,
        "is_under_14": resident.is_under_14,
        "has_guardian": resident.guardian_name is not None,
        "notice": {
            "accepted_version": accepted,
            "current_version": version,
            "must_accept": accepted != version,
        },
        "created_at": resident.created_at,
    }


@me_blp.get("", audience=RESIDENT, returns=schemas.MeSchema)
def show_me() -> dict[str, Any]:
    """我的账号；姓名、电话和证件号码只显示一部分"""
    resident = profile.me(current_actor())
    conditional.tag(resident)
    return _page(resident)


@me_blp.patch("", audience=RESIDENT, body=schemas.MePatch, returns=schemas.MeSchema, if_match=True)
def edit_me(body: dict[str, Any]) -> dict[str, Any]:
    """修改昵称和联系方式偏好"""
    resident = profile.me(current_actor())
    conditional.require_match(resident)
    profile.update(current_actor(), resident, body)
    conditional.tag(resident)
    return _page(resident)


@me_blp.post(
    "/privacy-notice", audience=RESIDENT, body=schemas.NoticeAcceptance, returns=schemas.MeSchema
)
def accept_notice(body: dict[str, Any]) -> dict[str, Any]:
    """同意现行的个人信息处理告知"""
    sign_in.accept_notice(current_actor(), body["version"])
    return _page(profile.me(current_actor()))


@me_blp.post(
    "/real-name",
    audience=RESIDENT,
    body=schemas.RealNameRequest,
    returns=schemas.RealNameResult,
    limit="20 per hour",
)
def set_real_name(body: dict[str, Any]) -> dict[str, Any]:
    """填写或更正姓名和证件"""
    guardian = body.pop("guardian")
    given = profile.RealName(
        **body, guardian=None if guardian is None else profile.Guardian(**guardian)
    )
    resident, warnings = profile.set_real_name(current_actor(), given)
    conditional.tag(resident)
    return {**_page(resident), "warnings": list(warnings)}


@me_blp.delete("/real-name", audience=RESIDENT, returns=schemas.MeSchema)
def withdraw_real_name() -> dict[str, Any]:
    """撤回实名信息；已经提交的申请不受影响"""
    resident = profile.withdraw_real_name(current_actor())
    conditional.tag(resident)
    return _page(resident)


@me_blp.post(
    "/phone-change/codes",
    audience=RESIDENT,
    body=schemas.PhoneChangeCodesRequest,
    returns=schemas.SmsCodeSent,
    status=202,
    limit="10 per hour",
)
def send_phone_change_codes(body: dict[str, Any]) -> dict[str, int]:
    """向原手机号和新手机号各发一个验证码；原号码已停用的，请到窗口核验身份后更换"""
    profile.send_phone_change_codes(current_actor(), body["new_phone"])
    return _CODE_SENT


@me_blp.post(
    "/phone-change",
    audience=RESIDENT,
    body=schemas.PhoneChangeRequest,
    returns=schemas.MeSchema,
    transaction=False,
)
def change_phone(body: dict[str, Any]) -> dict[str, Any]:
    """用两个验证码更换手机号，其他设备同时退出登录"""
    resident = profile.change_phone(current_actor(), **body)
    return _page(resident)


@me_blp.get(
    "/export",
    audience=RESIDENT,
    returns=schemas.ExportSchema,
    # The copy is recorded in the same commit.
    transaction=True,
    limit="20 per day",
)
def export_me() -> dict[str, Any]:
    """我的全部数据（JSON）"""
    data = leaving.export(current_actor())
    note = (
        "这是平台保存的您的全部个人信息。为防止手机丢失时泄露，证件号码只显示一部分；"
        "需要完整号码的，请带证件到窗口查阅。"
    )
    return {**data, "note": note}


@me_blp.post(
    "/deletion-codes",
    audience=RESIDENT,
    returns=schemas.SmsCodeSent,
    status=202,
    limit="10 per hour",
)
def send_deletion_code() -> dict[str, int]:
    """获取注销账号的验证码"""
    leaving.send_deletion_code(current_actor())
    return _CODE_SENT


@me_blp.delete(
    "",
    audience=RESIDENT,
    body=schemas.DeletionRequest,
    returns=schemas.DeletionResult,
    transaction=False,
)
def delete_me(body: dict[str, Any]) -> dict[str, Any]:
    """注销账号；答复里列出依法必须保留的内容"""
    deletion = leaving.delete_account(current_actor(), body["code"])
    return {
        "deleted_at": deletion.deleted_at,
        "message": "账号已经注销，个人信息已经清除。下面列出依法或按规定必须保留的内容，"
        "它们只保存，不再用于别的用途。",
        "kept": deletion.kept,
    }
