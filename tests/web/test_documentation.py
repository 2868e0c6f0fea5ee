"""The documentation works without a network and under a policy that allows nothing from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.core import workflow
from portal.core.workflow import Transition, Workflow
from portal.web.documentation import ASSETS
from tests.core.tables import Colour


class Page(HTMLParser):
    """What a browser would load, run and show."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []
        self.title = ""
        self._in: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._in.append(tag)
        for name in ("src", "href"):
            if values.get(name):
                self.loads.append(str(values[name]))
        self.inline += [name for name in values if name.startswith("on") or name == "style"]
        if tag == "style":
            self.inline.append("style")

    def handle_endtag(self, tag: str) -> None:
        while self._in and self._in.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._in[-1:] == ["title"]:
            self.title += data
        if self._in[-1:] == ["script"] and data.strip():
            self.inline.append("script")


@pytest.fixture
def pages(app: Flask) -> FlaskClient:
    """A client that needs no database."""
    return app.test_client()


@pytest.mark.parametrize("path", ["/api/v1/docs", "/api/v1/docs/workflows"])
def test_a_page_loads_only_what_the_portal_serves(pages: FlaskClient, path: str) -> None:
    answer = pages.get(path)
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    page = Page(answer.text)
    assert re.search("[\u4e00-\u9fff]", page.title)
    assert page.inline == []
    assert page.loads
    for address in page.loads:
        assert address.startswith("/api/v1/"), address
        found = pages.get(address)
        assert found.status_code == 200, address
        assert found.data
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_shows_our_document(pages: FlaskClient) -> None:
    text = pages.get("/api/v1/docs").text
    assert 'data-document="/api/v1/openapi.json"' in text
    document = pages.get("/api/v1/openapi.json").json
    assert document["openapi"] == "3.1.0"
    assert re.search("[\u4e00-\u9fff]", document["info"]["title"])


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_every_file_has_its_type(pages: FlaskClient, name: str) -> None:
    answer = pages.get(f"/api/v1/docs/assets/{name}")
    assert answer.mimetype == ASSETS[name][1]
    assert "max-age" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    "name", ["nothing.js", "..", "%2e%2e%2fdocs.js", "..%2f..%2f__init__.py", "VERSION"]
)
def test_no_other_file_is_served(pages: FlaskClient, name: str) -> None:
    assert pages.get(f"/api/v1/docs/assets/{name}").status_code == 404


def test_each_workflow_is_a_table_and_a_diagram(
    pages: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "_known", {})
    assert "还没有登记任何流程" in pages.get("/api/v1/docs/workflows").text
    sources = frozenset({Colour.BLUE, Colour.RED})
    Workflow(
        "test_shown",
        "<信号灯>",
        Colour,
        [Transition("go", "放行", sources, Colour.GREEN, "系统", lambda a, s: True, "LA-D1")],
    )
    text = pages.get("/api/v1/docs/workflows").text
    assert "&lt;信号灯&gt;" in text
    assert (
        "<td>红、蓝</td><td>放行 <code>go</code></td><td>绿</td><td>系统</td><td>LA-D1</td>" in text
    )
    assert "red --&gt; green: 放行" in text
