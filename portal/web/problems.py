"""Failures as problem details (RFC 9457), with a stable code, a Chinese sentence and the next step."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, request
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from portal.core import errors, failures
from portal.core.errors import DomainError
from portal.web.request_context import request_id

CONTENT_TYPE = "application/problem+json"
_log = structlog.get_logger(__name__)

# The first class in this order that an error is an instance of gives its status.
_STATUS: tuple[tuple[type[DomainError], int], ...] = (
    (errors.Malformed, 400),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.Gone, 410),
    (errors.StaleVersion, 412),
    (errors.TooLarge, 413),
    (errors.UnsupportedType, 415),
    (errors.Invalid, 422),
    (errors.PreconditionMissing, 428),
    (errors.TooManyRequests, 429),
    (errors.Unavailable, 503),
)

_HTTP: dict[int, type[DomainError]] = {
    400: errors.Malformed,
    404: errors.NotFound,
    413: errors.TooLarge,
    415: errors.UnsupportedType,
}

TITLES = {
    400: "请求无法识别",
    401: "需要登录",
    403: "没有权限",
    404: "没有找到",
    405: "不支持这种操作",
    406: "无法提供这种格式",
    409: "操作冲突",
    410: "已经过期",
    412: "内容已被修改",
    413: "内容太大",
    414: "网址太长",
    415: "格式不支持",
    422: "填写有误",
    428: "缺少版本标识",
    429: "操作太频繁",
    431: "请求头太大",
    500: "系统出错",
    503: "暂时不可用",
}

_INTERNAL = (
    "internal_error",
    f"系统出错了，{errors.NOTHING_SAVED}。",
    "请稍后重试；如果一直不行，请把 request_id 告诉工作人员。",
)
# What the server refuses before anything of it reaches a route.
_UNREAD = {
    400: (errors.Malformed.code, errors.Malformed.message, errors.Malformed.next_step),
    414: (
        "uri_too_long",
        "网址太长，没有读到您要找的内容。",
        "请把问题缩短到 400 个字以内再查；要说的事情多，可以把问题发给律师。",
    ),
    431: (
        "headers_too_large",
        "请求头太大，没有读到您的请求。",
        "请清除浏览器的 Cookie 后重试。",
    ),
    500: _INTERNAL,
}


def status_of(error: DomainError) -> int:
    """Return the HTTP status of a domain error; 409 for one without a class of its own."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 409)


def unread(status: int, request: str) -> dict[str, Any]:
    """Return the body for a request that the server could not read; `request` is the id it is logged with."""
    code, detail, next_step = _UNREAD.get(status, _UNREAD[500])
    return _body(status, code, detail, next_step, "", request)


def _body(
    status: int,
    code: str,
    detail: str,
    next_step: str,
    instance: str,
    request: str,
    field_errors: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    return {
        "type": f"urn:portal:problem:{code}",
        "title": TITLES.get(status, "操作没有成功"),
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "errors": field_errors or {},
        "request_id": request,
        "next_step": next_step,
    }


def problem(
    status: int,
    code: str,
    detail: str,
    next_step: str,
    field_errors: dict[str, list[str]] | None = None,
) -> Response:
    """Build the problem response."""
    if request.method in ("GET", "HEAD"):
        # Who only reads has submitted nothing.
        detail = detail.replace(errors.NOTHING_SAVED, "没有取到您要的内容")
    body = _body(status, code, detail, next_step, request.path, request_id(), field_errors)
    # ASCII escapes: a field name echoed from a hostile body may hold what UTF-8 cannot.
    return Response(json.dumps(body), status=status, content_type=CONTENT_TYPE)


def from_domain_error(error: DomainError) -> Response:
    """Build the response for a domain error, with `Retry-After` and `WWW-Authenticate` where they belong."""
    status = status_of(error)
    response = problem(status, error.code, error.message, error.next_step, error.errors)
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _from_http_exception(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response  # type: ignore[return-value]  # a ready answer, such as a redirect
    status = error.code or 500
    if 300 <= status < 400:
        return error.get_response()  # type: ignore[return-value]
    kind = _HTTP.get(status)
    if kind is not None:
        return problem(status, kind.code, kind.message, kind.next_step)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response = problem(
            status,
            "method_not_allowed",
            "这个地址不支持这种请求方法。",
            "请按接口文档使用正确的方法。",
        )
        response.headers.extend(error.get_headers())
        response.headers["Content-Type"] = CONTENT_TYPE
        return response
    return problem(status, "refused", "请求没有被接受。", "请核对请求后重试。")


def _from_stale_data(error: StaleDataError) -> Response:
    return from_domain_error(errors.StaleVersion())


def _from_database_error(error: DBAPIError) -> Response:
    if isinstance(error, IntegrityError):
        # A room turns the clashes it expects into its own words; what gets here is told plainly and logged by name.
        _log.warning("integrity_error", kind=type(error.orig).__name__)
        return from_domain_error(errors.Conflict())
    # The plain class is SQLite's for a file that is damaged, or half put back.
    damaged = type(error) is DatabaseError
    if failures.of_its_state(error) or damaged:
        _log.error(
            "database_unavailable",
            kind=type(error.orig).__name__,
            advice=failures.sentence(error),
        )
        return from_domain_error(errors.Unavailable())
    return _from_anything(error)


def _from_exhausted_pool(error: PoolTimeout) -> Response:
    _log.error("database_pool_exhausted")
    return from_domain_error(errors.Unavailable())


def _from_anything(error: Exception) -> Response:
    _log.exception("unhandled_error")
    return problem(500, *_INTERNAL)


def init_app(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(DomainError, from_domain_error)
    app.register_error_handler(HTTPException, _from_http_exception)
    app.register_error_handler(StaleDataError, _from_stale_data)
    app.register_error_handler(DBAPIError, _from_database_error)
    app.register_error_handler(PoolTimeout, _from_exhausted_pool)
    app.register_error_handler(Exception, _from_anything)
