"""`flask accounts ...`."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from portal.accounts import queries, seeds
from portal.accounts.models import Role
from portal.accounts.operations import staff_accounts
from portal.accounts.operations.staff_accounts import GrantRequest
from portal.core.actor import SYSTEM
from portal.core.errors import DomainError

accounts_group = AppGroup("accounts", help="工作人员账号和机构。")


@accounts_group.command("create-staff")
@click.option("--user-name", required=True, help="用户名，3 到 40 个小写字母、数字、点或横线。")
@click.option("--name", "display_name", required=True, help="对外显示的姓名，最多 60 个字。")
@click.option(
    "--role",
    "role_names",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in Role]),
    help="角色，可以写多次。",
)
@click.option(
    "--office",
    "office_code",
    default=None,
    help="机构代码；不写表示所有机构。系统管理员总是管理所有机构。",
)
def create_staff(
    user_name: str, display_name: str, role_names: tuple[str, ...], office_code: str | None
) -> None:
    """开设工作人员账号，打印只显示一次的初始密码。"""
    office_id = None
    if office_code is not None:
        office = queries.office_by_code(office_code)
        if office is None:
            known = "、".join(item.code for item in queries.offices()) or "（还没有机构）"
            raise click.ClickException(f"没有代码为“{office_code}”的机构。现有：{known}")
        office_id = office.id
    grants = [
        GrantRequest(role, None if role is Role.ADMIN else office_id)
        for role in Role
        if role.value in role_names
    ]
    try:
        access = staff_accounts.create(SYSTEM, user_name, display_name, grants)
    except DomainError as error:
        details = "；".join(text for texts in error.errors.values() for text in texts)
        raise click.ClickException(f"{error.message}{details}") from error
    click.echo(f"已开设账号 {access.staff.user_name}。")
    click.echo(f"初始密码（只显示这一次）：{access.initial_password}")
    click.echo("本人首次登录时必须修改密码，并用认证器应用绑定动态口令。")


@accounts_group.command("seed-offices")
def seed_offices() -> None:
    """按 content/offices.yaml 更新机构。"""
    click.echo(f"机构：新增或更新 {seeds.seed_offices()} 个。")


@accounts_group.command("seed-demo")
def seed_demo() -> None:
    """开设演示账号（只在允许演示账号的开发环境）。"""
    try:
        added = seeds.seed_demo_accounts()
    except RuntimeError as error:
        raise click.ClickException("这个环境不允许演示账号。") from error
    click.echo(f"演示账号：新增 {added} 个。")
