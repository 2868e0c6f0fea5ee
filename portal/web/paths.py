"""Addresses: what a path parameter may be. Anything else is an address that does not exist (404)."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import BaseConverter, IntegerConverter

# Numbers between bounds are few and stand in the pattern one by one.
MOST_BETWEEN_BOUNDS = 1000


class Number(IntegerConverter):
    """A whole number that a database column can hold; a longer one would fail inside the driver.

    A route may set both `min` and `max`, as for a year. The pattern and not `max` sets the bound: where another method shares
    the address, werkzeug answers 405 for a value that its pattern admits and its bound refuses.
    """

    regex = "[0-9]{1,9}"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.min is not None and self.max is not None:
            if self.max - self.min >= MOST_BETWEEN_BOUNDS:
                raise ValueError(f"more than {MOST_BETWEEN_BOUNDS} numbers between the bounds")
            self.regex = "|".join(str(number) for number in range(self.min, self.max + 1))
        elif self.min is not None or self.max is not None:
            raise ValueError("a number has both bounds or neither")
        else:
            self.max = 10**9 - 1


class Text(BaseConverter):
    """One segment without control characters (PostgreSQL stores no NUL) and of sensible length."""

    regex = "[^/\\x00-\\x1f\\x7f\ufffd]{1,200}"


def init_app(app: Flask) -> None:
    """Replace the converters, and answer a doubled or missing slash with 404 instead of a redirect."""
    app.url_map.converters.update(int=Number, string=Text, default=Text)
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
