"""The OpenAPI document, and pages for people that work without any network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask_swagger_ui
from flask import Flask, Response, json
from markupsafe import Markup, escape

from portal.core import workflow
from portal.core.errors import NotFound
from portal.web.blueprint import API_DESCRIPTION, PUBLIC, Api

PREFIX = "/api/v1"
DOCUMENT = f"{PREFIX}/openapi.json"
PAGE = f"{PREFIX}/docs"
WORKFLOWS = f"{PREFIX}/docs/workflows"

# Nothing from elsewhere, nothing inline. Swagger UI keeps its icons as data: images in its style sheet.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SWAGGER = Path(flask_swagger_ui.__file__).parent / "dist"
_OWN = Path(__file__).parent / "assets"
ASSETS = {
    "swagger-ui.css": (_SWAGGER, "text/css"),
    "swagger-ui-bundle.js": (_SWAGGER, "text/javascript"),
    "favicon-32x32.png": (_SWAGGER, "image/png"),
    "docs.css": (_OWN, "text/css"),
    "docs.js": (_OWN, "text/javascript"),
}

_HTML = Markup(
    """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" type="image/png" href="{page}/assets/favicon-32x32.png">
{head}
<link rel="stylesheet" href="{page}/assets/docs.css">
</head>
<body>
<header class="portal-head"><a href="{page}"{on_page}>接口说明</a>
<a href="{workflows}"{on_workflows}>办事流程</a> <a href="{document}">接口文件</a></header>
{body}
</body>
</html>
"""
)


def init_app(app: Flask, api: Api) -> None:
    """Serve the document, the page that shows it, and the page of workflows."""

    def openapi() -> Response:
        return Response(
            json.dumps(api.spec.to_dict(), ensure_ascii=False), mimetype="application/json"
        )

    def page() -> Response:
        return _page(api.spec.title, PAGE, _SWAGGER_HEAD, _SWAGGER_BODY)

    def workflows() -> Response:
        return _page("办事流程", WORKFLOWS, Markup(""), _workflows())

    views: list[tuple[str, str, Callable[..., Response]]] = [
        (DOCUMENT, "openapi", openapi),
        (PAGE, "docs", page),
        (WORKFLOWS, "docs_workflows", workflows),
        (f"{PAGE}/assets/<name>", "docs_asset", _asset),
    ]
    for rule, endpoint, view in views:
        view.portal_audience = PUBLIC  # type: ignore[attr-defined]  # read by the start-up check
        app.add_url_rule(rule, endpoint, view)


_SWAGGER_HEAD = Markup('<link rel="stylesheet" href="{page}/assets/swagger-ui.css">').format(
    page=PAGE
)
_SWAGGER_BODY = Markup(
    '<main id="swagger-ui" data-document="{document}"></main>'
    '<script src="{page}/assets/swagger-ui-bundle.js"></script>'
    '<script src="{page}/assets/docs.js"></script>'
    '<noscript><p>{description}浏览需要启用 JavaScript；也可以直接下载<a href="{document}">接口文件</a>。</p></noscript>'
).format(page=PAGE, document=DOCUMENT, description=API_DESCRIPTION)


def _page(title: str, path: str, head: Markup, body: Markup) -> Response:
    current = Markup(' aria-current="page"')
    html = _HTML.format(
        title=title,
        page=PAGE,
        workflows=WORKFLOWS,
        document=DOCUMENT,
        head=head,
        body=body,
        on_page=current if path == PAGE else "",
        on_workflows=current if path == WORKFLOWS else "",
    )
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _asset(name: str) -> Response:
    if name not in ASSETS:
        raise NotFound
    folder, kind = ASSETS[name]
    response = Response((folder / name).read_bytes(), mimetype=kind)
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


def _workflows() -> Markup:
    sections = [_workflow(known) for known in workflow.known()]
    if not sections:
        sections = [Markup("<p>还没有登记任何流程。</p>")]
    return Markup('<main class="portal-main"><h1>办事流程</h1>{}</main>').format(
        Markup("\n").join(sections)
    )


def _workflow(known: workflow.Workflow[Any]) -> Markup:
    rows = Markup("\n").join(
        Markup(
            "<tr><td>{}</td><td>{} <code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>"
        ).format(
            "、".join(state.label for state in known.states if state in row.sources),
            row.label,
            row.action,
            row.target.label,
            row.who,
            row.rule,
        )
        for row in known.table
    )
    return Markup(
        '<section id="{name}"><h2>{label}</h2><table><thead><tr><th>从</th><th>操作</th><th>到</th>'
        "<th>由谁</th><th>依据</th></tr></thead><tbody>{rows}</tbody></table>"
        "<h3>状态图（Mermaid）</h3><pre>{diagram}</pre></section>"
    ).format(name=known.name, label=known.label, rows=rows, diagram=escape(known.as_mermaid()))
