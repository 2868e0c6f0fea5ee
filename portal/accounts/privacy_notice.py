"""The notice before collection (个人信息保护法 17; rules 5.3): district data, versioned, served as it is."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

from portal.config import settings

FILE = "privacy_notice.yaml"


@functools.lru_cache(maxsize=4)
def _load(path: Path, _modified: int) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    missing = {"version", "title", "summary", "sections", "effective_from"} - set(data)
    if missing:
        raise ValueError(f"{path.name}: missing {sorted(missing)}")
    return data


def notice() -> dict[str, Any]:
    """Return the notice in force; raises ValueError when the district's file is incomplete."""
    config = settings()
    path = config.content_dir / FILE
    stored = _load(path, path.stat().st_mtime_ns)
    fill = {"{district}": config.district_name, "{phone}": config.service_phone}
    filled: dict[str, Any] = _fill(stored, fill)
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
