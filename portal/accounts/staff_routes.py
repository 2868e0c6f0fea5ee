"""Staff: signing in, and the administrators' pages."""

from __future__ import annotations

import uuid
from typing import Any

from portal.accounts import policies, queries, staff_schemas
from portal.accounts.models import StaffMember
from portal.accounts.operations import sessions, staff_accounts, staff_sign_in
from portal.accounts.operations.staff_accounts import GrantRequest, NewAccess
from portal.accounts.routes import presented_token, token_body
from portal.accounts.schemas import TokenSchema
from portal.core.actor import Actor
from portal.web import conditional
from portal.web.blueprint import PUBLIC, STAFF, Blueprint, roles
from portal.web.pagination import Key, Page, page_schema, paginate
from portal.web.request_context import current_actor

blp = Blueprint("staff_accounts", __name__, url_prefix="/api/v1/staff", description="工作人员账号")

ADMIN = roles("admin")
SIGN_INS_BY_ADDRESS = "300 per 10 minutes"


@blp.post(
    "/auth/tokens",
    audience=PUBLIC,
    body=staff_schemas.StaffSignInRequest,
    returns=staff_schemas.StaffSignedInSchema,
    limit=SIGN_INS_BY_ADDRESS,
    # Failures are counted although the request is refused; a token is never replayed.
    transaction=False,
)
def create_staff_token(body: dict[str, Any]) -> dict[str, Any]:
    """用户名、密码和动态口令登录；首次登录先得到设置用的令牌"""
    return _signed_in(staff_sign_in.sign_in(body["user_name"], body["password"], body["totp_code"]))


@blp.post(
    "/auth/setup",
    audience=PUBLIC,
    body=staff_schemas.SetupRequest,
    returns=staff_schemas.StaffSignedInSchema,
    limit=SIGN_INS_BY_ADDRESS,
    transaction=False,
    problems=(401,),
)
def complete_setup(body: dict[str, Any]) -> dict[str, Any]:
    """首次登录：设置自己的密码，绑定动态口令，然后登录"""
    return _signed_in(
        staff_sign_in.complete_setup(body["setup_token"], body["new_password"], body["totp_code"])
    )


def _signed_in(result: staff_sign_in.StaffSignIn) -> dict[str, Any]:
    setup = None
    if result.setup is not None:
        setup = {
            "setup_token": result.setup.token,
            "expires_at": result.setup.expires_at,
            "must_change_password": result.must_change_password,
            "must_enrol_totp": result.must_enrol_totp,
            "totp_secret": result.totp_secret,
            "provisioning_uri": result.provisioning_uri,
        }
    return {
        "token": None if result.token is None else token_body(result.token),
        "setup": setup,
        "staff_id": result.staff.id,
        "display_name": result.staff.display_name,
    }


@blp.post("/auth/tokens/rotation", audience=STAFF, returns=TokenSchema, idempotent=False)
def rotate_staff_token() -> dict[str, Any]:
    """换一个新令牌，旧令牌立即失效"""
    return token_body(sessions.rotate(current_actor(), presented_token()))


@blp.delete("/auth/tokens/current", audience=STAFF)
def delete_current_staff_token() -> None:
    """退出登录"""
    sessions.sign_out(current_actor())


@blp.delete("/auth/tokens", audience=STAFF)
def delete_all_staff_tokens() -> None:
    """在所有设备上退出登录"""
    sessions.sign_out_everywhere(current_actor())


@blp.post(
    "/auth/password",
    audience=STAFF,
    body=staff_schemas.PasswordChange,
    limit="20 per hour",
    transaction=False,
)
def change_password(body: dict[str, Any]) -> None:
    """修改密码，其他设备同时退出登录"""
    staff_sign_in.change_password(current_actor(), body["current_password"], body["new_password"])


@blp.get("/me", audience=STAFF, returns=staff_schemas.StaffSchema)
def show_staff_me() -> StaffMember:
    """我的账号、角色和机构"""
    return queries.staff_member(current_actor().id)  # type: ignore[arg-type]  # staff have an id


@blp.get("/offices", audience=STAFF, returns=staff_schemas.OfficesSchema)
def list_offices() -> dict[str, Any]:
    """本区的机构"""
    return {"items": queries.offices()}


@blp.get(
    "/accounts",
    audience=ADMIN,
    query=staff_schemas.StaffQuery,
    returns=page_schema(staff_schemas.StaffSchema),
)
def list_accounts(query: dict[str, Any]) -> Page[StaffMember]:
    """工作人员账号"""
    cursor, size = query.pop("cursor"), query.pop("size")
    return paginate(
        staff_accounts.listed(current_actor(), **query), [Key(StaffMember.user_name)], cursor, size
    )


