"""Routes for machines: outside the API's base path, its limits and its OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from portal.web.blueprint import Audience

View = TypeVar("View", bound=Callable[..., object])


def open_to(audience: Audience) -> Callable[[View], View]:
    """Declare the audience of a plain Flask view; without one the application does not start."""

    def mark(view: View) -> View:
        view.portal_audience = audience  # type: ignore[attr-defined]  # read by the start-up check
        return view

    return mark
