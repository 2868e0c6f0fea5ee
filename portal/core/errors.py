"""What can go wrong, said for people and without HTTP.

Each failure has a stable `code` for programs, a plain Chinese `message`, and the `next_step` a person can take.
The web layer turns them into problem details (RFC 9457). English belongs to the log, never to these texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

FieldErrors = Mapping[str, Sequence[str]]

# Of a failure that is nobody's fault; whoever only reads is told otherwise (`web.problems`).
NOTHING_SAVED = "您提交的内容没有保存"


class DomainError(Exception):
    """A refusal that the caller can understand and act on."""

    code = "refused"
    message = "这次操作没有成功。"
    next_step = "请检查后重试。"
    # True when what was written before the refusal is a step of its own and is to be committed (see `keeping`).
    keeps = False

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        next_step: str | None = None,
        errors: FieldErrors | None = None,
    ) -> None:
        self.message = message or self.message
        self.code = code or self.code
        self.next_step = next_step or self.next_step
        self.errors: dict[str, list[str]] = {
            field: list(messages) for field, messages in (errors or {}).items()
        }
        super().__init__(f"{self.code}: {self.message}")

    def keeping(self) -> Self:
        """Return this refusal, with which the unit of work commits what was written so far instead of undoing it.

        For a step that found out about something on the way that holds whether or not it is refused.
        """
        self.keeps = True
        return self


class Malformed(DomainError):
    """The request cannot be read at all (broken JSON, wrong encoding)."""

    code = "malformed"
    message = "请求的内容无法识别。"
    next_step = "请检查请求的格式后重新提交。"


class Unauthenticated(DomainError):
    """No token, or one that is no longer good."""

    code = "unauthenticated"
    message = "您还没有登录，或者登录已经过期。"
    next_step = "请重新登录后再试。"


class Forbidden(DomainError):
    """Known to exist for this caller, but not theirs to do."""

    code = "forbidden"
    message = "您没有办理这项操作的权限。"
    next_step = "如果您认为应当有权限，请联系本单位的管理员。"


class NotFound(DomainError):
    """Not there, or not to be known of by this caller."""

    code = "not_found"
    message = "没有找到您要的内容。"
    next_step = "请核对链接或编号；内容也可能已经撤下。"


class Conflict(DomainError):
    """Lost a race, or clashes with something that exists."""

    code = "conflict"
    message = "这项操作与已有的内容冲突。"
    next_step = "请刷新后查看最新情况，再决定是否继续。"


class WrongState(Conflict):
    """The subject's state does not allow the action."""

    code = "wrong_state"
    message = "当前状态下不能办理这项操作。"
    next_step = "请刷新查看最新状态和可以办理的操作。"


class KeyInFlight(Conflict):
    """The same idempotency key is being worked on at this moment."""

    code = "idempotency_key_in_flight"
    message = "同一请求正在办理中。"
    next_step = "请稍等几秒，用同一个幂等键再试一次。"


class Gone(DomainError):
    """Was valid once and has expired."""

    code = "gone"
    message = "内容已经过期。"
    next_step = "请重新发起。"


class StaleVersion(DomainError):
    """The caller's copy (`If-Match`) is older than the stored one."""

    code = "stale_version"
    message = "这条记录刚刚被别人修改过，您的修改没有保存。"
    next_step = "请刷新取得最新内容，核对后再提交。"


class PreconditionMissing(DomainError):
    """`If-Match` is required here and was not sent."""

    code = "if_match_required"
    message = "缺少版本标识，无法确认您看到的是最新内容。"
    next_step = "请先读取最新内容，再带上它的 ETag（If-Match 请求头）提交。"


class Invalid(DomainError):
    """One or more fields are not acceptable."""

    code = "invalid"
    message = "有内容填写不正确。"
    next_step = "请按提示修改后重新提交。"


class TooLarge(DomainError):
    """The body or a file is over the limit."""

    code = "too_large"
    message = "提交的内容太大。"
    next_step = "请减少内容或压缩文件后重新提交。"


class UnsupportedType(DomainError):
    """The media type is not accepted here."""

    code = "unsupported_type"
    message = "不支持这种内容格式。"
    next_step = "请换用支持的格式。"


class TooManyRequests(DomainError):
    """Over a limit; `retry_after` is in whole seconds."""

    code = "too_many_requests"
    message = "操作太频繁了。"
    next_step = "请稍后再试。"

    def __init__(self, message: str | None = None, *, retry_after: int, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.retry_after = max(1, retry_after)


class Unavailable(DomainError):
    """A part of the system does not answer; nothing was done."""

    code = "unavailable"
    message = f"服务暂时不可用，{NOTHING_SAVED}。"
    next_step = "请稍后重试；如果一直不行，请拨打页面上的服务电话。"

    def __init__(self, message: str | None = None, *, retry_after: int = 5, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.retry_after = max(1, retry_after)
