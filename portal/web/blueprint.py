"""The house's Blueprint and Api: one declaration per route says who may call it, what goes in and what comes out.

This is the only module that knows flask-smorest. A request passes: audience, limits, parsing, then (for methods that write)
one unit of work with the idempotency key around the view, and last the dump and the ETag. A route without an audience does
not start.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flask_smorest
import marshmallow as ma
from flask import Flask, Response, current_app, g, make_response, request
from flask_smorest import Blueprint as SmorestBlueprint

from portal.core.actor import ANONYMOUS, Actor
from portal.core.errors import Forbidden, Invalid
from portal.core.unit_of_work import unit_of_work
from portal.web import idempotency, parsing, rate_limits
from portal.web.conditional import etag_of
from portal.web.problems import CONTENT_TYPE, TITLES
from portal.web.request_context import client_address, current_actor, identify
from portal.web.schemas import Choice, Label, LocalDateTime, Schema

View = Callable[..., Any]
SchemaClass = type[ma.Schema]


@dataclass(frozen=True)
class Audience:
    """Who may call a route. `staff_roles` empty with `kind` staff means any member of staff."""

    kind: str
    staff_roles: frozenset[str] = frozenset()

    def admit(self) -> Actor:
        """Identify the caller; raises Unauthenticated or Forbidden when the route is not for them.

        A public route looks at no token, so that signing in again works with a dead one in hand.
        """
        if self.kind == "public":
            return ANONYMOUS
        actor = identify(required=self.kind in ("resident", "staff", "signed_in"))
        if self.kind == "resident" and not actor.is_resident:
            raise Forbidden("这项服务只供居民使用。", next_step="请用居民账号登录。")
        if self.kind == "staff" and not actor.is_staff:
            raise Forbidden("这里只供工作人员使用。", next_step="请用工作人员账号登录。")
        if self.staff_roles and not actor.has_role(*self.staff_roles):
            raise Forbidden
        return actor


PUBLIC = Audience("public")
ANYONE = Audience("anyone")
RESIDENT = Audience("resident")
STAFF = Audience("staff")
SIGNED_IN = Audience("signed_in")


def roles(*names: str) -> Audience:
    """Staff who hold one of the roles."""
    return Audience("staff", frozenset(names))


API_DESCRIPTION = "县区掌上法律服务平台的接口。所有时间带时区，所有错误为 problem+json。"


class ProblemSchema(Schema):
    """Problem details (RFC 9457)."""

    type = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String(required=True)
    instance = ma.fields.String(required=True)
    code = ma.fields.String(required=True)
    errors = ma.fields.Dict(
        keys=ma.fields.String(), values=ma.fields.List(ma.fields.String()), required=True
    )
    request_id = ma.fields.String(required=True)
    next_step = ma.fields.String(required=True)


class Blueprint(SmorestBlueprint):
    """A group of routes. Use `get`, `post`, `put`, `patch` and `delete`; the plain `route` is closed."""

    ARGUMENTS_PARSER = parsing.parser

    def route(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: a route must declare its audience."""
        raise TypeError("use get, post, put, patch or delete with an audience")

    def get(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Declare a GET route; see `_declare` for the options."""
        return self._declare("GET", rule, **options)

    def post(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Declare a POST route; see `_declare` for the options."""
        return self._declare("POST", rule, **options)

    def put(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Declare a PUT route; see `_declare` for the options."""
        return self._declare("PUT", rule, **options)

    def patch(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Declare a PATCH route; see `_declare` for the options."""
        return self._declare("PATCH", rule, **options)

    def delete(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Declare a DELETE route; see `_declare` for the options."""
        return self._declare("DELETE", rule, **options)

    def _declare(
        self,
        method: str,
        rule: str,
        *,
        audience: Audience,
        query: SchemaClass | None = None,
        body: SchemaClass | None = None,
        files: SchemaClass | None = None,
        form: SchemaClass | None = None,
        returns: SchemaClass | None = None,
        status: int = 200,
        if_match: bool = False,
        idempotent: bool | None = None,
        transaction: bool | None = None,
        answers_after_commit: bool = False,
        prepare: View | None = None,
        limit: str | None = None,
        problems: tuple[int, ...] = (),
        produces: tuple[str, ...] = (),
        previews: bool = False,
    ) -> Callable[[View], View]:
        """Declare a route.

        The view gets the path parameters by name and, where declared, `query`, `body`, `files` and `form` by name. `limit`
        adds a limit by caller to the general ones. `transaction` defaults to true for methods that write; a view that
        must commit part of its work before refusing (sign-in) says False and calls its operations itself. `idempotent`
        defaults to true for POST inside a transaction. `answers_after_commit` is for a view that calls one operation with
        a unit of work of its own: without an idempotency key that unit is the whole transaction, and on SQLite nobody waits
        for the answer to be written. `if_match` documents and demands the header; the view compares
        with `conditional.require_match`. `prepare` is called before the unit of work with the view's own arguments, may
        read and refuse but not write, and what it returns is given to the view as `prepared`: on SQLite, whatever is done
        inside the unit keeps all other writers waiting. `produces` names the media types of an answer that is not JSON.
        `previews` documents that the view answers 200 where it only looks and creates nothing. The docstring's first line is
        the summary.
        """
        writes = (method != "GET") if transaction is None else transaction
        keyed = (method == "POST" and writes) if idempotent is None else idempotent
        if keyed and not writes:
            raise TypeError("an idempotency key needs the route's own transaction")

        def decorate(view: View) -> View:
            told = self.alt_response(200, schema=returns, **_PREVIEW)(view) if previews else view
            wrapped = self._dumping(told, returns, status, produces)
            wrapped = _in_transaction(wrapped, writes, keyed, prepare, answers_after_commit)
            wrapped = self._parsing(wrapped, query=query, body=body, files=files, form=form)
            entry = _entry(
                wrapped,
                audience=audience,
                limit=limit,
                writes=method != "GET",
                takes_query=query is not None,
                takes_body=bool(body or files or form),
                takes_files=bool(files or form),
                if_match=if_match,
            )
            _document(entry, method, rule, audience, keyed, if_match, problems, body, files, form)
            _name_operation(entry, f"{self.name}.{view.__name__}")
            self.add_url_rule(rule, None, entry, methods=[method])
            return view

        return decorate

    def _dumping(
        self, view: View, returns: SchemaClass | None, status: int, produces: tuple[str, ...]
    ) -> View:
        status = 204 if returns is None and not produces else status
        said: dict[str, Any] = {"headers": _ANSWER_HEADERS, "description": _SUCCESS[status]}
        if produces:
            binary = {"type": "string", "format": "binary"}
            for kind in produces[1:]:
                also = {"schema": binary, "content_type": kind, "success": True}
                view = self.alt_response(status, description=_SUCCESS[status], **also)(view)
            return self.response(status, binary, content_type=produces[0], **said)(view)
        if returns is None:
            return self.response(status, **said)(_empty(view))
        return self.response(status, returns, **said)(view)

    def _parsing(self, view: View, **schemas: SchemaClass | None) -> View:
        locations = {"query": "query", "body": "json", "files": "files", "form": "form"}
        for name, kind in schemas.items():
            if kind is not None:
                # One for all requests: a schema copies every field when it is made.
                schema = kind()
                view = self.arguments(
                    schema,
                    location=locations[name],
                    arg_name=name,
                    # A body that may be empty may be left out.
                    required=any(field.required for field in schema.load_fields.values()),
                )(view)
        return view


def _empty(view: View) -> View:
    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        result = view(*args, **kwargs)
        if isinstance(result, Response):
            return result
        response = Response(status=204)
        # No content, so no type of one.
        del response.headers["Content-Type"]
        return response

    return wrapper


def _in_transaction(
    view: View, writes: bool, keyed: bool, prepare: View | None, answers_after_commit: bool
) -> View:
    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        if not writes:
            return _finished(view(*args, **kwargs))
        key = idempotency.requested_key() if keyed else None

        def make_ready() -> None:
            if prepare is not None:
                kwargs["prepared"] = prepare(*args, **kwargs)

        def act() -> Response:
            return _finished(view(*args, **kwargs))

        if key is not None:
            return idempotency.run(current_actor(), key, make_ready, act)
        make_ready()
        if answers_after_commit:
            return act()
        with unit_of_work():
            return act()

    return wrapper


def ready(value: dict[str, Any]) -> Response:
    """Answer with a value that is JSON already, in the form of the route's schema but not dumped by it.

    For routes where the dump would take longer than the work; a test holds such an answer to its schema.
    """
    return make_response(current_app.json.response(value))


def _finished(result: Any) -> Response:
    """Make the response and give it the version of its subject, which is final once everything is flushed."""
    response = make_response(result)
    subject = g.pop("etag_subject", None)
    if subject is not None and response.status_code < 300:
        from portal.core.db import db
        from portal.core.unit_of_work import current

        if current() is not None:
            db.session.flush()
        response.set_etag(etag_of(subject))
        if request.method == "GET":
            response.make_conditional(request)
    return response


def _entry(
    view: View,
    *,
    audience: Audience,
    limit: str | None,
    writes: bool,
    takes_query: bool,
    takes_body: bool,
    takes_files: bool,
    if_match: bool,
) -> View:
    name = view.__name__

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        address = rate_limits.network_of(client_address())
        rate_limits.hit(rate_limits.DEFAULT_BY_ADDRESS, "address", address)
        actor = audience.admit()
        who = str(actor.id) if actor.id else address
        if writes:
            rate_limits.hit(rate_limits.DEFAULT_WRITES, "writes", who)
        if limit is not None:
            rate_limits.hit(limit, "route", request.endpoint or name, who)
        if not takes_files:
            request.max_content_length = parsing.MAX_JSON
        if not takes_query:
            parsing.refuse_any_query(parsing.current_request())
        if writes and not takes_body:
            parsing.refuse_any_body(parsing.current_request())
        if if_match and not request.headers.get("If-Match"):
            from portal.core.errors import PreconditionMissing

            raise PreconditionMissing
        return view(*args, **kwargs)

    wrapper.portal_audience = audience  # type: ignore[attr-defined]
    return wrapper


# What the documentation says of an answer that is no problem; the library would say it in English.
_SUCCESS = {200: "成功", 201: "成功，已经建立", 202: "已经收到，稍后办理", 204: "成功，没有内容"}
_ANSWER_HEADERS = {
    "X-Request-ID": {"description": "请求编号，反馈问题时请附上。", "schema": {"type": "string"}},
    "ETag": {
        "description": "可以修改的内容带有版本标识，修改时放入 If-Match。",
        "schema": {"type": "string"},
    },
}
_PREVIEW = {"description": "只是预览，没有保存", "headers": _ANSWER_HEADERS, "success": True}
_RETRY_AFTER = {
    "Retry-After": {"description": "多少秒后再试。", "schema": {"type": "integer"}},
}
_HEADER_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "幂等键：同一键和同一内容在 24 小时内只办理一次，重复提交得到原来的答复。",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}
_HEADER_MATCH = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "description": "读取时得到的 ETag；内容已被修改时答复 412。",
    "schema": {"type": "string", "minLength": 1},
}


def _document(
    entry: Any,
    method: str,
    rule: str,
    audience: Audience,
    keyed: bool,
    if_match: bool,
    problems: tuple[int, ...],
    body: SchemaClass | None,
    files: SchemaClass | None,
    form: SchemaClass | None,
) -> None:
    """Add to the OpenAPI operation what every route has: security, headers, and the problems it may answer with."""
    codes = {400, 422, 429, 503, *problems}
    if audience.kind != "public":
        codes.add(401)
    if audience.kind not in ("public", "anyone"):
        codes.add(403)
    if "<" in rule:
        codes.add(404)
    if method != "GET":
        codes |= {409, 413, 415}
    if if_match or keyed:
        # Also without If-Match: two people at one record at the same moment.
        codes.add(412)
    if if_match:
        codes.add(428)
    doc: dict[str, Any] = {
        "responses": {
            str(code): {
                "description": TITLES[code],
                "content": {CONTENT_TYPE: {"schema": ProblemSchema}},
                **({"headers": _RETRY_AFTER} if code in (429, 503) else {}),
            }
            for code in sorted(codes)
        },
        "x-audience": _audience_text(audience),
    }
    if audience.kind != "public":
        schemes: list[dict[str, list[str]]] = [{"bearer": []}]
        doc["security"] = [*schemes, {}] if audience.kind == "anyone" else schemes
    headers = ([_HEADER_KEY] if keyed else []) + ([_HEADER_MATCH] if if_match else [])
    entry._apidoc = dict(getattr(entry, "_apidoc", {}))
    if headers:
        arguments = dict(entry._apidoc.get("arguments", {}))
        arguments["parameters"] = [*arguments.get("parameters", []), *headers]
        entry._apidoc["arguments"] = arguments
    entry._apidoc["manual_doc"] = doc


def _name_operation(entry: Any, name: str) -> None:
    """Give the operation the name that generated clients call it by."""
    entry._apidoc["manual_doc"]["operationId"] = name.replace("-", "_")


def _audience_text(audience: Audience) -> str:
    texts = {
        "public": "公开",
        "anyone": "公开，登录后内容更全",
        "resident": "居民",
        "staff": "工作人员",
        "signed_in": "居民或工作人员",
    }
    suffix = f"（{'、'.join(sorted(audience.staff_roles))}）" if audience.staff_roles else ""
    return texts[audience.kind] + suffix


class Api(flask_smorest.Api):
    """flask-smorest's Api with the house's problems instead of its own error bodies."""

    # Every answer is documented by its status; a default would hide one that is not.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """Leave errors to `web.problems`."""

    def _register_doc_blueprint(self) -> None:
        """Leave the document to `web.documentation`."""

    def _register_responses(self) -> None:
        """Register none of the library's: their error body is not the house's."""

    def _register_pagination_header(self) -> None:
        """Register none: the house's pages are in the body."""


def create_api(app: Flask, *, title: str, version: str) -> Api:
    """Bind the OpenAPI document to the application."""
    app.config.update(API_TITLE=title, API_VERSION=version, OPENAPI_VERSION="3.1.0")
    api = Api()
    api.init_app(
        app,
        spec_kwargs={
            "info": {"description": API_DESCRIPTION},
            "components": {
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "登录后得到的令牌。居民和工作人员的令牌互不通用。",
                    }
                }
            },
        },
    )
    app.extensions["portal_api"] = api
    converter = api.ma_plugin.converter
    converter.add_attribute_function(_describe_choice)
    for field, kind, form in (
        (LocalDateTime, "string", "date-time"),
        (Label, "string", None),
    ):
        api.register_field(field, kind, form)
    return api


def api_of(app: Flask) -> Api:
    """Return the Api bound to `app`."""
    found: Api = app.extensions["portal_api"]
    return found


def _describe_choice(self: Any, field: Any, **_kwargs: Any) -> dict[str, Any]:
    if not isinstance(field, Choice):
        return {}
    described: dict[str, Any] = {"enum": [member.value for member in field.enum]}
    if field.allow_none:
        described["enum"].append(None)
    labels = "；".join(f"{m.value} {getattr(m, 'label', '')}".strip() for m in field.enum)
    return {**described, "description": labels}


def require_declared_audiences(app: Flask, exempt: frozenset[str] = frozenset()) -> None:
    """Stop the start of an application in which any route lacks an audience (closed by default)."""
    open_routes = [
        f"{rule.rule} ({rule.endpoint})"
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in exempt
        and not hasattr(
            inspect.unwrap(app.view_functions[rule.endpoint], stop=_has_audience), "portal_audience"
        )
    ]
    if open_routes:
        raise RuntimeError("routes without an audience: " + ", ".join(sorted(open_routes)))


def _has_audience(function: Any) -> bool:
    return hasattr(function, "portal_audience")


def refuse_fields(errors: dict[str, list[str]]) -> Invalid:
    """Build the refusal of single fields found wrong after parsing."""
    return Invalid(errors=errors)
