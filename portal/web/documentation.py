"""The OpenAPI document, and a page that shows it without any network."""

from __future__ import annotations

from flask import Flask, Response, json

from portal.web.blueprint import PUBLIC, Api


def init_app(app: Flask, api: Api) -> None:
    """Serve `/api/v1/openapi.json`."""

    def openapi() -> Response:
        return Response(
            json.dumps(api.spec.to_dict(), ensure_ascii=False), mimetype="application/json"
        )

    openapi.portal_audience = PUBLIC  # type: ignore[attr-defined]
    app.add_url_rule("/api/v1/openapi.json", "openapi", openapi)
