"""Walks every route: who may call it, that the others really are refused, and that the document says so."""

from __future__ import annotations

import inspect
import re
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule, UUIDConverter

from portal.accounts.models import Role
from portal.app import API_PREFIX
from portal.web.blueprint import Audience
from portal.web.paths import Number
from portal.web.problems import CONTENT_TYPE
from tests.factories.people import make_staff, resident_headers, staff_headers

# Pages and files for people and machines, not operations of the interface.
UNDOCUMENTED = {"openapi", "docs", "docs_workflows", "docs_asset"}
DEAD = {"Authorization": "Bearer no-such-token-was-ever-given"}
HAN = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Route:
    """A method of a rule and who may call it."""

    rule: Rule
    method: str
    audience: Audience

    @property
    def name(self) -> str:
        """What a failure is told by."""
        return f"{self.method} {self.rule.rule}"

    @property
    def template(self) -> str:
        """The path as the document writes it."""
        return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", self.rule.rule)

    @property
    def path(self) -> str:
        """A path of the rule that leads to nothing."""

        def value(found: re.Match[str]) -> str:
            converter = self.rule._converters[found[1]]
            if isinstance(converter, Number):
                return str(converter.min or 1)
            return str(uuid.uuid4()) if isinstance(converter, UUIDConverter) else "x"

        return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", value, self.rule.rule)


def audience_of(view: Any) -> Audience:
    marked = inspect.unwrap(view, stop=lambda function: hasattr(function, "portal_audience"))
    found: Audience = marked.portal_audience
    return found


