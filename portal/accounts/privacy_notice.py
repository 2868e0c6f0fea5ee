"""The notice before collection (个人信息保护法 17; rules 5.3): district data, versioned, served as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import structlog

from portal.config import settings
from portal.core.content_files import BrokenFile, named, parse, read

FILE = "privacy_notice.yaml"
_log = structlog.get_logger(__name__)
# Whatever else a notice has is served as it is.
NEEDED = ("version", "title", "summary", "sections", "effective_from")
# The file as it was last read, and when it had been changed.
_read: tuple[Path, int, dict[str, Any]] | None = None


def _load(path: Path) -> dict[str, Any]:
    """Return the file's content; raises BrokenFile when it is wrong."""
    with named(path.name):
        stated = parse(read(path))
        missing = [name for name in NEEDED if not stated.get(name)]
        if missing:
            raise BrokenFile([f"缺少 {'、'.join(missing)}。"])
    return stated


def _stored() -> dict[str, Any]:
    """Return the file's content, read again when it has changed; while it is wrong, what was read before."""
    global _read
    path = settings().content_dir / FILE
    changed = path.stat().st_mtime_ns if path.exists() else 0
    before = _read if _read is not None and _read[0] == path else None
    if before is not None and before[1] == changed:
        return before[2]
    try:
        stored = _load(path)
    except BrokenFile as error:
        if before is None:
            raise
        # Nobody could sign in: the notice in force is the one that was read.
        _log.error("privacy_notice_broken", advice=str(error))
        stored = before[2]
    _read = path, changed, stored
    return stored


def notice() -> dict[str, Any]:
    """Return the notice in force; raises BrokenFile when the district's file has been wrong from the start."""
    config = settings()
    fill = {"{district}": config.district_name, "{phone}": config.service_phone}
    filled: dict[str, Any] = _fill(_stored(), fill)
    return filled


def current_version() -> str:
    """Return the version of the notice in force."""
    return str(notice()["version"])


def _fill(node: Any, values: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _fill(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill(value, values) for value in node]
    if isinstance(node, str):
        for name, value in values.items():
            node = node.replace(name, value)
    return node
