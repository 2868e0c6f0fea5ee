"""The whole document is put to the test by made-up requests, good and bad, as each kind of caller.

Bounded and with a fixed seed: the same requests every time. All of the tool's checks hold; what a schema cannot say (a wrong
code, a number whose check character is wrong, an article that does not exist) may be answered with 422.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.transport.wsgi import WSGITransport

from portal.accounts.models import Role
from portal.accounts.operations import sessions
from portal.core.db import db
from portal.knowledge import index, operations, starter
from tests.factories.people import make_resident, make_staff, resident_headers, staff_headers
from tests.knowledge.conftest import write_content, write_package
from tests.support import postgres_server

SEED = 20260302
EXAMPLES = 2
DOCUMENT = "/api/v1/openapi.json"
# A refusal that the document announces. 422 is among them, because a schema cannot say that a code is the right one.
ACCEPTED = ["2xx", "401", "403", "404", "409", "410", "412", "422", "429"]
FOREIGN = {"resident": "工作人员", "staff": "居民"}
# Whoever is not signed in reads what the others read too, and is refused all else before the database is asked: once will do.
CALLERS = ["resident", "staff"] if postgres_server() else ["anonymous", "resident", "staff"]
Headers = dict[str, str]


class Caller:
    """Signs the requests, and in anew when one of them has ended its own session or account."""

    def __init__(self, app: Flask, kind: str) -> None:
        self.app, self.kind = app, kind
        self.headers: Headers | None = None

    def get(self, _case: Any, _context: Any) -> Headers:
        """Return the headers of a session that is good."""
        with self.app.app_context():
            try:
                if self.headers is None or not sessions.authenticate(
                    self.headers["Authorization"][7:]
                ):
                    self.headers = self._sign_in()
                return self.headers
            finally:
                db.session.remove()

    def _sign_in(self) -> Headers:
        if self.kind == "resident":
            return resident_headers(resident=make_resident(real_name="测试居民"))
        return staff_headers(staff=make_staff(roles=[role.value for role in Role]))

    def set(self, case: Any, data: Headers, _context: Any) -> None:
        """Sign a request."""
        case.headers.update(data)


@dataclass
class Outcome:
    """What a run saw."""

    operations: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, event: Any) -> None:
        """Take in one event of the engine."""
        if isinstance(event, events.NonFatalError):
            self.failures.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            self.failures.append(repr(event.exception))
        elif isinstance(event, events.ScenarioFinished):
            self.operations.add(event.recorder.label)
            for interaction in event.recorder.interactions.values():
                if interaction.response is not None:
                    self.statuses[interaction.response.status_code] += 1
            for checks in event.recorder.checks.values():
                self.failures += [
                    f"{event.recorder.label} {check.name}: {check.failure_info.failure.title}: "
                    f"{check.failure_info.failure.message}\n{check.failure_info.code_sample}"
                    for check in checks
                    if check.status is Status.FAILURE and check.failure_info is not None
                ]


@pytest.fixture
def served(
    app: Flask, database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    """The application with a small law and its index, without limits, and with a quiet log."""
    settings = app.extensions["portal_settings"]
    content = tmp_path / "content"
    unwanted = shutil.ignore_patterns("faq", "guides")
    shutil.copytree(settings.content_dir, content, ignore=unwanted)
    changed = replace(settings, content_dir=write_content(content))
    monkeypatch.setitem(app.extensions, "portal_settings", changed)
    package = write_package(tmp_path / "laws.db")
    monkeypatch.setattr(starter, "data_file", lambda: package)
    monkeypatch.setitem(app.config, "RATE_LIMITS", False)
    operations.import_starter()
    operations.load_content()
    operations.ensure_index()
    db.session.remove()
    # A probe passes on what only the transport over a network knows.
    send, network = WSGITransport.send, ("max_redirects", "verify", "cert", "proxies")
    monkeypatch.setattr(
        WSGITransport,
        "send",
        lambda self, case, **kwargs: send(
            self, case, **{name: kwargs[name] for name in kwargs if name not in network}
        ),
    )
    logging.disable(logging.ERROR)
    yield app
    logging.disable(logging.NOTSET)
    shutil.rmtree(settings.index_dir, ignore_errors=True)
    index.forget_readers()


def audience_of(operation: Any) -> str:
    """Return who an operation is for, without the roles."""
    return str(operation["x-audience"]).partition("（")[0]


def run(app: Flask, kind: str) -> Outcome:
    config = SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "generation": {"max-examples": EXAMPLES, "deterministic": True, "no-shrink": True},
            # The stateful phase follows links between operations, which the document does not have.
            "phases": {"stateful": {"enabled": False}},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": ACCEPTED},
                # RFC 6585: the very status for a missing If-Match.
                "missing_required_header": {
                    "expected-statuses": ["400", "401", "403", "422", "428"]
                },
            },
            "operations": [
                {
                    # That a file is an image is more than a schema of bytes can say.
                    "include-path": "/api/v1/attachments",
                    "checks": {
                        "positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "413", "415"]}
                    },
                }
            ],
        }
    )
    schema = schemathesis.openapi.from_wsgi(DOCUMENT, app, config=config)
    if kind != "anonymous":

        class Signed(Caller):
            def __init__(self) -> None:
                super().__init__(app, kind)

        schema.auth(refresh_interval=None)(Signed)
        # What the other kind alone may do is refused on one line (tests/architecture walks it).
        foreign = FOREIGN[kind]
        schema = schema.exclude(
            lambda context: audience_of(context.operation.definition.raw) == foreign
        )
    outcome = Outcome()
    for event in from_schema(schema).execute():
        outcome.add(event)
    return outcome


@pytest.mark.parametrize("kind", CALLERS)
def test_every_operation_keeps_its_word(served: Flask, kind: str) -> None:
    outcome = run(served, kind)
    document = served.test_client().get(DOCUMENT).json
    documented = {
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post", "put", "patch", "delete")
        and audience_of(operation) != FOREIGN.get(kind)
    }
    assert outcome.operations >= documented
    assert outcome.failures == []
    # The run is worth something only if requests got through.
    assert outcome.statuses[200] > 50
