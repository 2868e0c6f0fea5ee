"""Reading bodies and query strings strictly: every malformed input gets a clear refusal, none reaches a view."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

import marshmallow as ma
from flask import Request, request
from webargs import missing
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from portal.core.errors import Invalid, Malformed, TooLarge, UnsupportedType
from portal.core.field_errors import MAX_ERRORS, flatten

# Bytes of a JSON body. The longest text that any route takes is far below; uploads have the application's limit.
MAX_JSON = 512 * 1024


class HouseParser(FlaskParser):
    """webargs with our refusals: unknown names raise in every location."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {
        "json": None,
        "query": None,
        "form": None,
        "files": None,
    }

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """Return the JSON body, or `missing` when there is none."""
        return read_json(req)

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """Return the query string; a single-valued name that stands twice is refused."""
        refuse_broken_query(req)
        for name in req.args:
            field = next(
                (f for key, f in schema.fields.items() if (f.data_key or key) == name), None
            )
            multiple = field is not None and _takes_many(field)
            if not multiple and len(req.args.getlist(name)) > 1:
                raise Invalid(errors={name[:80]: ["这个参数只能出现一次。"]})
        return self._makeproxy(req.args, schema)

    def load_files(self, req: Request, schema: ma.Schema) -> MultiDictProxy:
        """Return the uploaded files; anything but a multipart form is refused."""
        require_multipart(req)
        return self._makeproxy(req.files, schema)

    def load_form(self, req: Request, schema: ma.Schema) -> MultiDictProxy:
        """Return the form fields beside the files."""
        require_multipart(req)
        return self._makeproxy(req.form, schema)

    def handle_error(
        self, error: ma.ValidationError, req: Any, schema: Any, **kwargs: Any
    ) -> NoReturn:
        """Turn marshmallow's messages into a domain error."""
        messages: dict[Any, Any] = error.normalized_messages()
        in_query = False
        # webargs names the location first; a field may have the same name, so only the outermost one goes.
        if (
            len(messages) == 1
            and (place := next(iter(messages))) in self.DEFAULT_UNKNOWN_BY_LOCATION
        ):
            messages, in_query = messages[place], place == "query"
        raise Invalid(errors=flatten(messages, numbered=not in_query)) from error


def read_json(req: Request) -> Any:
    """Parse the body as one JSON value.

    Raises UnsupportedType for another media type, Malformed for broken UTF-8 or JSON, repeated names, NaN, and nesting or
    numbers beyond what Python will parse, TooLarge for a body over the limit.
    """
    try:
        raw = req.get_data(cache=True)
    except OSError as error:
        raise _broken_off() from error
    if not raw:
        return missing
    if req.mimetype != "application/json":
        raise UnsupportedType("这里只接受 JSON（Content-Type: application/json）。")
    charset = (req.mimetype_params.get("charset") or "utf-8").lower().replace("_", "-")
    if charset not in ("utf-8", "utf8"):
        raise UnsupportedType("JSON 必须使用 UTF-8 编码。")
    try:
        return json.loads(
            raw.decode("utf-8"),
            parse_constant=_refuse,
            parse_float=_finite,
            object_pairs_hook=_without_repeats,
        )
    except RecursionError as error:
        raise Malformed("JSON 嵌套太深。", code="malformed_json") from error
    except UnicodeDecodeError as error:
        raise Malformed("内容不是有效的 UTF-8 编码。", code="malformed_json") from error
    except ValueError as error:
        raise Malformed(
            "内容不是有效的 JSON。",
            code="malformed_json",
            next_step="请检查引号、逗号和括号是否完整，名称是否重复。",
        ) from error


def _broken_off() -> Malformed:
    """The server could not read the body to its end: a broken chunk, or a connection that went away."""
    return Malformed("请求的内容没有完整收到。", next_step="请检查网络后重新提交。")


def refuse_broken_query(req: Request) -> None:
    """Raise Malformed when the query string is not UTF-8 (werkzeug would leave the bytes escaped, silently)."""
    if not any("%" in part for pair in req.args.items(multi=True) for part in pair):
        return
    try:
        unquote_to_bytes(req.query_string).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("网址中的参数不是有效的 UTF-8 编码。", code="malformed_query") from error


def refuse_any_query(req: Request) -> None:
    """Refuse every query parameter, for a route that has none."""
    refuse_broken_query(req)
    if req.args:
        raise Invalid(
            errors={name[:80]: ["没有这个参数。"] for name in list(req.args)[:MAX_ERRORS]}
        )


def refuse_any_body(req: Request) -> None:
    """Refuse a body with content, for a route that has none; an empty one or `{}` passes."""
    if req.mimetype == "multipart/form-data":
        raise UnsupportedType("这个操作不需要提交文件。")
    body = read_json(req)
    if body is missing or body == {}:
        return
    if isinstance(body, dict):
        raise Invalid(
            errors={str(name)[:80]: ["没有这个字段。"] for name in list(body)[:MAX_ERRORS]}
        )
    raise Invalid("这个操作不需要提交内容。")


def require_multipart(req: Request) -> None:
    """Raise UnsupportedType unless the request is a multipart form; Malformed when the form is broken."""
    if req.mimetype != "multipart/form-data":
        raise UnsupportedType(
            "上传文件请使用 multipart/form-data。", next_step="请用表单方式上传文件。"
        )
    try:
        _ = req.files
    except RequestEntityTooLarge as error:
        raise TooLarge from error
    except HTTPException as error:
        raise Malformed("上传的表单不完整。") from error
    except OSError as error:
        raise _broken_off() from error
    # werkzeug replaces bytes that are not UTF-8 silently; a text that was changed on the way is refused.
    if any("\ufffd" in part for pair in req.form.items(multi=True) for part in pair):
        raise Malformed("表单中的文字不是有效的 UTF-8 编码。", code="malformed_form")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    # 1e999 is well-formed JSON and becomes infinity, which nothing behind this can store.
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("repeated name")
    return result


parser = HouseParser()


def current_request() -> Request:
    """Return the request object behind Flask's proxy."""
    return request._get_current_object()  # type: ignore[attr-defined]


def _takes_many(field: ma.fields.Field[Any]) -> bool:
    return isinstance(field, ma.fields.List) and getattr(field, "is_multiple", True)