def routes_of(app: Flask) -> list[Route]:
    return [
        Route(rule, method, audience_of(app.view_functions[rule.endpoint]))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


@pytest.fixture
def unlimited(app: Flask, database: None, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client without rate limits: a walk is faster than any person."""
    monkeypatch.setitem(app.config, "RATE_LIMITS", False)
    return app.test_client()


def expect(client: FlaskClient, route: Route, headers: dict[str, str], status: int) -> str | None:
    """Send a request and return what is wrong with the answer, or None."""
    answer = client.open(route.path, method=route.method, headers=headers)
    if answer.status_code != status:
        return f"{route.name}: {answer.status_code} instead of {status}"
    if answer.headers["Content-Type"] != CONTENT_TYPE or not HAN.search(answer.json["detail"]):
        return f"{route.name}: not a problem in Chinese"
    return None


def test_every_route_has_an_audience(app: Flask) -> None:
    routes = routes_of(app)
    assert len(routes) > 80
    known = {"public", "anyone", "resident", "staff", "signed_in"}
    assert {route.audience.kind for route in routes} <= known
    roles = {role.value for role in Role}
    misspelt = [r.name for r in routes if not r.audience.staff_roles <= roles]
    assert misspelt == []


def test_without_a_token_nothing_closed_opens(app: Flask, unlimited: FlaskClient) -> None:
    closed = [r for r in routes_of(app) if r.audience.kind not in ("public", "anyone")]
    assert len(closed) > 50
    wrong = [expect(unlimited, route, {}, 401) for route in closed]
    assert [text for text in wrong if text] == []


def test_a_dead_token_opens_nothing_that_looks_at_tokens(
    app: Flask, unlimited: FlaskClient
) -> None:
    looking = [r for r in routes_of(app) if r.audience.kind != "public"]
    wrong = [expect(unlimited, route, DEAD, 401) for route in looking]
    assert [text for text in wrong if text] == []


def test_a_dead_token_closes_nothing_public(app: Flask, unlimited: FlaskClient) -> None:
    public = [r for r in routes_of(app) if r.audience.kind == "public"]
    assert public
    for route in public:
        answer = unlimited.open(route.path, method=route.method, headers=DEAD)
        assert answer.status_code not in (401, 403), route.name


def test_a_token_of_the_wrong_kind_is_refused(app: Flask, unlimited: FlaskClient) -> None:
    resident = resident_headers()
    staff = staff_headers(roles=[role.value for role in Role])
    wrong = []
    for route in routes_of(app):
        if route.audience.kind == "resident":
            wrong.append(expect(unlimited, route, staff, 403))
        elif route.audience.kind == "staff":
            wrong.append(expect(unlimited, route, resident, 403))
    assert len(wrong) > 50
    assert [text for text in wrong if text] == []


def test_staff_without_the_role_are_refused(app: Flask, unlimited: FlaskClient) -> None:
    headers = {role.value: staff_headers(roles=[role.value]) for role in Role}
    none = staff_headers(staff=make_staff(roles=[]))
    wrong, walked = [], 0
    for route in routes_of(app):
        if not route.audience.staff_roles:
            continue
        walked += 1
        others = [headers[role] for role in headers if role not in route.audience.staff_roles]
        wrong += [expect(unlimited, route, other, 403) for other in [none, *others]]
    assert walked > 20
    assert [text for text in wrong if text] == []


def test_those_who_may_are_let_in(app: Flask, unlimited: FlaskClient) -> None:
    """Signing out would end the session, so each request brings one of its own."""
    refused = []
    for route in routes_of(app):
        if route.method != "GET" or route.audience.kind in ("public", "anyone"):
            continue
        headers = (
            resident_headers()
            if route.audience.kind == "resident"
            else staff_headers(roles=[role.value for role in Role])
        )
        answer = unlimited.open(route.path, method=route.method, headers=headers)
        if answer.status_code in (401, 403, 500):
            refused.append(f"{route.name}: {answer.status_code} {answer.json}")
    assert refused == []


def test_no_rule_ends_with_a_slash_or_lies_outside(app: Flask) -> None:
    outside = {"/healthz", "/readyz", "/metrics"}
    for rule in app.url_map.iter_rules():
        assert not rule.rule.endswith("/"), rule.rule
        assert rule.rule.startswith(f"{API_PREFIX}/") or rule.rule in outside, rule.rule
        for_staff = audience_of(app.view_functions[rule.endpoint]).kind == "staff"
        under_staff = rule.rule.startswith(f"{API_PREFIX}/staff/")
        # Signing in is the one thing under /staff that must be open.
        signs_in = rule.rule.startswith(f"{API_PREFIX}/staff/auth/")
        assert for_staff == under_staff or signs_in, rule.rule


class TestDocument:
    """The OpenAPI document tells what the routes do."""

    @pytest.fixture
    def document(self, app: Flask) -> dict[str, Any]:
        """The document as it is served."""
        found: dict[str, Any] = app.test_client().get(f"{API_PREFIX}/openapi.json").json
        return found

    def test_every_route_of_the_interface_is_in_it(
        self, app: Flask, document: dict[str, Any]
    ) -> None:
        told = {
            f"{method.upper()} {path}"
            for path, item in document["paths"].items()
            for method in item
            if method != "parameters"
        }
        served = {
            f"{route.method} {route.template}"
            for route in routes_of(app)
            if route.rule.rule.startswith(API_PREFIX) and route.rule.endpoint not in UNDOCUMENTED
        }
        assert told == served

    def test_every_operation_tells_its_problems(self, app: Flask, document: dict[str, Any]) -> None:
        for route in routes_of(app):
            if not route.rule.rule.startswith(API_PREFIX) or route.rule.endpoint in UNDOCUMENTED:
                continue
            operation = document["paths"][route.template][route.method.lower()]
            told = {int(code) for code in operation["responses"] if code.isdigit()}
            due = {400, 422, 429, 503}
            if route.audience.kind != "public":
                due.add(401)
                assert operation["security"], route.name
            if route.audience.kind not in ("public", "anyone"):
                due.add(403)
            if "{" in route.template:
                due.add(404)
            if route.method != "GET":
                due |= {409, 413, 415}
            headers = {p["name"] for p in operation.get("parameters", []) if p["in"] == "header"}
            if "If-Match" in headers:
                due |= {412, 428}
            if "Idempotency-Key" in headers:
                # Of two who write to one record at the same moment one is refused.
                due.add(412)
            assert told >= due, route.name
            assert any(200 <= code < 300 for code in told), route.name
            for code, response in operation["responses"].items():
                if int(code) >= 400:
                    assert list(response["content"]) == [CONTENT_TYPE], (route.name, code)
                    assert HAN.search(response["description"]), (route.name, code)

    def test_every_operation_speaks_chinese(self, document: dict[str, Any]) -> None:
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if method == "parameters":
                    continue
                assert HAN.search(operation.get("summary", "")), f"{method} {path}"
                assert HAN.search(operation["x-audience"]), f"{method} {path}"
                for code, response in operation["responses"].items():
                    assert HAN.search(response["description"]), f"{method} {path} {code}"

    def test_where_something_may_be_missing_its_label_may_be_too(
        self, document: dict[str, Any]
    ) -> None:
        beside = {"refusal_label": "refusal_ground", "termination_label": "termination_ground"}
        missing = {
            (name, label)
            for name, schema in document["components"]["schemas"].items()
            for label, told in schema.get("properties", {}).items()
            if label.endswith("_label") and "null" not in told["type"]
            for of in [schema["properties"].get(beside.get(label, label.removesuffix("_label")))]
            if of is not None and ("null" in of.get("type", []) or None in of.get("enum", []))
        }
        assert not missing

    def test_no_other_error_or_page_than_the_houses_is_in_it(
        self, document: dict[str, Any]
    ) -> None:
        assert not {"Error", "PaginationMetadata"} & set(document["components"]["schemas"])

    def test_writes_that_create_or_move_take_an_idempotency_key(
        self, app: Flask, document: dict[str, Any]
    ) -> None:
        without = []
        for route in routes_of(app):
            if route.method != "POST" or not route.rule.rule.startswith(API_PREFIX):
                continue
            operation = document["paths"][route.template]["post"]
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            if "Idempotency-Key" not in names:
                without.append(route.template.removeprefix(API_PREFIX))
        assert sorted(without) == sorted(WITHOUT_KEY)

    def test_staff_decisions_and_edits_demand_the_version_seen(
        self, app: Flask, document: dict[str, Any]
    ) -> None:
        for route in routes_of(app):
            if route.method != "PATCH":
                continue
            operation = document["paths"][route.template]["patch"]
            required = {p["name"] for p in operation["parameters"] if p.get("required")}
            assert "If-Match" in required, route.name


# What a repeated request may do again, each with its reason.
SECRET = "the answer shows a secret once, which must not be stored to be shown again"
COMMITS = "commits a failed attempt before it refuses, so it has no transaction of its own to keep a key in"
READS = "changes nothing"
WITHOUT_KEY = {
    "/auth/sms-codes": COMMITS,
    "/auth/tokens": SECRET,
    "/auth/tokens/rotation": SECRET,
    "/auth/tokens/switch": SECRET,
    "/me/phone-change": COMMITS,
    "/notary/calendar-feed": SECRET,
    "/staff/auth/tokens": SECRET,
    "/staff/auth/setup": SECRET,
    "/staff/auth/tokens/rotation": SECRET,
    "/staff/auth/password": COMMITS,
    "/staff/accounts": SECRET,
    "/staff/accounts/{staff_id}/reset": SECRET,
    "/citations/check": READS,
    "/consultations/matches": READS,
}
