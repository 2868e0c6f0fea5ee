"""marshmallow's messages as the house tells them: by the name of the field."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

MAX_ERRORS = 50


def flatten(messages: Any, path: str = "", *, numbered: bool = True) -> dict[str, list[str]]:
    """Turn marshmallow's nested messages into `{"items.0.name": [...]}`, at most MAX_ERRORS entries.

    Not `numbered`, the members of a list bear the list's name: in a query string the name is repeated.
    """
    result: dict[str, list[str]] = {}

    def walk(node: Any, where: str) -> None:
        if len(result) >= MAX_ERRORS:
            return
        if isinstance(node, dict):
            for name, inner in node.items():
                unnamed = name == "_schema" or (not numbered and isinstance(name, int))
                label = "" if unnamed else str(name)[:80]
                walk(inner, ".".join(part for part in (where, label) if part))
        else:
            texts = node if isinstance(node, list) else [node]
            told = result.setdefault(where or "_", [])
            told += [str(text) for text in texts if str(text) not in told]

    walk(messages, path)
    return result


def messages_of(error: ma.ValidationError) -> list[str]:
    """Return marshmallow's messages as sentences that begin with the name of the field."""
    found = flatten(error.normalized_messages())
    return [
        # What is wrong in a mapping of free names is told as that of its "key" or "value", by names of marshmallow's own.
        f"{name.removesuffix('.key').removesuffix('.value')}：{text}" if name != "_" else text
        for name, texts in found.items()
        for text in texts
    ]
