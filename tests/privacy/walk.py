"""Calls every route that the OpenAPI document names, with a person's data in every place that takes text.

Nothing here knows a room: bodies, queries and files are built from the document, identifiers are picked up from the answers,
so that a route added tomorrow is walked tomorrow.
"""

from __future__ import annotations

import io
import json
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from flask import Flask
from flask.testing import FlaskClient

from portal.accounts.models import Resident, Role, StaffMember
from portal.core.db import db
from tests.attachments import samples
from tests.factories import people
from tests.privacy.people import Person

METHODS = ("get", "post", "put", "patch", "delete")
# What ends the session or the account comes last, so that the rest is walked signed in.
LATE = ("delete", "deletion", "deactivation", "withdrawal", "closure", "password", "reset")


@dataclass(frozen=True)
class Operation:
    """One route of the document."""

    method: str
    path: str
    spec: dict[str, Any]

    @property
    def audience(self) -> str:
        """Who may call it, in the document's words."""
        return str(self.spec.get("x-audience", ""))

    @property
    def is_late(self) -> bool:
        """True for what ends something."""
        return self.method == "delete" or any(word in self.path.split("/")[-1] for word in LATE)


@dataclass
class Walk:
    """One walk; counts what it did, so that a walk that saw nothing does not pass for a clean one."""

    app: Flask
    person: Person
    way: str = "plain"
    # True plants text where the document wants an id, a date, a number or one of several words.
    hostile: bool = False
    # False leaves the headers alone.
    headers: bool = True
    statuses: Counter[int] = field(default_factory=Counter)
    walked: set[tuple[str, str]] = field(default_factory=set)
    planted: int = 0
    _ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _resident: Resident | None = None
    _staff: StaffMember | None = None

    def __post_init__(self) -> None:
        self.client: FlaskClient = self.app.test_client()
        self.document = self.client.get("/api/v1/openapi.json").get_json()

    def operations(self) -> list[Operation]:
        """Every operation, those that end something last."""
        found = [
            Operation(method, path, spec)
            for path, operations in self.document["paths"].items()
            for method, spec in operations.items()
            if method in METHODS
        ]
        return sorted(found, key=lambda operation: operation.is_late)

    def run(self, with_body: int | None = None) -> Walk:
        """Call every route, or only so many of those that take a body."""
        wanted = self.operations()
        if with_body is not None:
            wanted = [one for one in wanted if "requestBody" in one.spec][:with_body]
        for operation in wanted:
            self.call(operation)
        return self

    def call(self, operation: Operation) -> None:
        """Call one operation as each kind of person who may."""
        for headers in self._callers(operation):
            path = self._path(operation)
            given: dict[str, Any] = {"headers": {**self._noise(), **headers}}
            given["query_string"] = self._query(operation)
            given |= self._body(operation)
            self._conditions(operation, path, given)
            response = self.client.open(path, method=operation.method.upper(), **given)
            self.statuses[response.status_code] += 1
            self.walked.add((operation.method, operation.path))
            self._remember(operation, response)

    def _callers(self, operation: Operation) -> Iterator[dict[str, str]]:
        if "居民" in operation.audience:
            yield people.resident_headers(self.client, self._living_resident())
        if "工作人员" in operation.audience:
            yield people.staff_headers(self.client, self._working_staff())
        if "公开" in operation.audience:
            yield {}

    def _living_resident(self) -> Resident:
        db.session.rollback()
        if self._resident is None or not db.session.get(Resident, self._resident.id).is_active:
            self._resident = people.make_resident(phone_number=self.person.phone)
        return self._resident

    def _working_staff(self) -> StaffMember:
        if self._staff is None:
            self._staff = people.make_staff(list(Role))
        return self._staff

    # --- what is sent ---

    def text(self, most: int = 2000) -> str:
        """The next planted text."""
        self.planted += 1
        return self.person.text(self.way, most, self.planted)

    def _noise(self) -> dict[str, str]:
        """Headers that clients and proxies send, each with something of the person in it."""
        if not self.headers:
            return {}
        written = self.person.ways()[self.way]

        def header(text: str) -> str:
            # The bytes of UTF-8, as a careless client sends them.
            return text.encode().decode("latin-1")

        request_id = written["id"] if self.planted % 2 else header(written["name"])
        return {
            "User-Agent": header(f"app/1.0 ({written['name']}; {written['phone']})"),
            "Referer": f"https://portal.example/?q={quote(self.text(200))}",
            "Accept-Language": header(written["name"]),
            "X-Forwarded-For": header(written["phone"]),
            "X-Request-ID": request_id,
            "X-Whatever": header(self.text(300)),
            "Cookie": f"name={quote(written['name'])}; phone={quote(written['phone'])}",
        }

    def _path(self, operation: Operation) -> str:
        def fill(match: re.Match[str]) -> str:
            prefix = operation.path[: match.start()].rstrip("/")
            if self.hostile:
                return quote(self.text(60), safe="")
            if match[1] == "year":
                return "2026"
            known = self._ids[prefix] or self._ids[prefix.replace("/staff", "")]
            return known[-1] if known else str(uuid.uuid4())

        return re.sub(r"\{(\w+)\}", fill, operation.path)

    def _query(self, operation: Operation) -> dict[str, Any]:
        values = {
            parameter["name"]: self.value(parameter["schema"], parameter["name"])
            for parameter in operation.spec.get("parameters", [])
            if parameter["in"] == "query" and (self.hostile or parameter["name"] != "cursor")
        }
        if self.hostile:
            values[self.text(40)] = self.text(100)
        return {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in values.items()
        }

    def _body(self, operation: Operation) -> dict[str, Any]:
        content = operation.spec.get("requestBody", {}).get("content", {})
        if "multipart/form-data" in content:
            name = f"{self.text(60)}.png".replace('"', "")
            data: dict[str, Any] = {"file": (io.BytesIO(samples.png()), name, "image/png")}
            if self.hostile:
                data[self.text(40)] = self.text()
            return {"data": data, "content_type": "multipart/form-data"}
        if "application/json" not in content:
            return {}
        value = self.value(content["application/json"]["schema"], "body")
        if self.hostile and isinstance(value, dict):
            value[self.text(40)] = self.text()
        return {"json": value}

    def _conditions(self, operation: Operation, path: str, given: dict[str, Any]) -> None:
        names = {
            parameter["name"]
            for parameter in operation.spec.get("parameters", [])
            if parameter["in"] == "header"
        }
        headers = given["headers"]
        if "Idempotency-Key" in names:
            person = self.person.id_number if self.headers else "key"
            headers["Idempotency-Key"] = f"{person}-{uuid.uuid4()}"
        if "If-Match" in names:
            seen = self.client.get(path, headers=headers).headers.get("ETag")
            headers["If-Match"] = (
                seen if seen and not self.hostile else f'"{self.person.id_number}"'
            )

    def value(self, schema: dict[str, Any], name: str, depth: int = 0) -> Any:
        """Return a value for a schema of the document, with planted text wherever text goes."""
        schema = self._resolved(schema)
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next(one for one in kind if one != "null")
        if kind == "object" or "properties" in schema:
            return {
                key: self.value(inner, key, depth + 1)
                for key, inner in schema.get("properties", {}).items()
                if depth < 6 and not self._resolved(inner).get("readOnly")
            }
        if kind == "array":
            count = max(1, schema.get("minItems", 1))
            return [self.value(schema.get("items", {}), name, depth + 1) for _ in range(count)]
        if self.hostile:
            return self.text()
        if schema.get("enum"):
            return next(one for one in schema["enum"] if one is not None)
        if kind in ("integer", "number"):
            return max(1, schema.get("minimum", 1))
        if kind == "boolean":
            return True
        return self._string(schema, name)

    def _string(self, schema: dict[str, Any], name: str) -> str:
        form = schema.get("format")
        if form == "uuid":
            known = self._ids_for(name)
            return known[-1] if known else str(uuid.uuid4())
        if form == "date":
            return "2026-03-05"
        if form == "date-time":
            return "2026-03-05T09:00:00+08:00"
        self.planted += 1
        written = self.person.ways()[self.way]
        if "phone" in name:
            return written["phone"]
        if "number" in name:
            return written["id"]
        if name.endswith("name"):
            return written["name"]
        return self.person.text(self.way, schema.get("maxLength", 2000), self.planted)

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while True:
            if "$ref" in schema:
                schema = self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
                continue
            several = schema.get("allOf") or schema.get("anyOf") or schema.get("oneOf")
            if not several:
                return schema
            schema = next(one for one in several if one.get("type") != "null")

    # --- what comes back ---

    def _ids_for(self, name: str) -> list[str]:
        stem = re.sub(r"_ids?$", "", name)
        return next(
            (
                found
                for path, found in self._ids.items()
                if found and path.rsplit("/", 1)[-1].startswith(stem)
            ),
            [],
        )

    def _remember(self, operation: Operation, response: Any) -> None:
        if response.status_code >= 300 or not response.is_json:
            return
        answer = response.get_json()
        items = answer.get("items", [answer]) if isinstance(answer, dict) else answer
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict) and isinstance(item.get("id"), str):
                self._ids[operation.path.split("/{")[0].rstrip("/")].append(item["id"])


def broken_bodies(person: Person) -> list[tuple[bytes, str]]:
    """Bodies that no parser takes, with the person inside, and their content types."""
    whole = json.dumps(person.ways()["plain"], ensure_ascii=False)
    return [
        (whole[:-1].encode(), "application/json"),
        (whole.encode("gb18030"), "application/json"),
        (whole.encode(), f"text/{person.id_number}"),
        (whole.encode(), "multipart/form-data; boundary=b"),
        (f"--b\r\n{whole}".encode(), "multipart/form-data; boundary=b"),
        (("[" * 5000 + whole).encode(), "application/json"),
        (f"name={quote(person.name)}".encode(), "application/x-www-form-urlencoded"),
    ]
