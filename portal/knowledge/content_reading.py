"""Reads a content file: text, YAML, entries. Every mistake is told in Chinese, by line or by entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import marshmallow as ma
import yaml

from portal.knowledge.content_schemas import messages_of


class BrokenFile(Exception):
    """A file that does not go in; each message names the entry and the reason."""

    def __init__(self, messages: list[str]) -> None:
        self.messages = messages
        super().__init__("; ".join(messages))


class _OurMistake(yaml.MarkedYAMLError):
    """A mistake that is told in our words."""


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that stands twice, where YAML would silently keep the last."""


def _unique_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if not isinstance(key, str):
            raise _OurMistake(problem="名称应当是文字", problem_mark=key_node.start_mark)
        if key in seen:
            raise _OurMistake(problem=f"“{key}”写了两次", problem_mark=key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def read(path: Path) -> str:
    """Return the text of a file; raises BrokenFile."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BrokenFile(["没有这个文件。"]) from None
    except UnicodeDecodeError as error:
        raise BrokenFile([f"不是 UTF-8 编码（第 {error.start} 个字节处）。"]) from None


def parse(source: str, first_line: int = 1) -> dict[str, Any]:
    """Return the mapping that YAML text holds; raises BrokenFile, naming the line."""
    try:
        # The loader is a SafeLoader: it builds plain values only.
        value = yaml.load(source, Loader=_UniqueKeyLoader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"第 {mark.line + first_line} 行：" if mark else ""
        # What the parser itself says is English and about tokens; ours is about the file.
        ours = isinstance(error, _OurMistake)
        reason = error.problem if ours else "请检查这一行和上一行的缩进、冒号、引号和括号"
        raise BrokenFile([f"{where}YAML 格式有误，{reason}。"]) from None
    except yaml.YAMLError:
        raise BrokenFile(["YAML 格式有误，含有不能出现的字符。"]) from None
    except ValueError:
        # What looks like a date or a number and is none: 2024-02-30.
        raise BrokenFile(["有一个日期或者数字不存在，请核对。"]) from None
    if not isinstance(value, dict):
        raise BrokenFile(["内容应当是“名称: 值”的形式。"])
    return value


def entries_of(items: Any, schema: ma.Schema, key: str) -> list[dict[str, Any]]:
    """Validate every entry of a file; raises BrokenFile with all messages, by entry."""
    if not isinstance(items, list) or not items:
        raise BrokenFile(["没有条目。"])
    loaded: list[dict[str, Any]] = []
    problems: list[str] = []
    seen: set[str] = set()
    for number, item in enumerate(items, start=1):
        name = item.get(key) if isinstance(item, dict) else None
        label = f"第 {number} 条" + (f"（{name}）" if isinstance(name, str) else "")
        try:
            entry = schema.load(item)
        except ma.ValidationError as error:
            problems += [f"{label}：{text}" for text in messages_of(error)]
            continue
        if entry[key] in seen:
            problems.append(f"{label}：编号“{entry[key]}”在本文件中重复。")
        seen.add(entry[key])
        loaded.append(entry)
    if problems:
        raise BrokenFile(problems)
    return loaded
