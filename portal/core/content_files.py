"""Reads the files that a district edits: text, YAML, entries. Every mistake is told in Chinese, by line or by entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import marshmallow as ma
import yaml

from portal.core.field_errors import messages_of


class BrokenFile(Exception):
    """A file that cannot be used; each message names the place and the reason.

    `file` is its name as the editor knows it, and may be left to whoever names it (`named`, `of`).
    """

    def __init__(self, messages: Iterable[str], file: str = "") -> None:
        self.messages = list(messages)
        self.file = file
        super().__init__("\n".join(self.sentences))

    @property
    def sentences(self) -> list[str]:
        """The messages, each with the name of the file."""
        return [f"{self.file}：{message}" if self.file else message for message in self.messages]

    def of(self, file: str) -> BrokenFile:
        """Return the same mistakes under the name of their file."""
        return BrokenFile(self.messages, file)


@contextmanager
def named(file: str) -> Iterator[None]:
    """Tell whatever is found wrong inside the block under the name of the file."""
    try:
        yield
    except BrokenFile as error:
        raise error.of(file) from None


@dataclass
class LoadReport:
    """What a load of files into the database did; `problems` and `notes` are Chinese sentences that name the file."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    kept: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


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
    except OSError:
        raise BrokenFile(["读不出来，请检查它是不是文件、有没有读的权限。"]) from None


def parse(source: str, first_line: int = 1) -> dict[str, Any]:
    """Return the mapping that YAML text holds; raises BrokenFile, naming the line."""
    value = _value(source, first_line)
    if not isinstance(value, dict):
        raise BrokenFile(["内容应当是“名称: 值”的形式。"])
    return value


def _value(source: str, first_line: int) -> Any:
    try:
        # The loader is a SafeLoader: it builds plain values only.
        return yaml.load(source, Loader=_UniqueKeyLoader)  # noqa: S506
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


def settings_of(path: Path, form: ma.Schema, name: str = "") -> dict[str, Any]:
    """Return what a file of settings says, as `form` reads it; raises BrokenFile, which names the file (`name`).

    A missing file and one that holds nothing but comments say nothing: every setting has a default.
    """
    with named(name or path.name):
        value = _value(read(path), 1) if path.exists() else None
        return loaded({} if value is None else value, form)


def loaded(value: Any, form: ma.Schema) -> dict[str, Any]:
    """Return `value` as `form` reads it; raises BrokenFile."""
    try:
        found: dict[str, Any] = form.load(value)
    except ma.ValidationError as error:
        raise BrokenFile(messages_of(error)) from None
    return found


def listed(path: Path, name: str, form: ma.Schema, key: str) -> list[dict[str, Any]]:
    """Return the entries of a file that holds nothing but a list, under `name`; raises BrokenFile."""
    content = parse(read(path))
    if set(content) != {name}:
        raise BrokenFile([f"应当只有“{name}”一项，下面逐条列出。"])
    return entries_of(content[name], form, key)


def entries_of(items: Any, form: ma.Schema, key: str) -> list[dict[str, Any]]:
    """Validate every entry of a list, known by `key`; raises BrokenFile with all messages, by entry."""
    if not isinstance(items, list) or not items:
        raise BrokenFile(["没有条目。"])
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    seen: set[str] = set()
    for number, item in enumerate(items, start=1):
        name = item.get(key) if isinstance(item, dict) else None
        label = f"第 {number} 条" + (f"（{name}）" if isinstance(name, str) else "")
        try:
            entry = form.load(item)
        except ma.ValidationError as error:
            problems += [f"{label}：{text}" for text in messages_of(error)]
            continue
        if entry[key] in seen:
            problems.append(f"{label}：编号“{entry[key]}”在本文件中重复。")
        seen.add(entry[key])
        found.append(entry)
    if problems:
        raise BrokenFile(problems)
    return found