@blp.post(
    "/accounts",
    audience=ADMIN,
    body=staff_schemas.StaffCreate,
    returns=staff_schemas.NewAccessSchema,
    status=201,
    # Hashing takes time that must not hold a transaction, and a password is never replayed.
    transaction=False,
    problems=(404,),
)
def create_account(body: dict[str, Any]) -> dict[str, Any]:
    """开设账号；初始密码只显示这一次"""
    access = staff_accounts.create(
        current_actor(),
        body["user_name"],
        body["display_name"],
        [GrantRequest(**wanted) for wanted in body["grants"]],
    )
    return _access(access)


def _access(access: NewAccess) -> dict[str, Any]:
    return {
        "account": access.staff,
        "initial_password": access.initial_password,
        "message": "初始密码只显示这一次，请当面或用安全的方式交给本人；首次登录时必须修改。",
    }


@blp.get("/accounts/<uuid:staff_id>", audience=ADMIN, returns=staff_schemas.StaffDetailSchema)
def show_account(staff_id: uuid.UUID) -> StaffMember:
    """一个工作人员账号"""
    return _detail(staff_accounts.show(current_actor(), staff_id))


@blp.patch(
    "/accounts/<uuid:staff_id>",
    audience=ADMIN,
    body=staff_schemas.StaffPatch,
    returns=staff_schemas.StaffDetailSchema,
    if_match=True,
)
def edit_account(staff_id: uuid.UUID, body: dict[str, Any]) -> StaffMember:
    """修改显示的姓名"""
    staff = staff_accounts.show(current_actor(), staff_id)
    conditional.require_match(staff)
    staff_accounts.rename(current_actor(), staff, body["display_name"])
    return _detail(staff)


@blp.post(
    "/accounts/<uuid:staff_id>/deactivation",
    audience=ADMIN,
    returns=staff_schemas.StaffDetailSchema,
)
def deactivate_account(staff_id: uuid.UUID) -> StaffMember:
    """停用账号，立即退出登录"""
    return _detail(staff_accounts.deactivate(current_actor(), staff_id))


@blp.post(
    "/accounts/<uuid:staff_id>/reactivation",
    audience=ADMIN,
    returns=staff_schemas.StaffDetailSchema,
)
def reactivate_account(staff_id: uuid.UUID) -> StaffMember:
    """恢复已停用的账号"""
    return _detail(staff_accounts.reactivate(current_actor(), staff_id))


@blp.post(
    "/accounts/<uuid:staff_id>/reset",
    audience=ADMIN,
    returns=staff_schemas.NewAccessSchema,
    transaction=False,
)
def reset_account(staff_id: uuid.UUID) -> dict[str, Any]:
    """重置密码和动态口令；新的初始密码只显示这一次"""
    return _access(staff_accounts.reset(current_actor(), staff_id))


@blp.post(
    "/accounts/<uuid:staff_id>/grants",
    audience=ADMIN,
    body=staff_schemas.GrantRequestSchema,
    returns=staff_schemas.StaffDetailSchema,
    status=201,
)
def grant_role(staff_id: uuid.UUID, body: dict[str, Any]) -> StaffMember:
    """授予角色"""
    return _detail(staff_accounts.grant(current_actor(), staff_id, GrantRequest(**body)))


@blp.delete(
    "/accounts/<uuid:staff_id>/grants/<uuid:grant_id>",
    audience=ADMIN,
    returns=staff_schemas.StaffDetailSchema,
)
def revoke_role(staff_id: uuid.UUID, grant_id: uuid.UUID) -> StaffMember:
    """撤销角色，从下一次请求起生效"""
    return _detail(staff_accounts.revoke(current_actor(), staff_id, grant_id))


def _detail(staff: StaffMember) -> StaffMember:
    conditional.tag(staff)
    staff.allowed_actions = allowed_actions(current_actor(), staff)  # type: ignore[attr-defined]
    return staff


def allowed_actions(actor: Actor, staff: StaffMember) -> list[dict[str, str]]:
    """Return what `actor` may do with the account now."""
    table = (
        ("deactivation", "停用", staff.is_active and policies.can_deactivate(actor, staff.id)),
        ("reactivation", "恢复", not staff.is_active and policies.can_manage_staff(actor)),
        ("reset", "重置密码和动态口令", policies.can_reset(actor, staff.id)),
        ("grants", "授予或撤销角色", policies.can_change_roles(actor, staff.id)),
    )
    return [{"action": action, "label": label} for action, label, allowed in table if allowed]
