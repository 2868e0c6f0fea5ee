"""How answers become JSON: as UTF-8, in the order they were made, by orjson."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response
from flask.json.provider import DefaultJSONProvider


class Provider(DefaultJSONProvider):
    """Flask's provider with orjson in front; what orjson refuses the standard library still writes."""

    sort_keys = False
    ensure_ascii = True

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return `obj` as JSON text."""
        return super().dumps(obj, **kwargs) if kwargs else self._encoded(obj).decode()

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return an answer with the one positional value, or with the keywords as an object."""
        return Response(
            self._encoded(self._prepare_response_obj(args, kwargs)), mimetype=self.mimetype
        )

    def _encoded(self, obj: Any) -> bytes:
        try:
            return orjson.dumps(obj, default=self.default)
        except TypeError:
            # A lone surrogate, a whole number beyond 64 bits, a key that is no text.
            return super().dumps(obj).encode("ascii")
