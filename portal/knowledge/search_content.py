"""What the district lets a search say besides its results, from `content/search/`.

Urgent help, links to services, and which laws were replaced by which. The files are read anew when
they change, so that a correction needs no restart; `content load` tells what is wrong in them.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import marshmallow as ma
import structlog

from portal.config import settings
from portal.core.content_files import BrokenFile, entries_of, loaded, parse, read
from portal.knowledge import patterns
from portal.knowledge.content_schemas import (
    ExamplesEntry,
    RepealEntry,
    ServiceEntry,
    UrgentEntry,
    WordGroups,
)
from portal.knowledge.danger import Listener
from portal.knowledge.models import Article
from portal.knowledge.names import short
from portal.knowledge.queries import lookup
from search_index import parse_article_number

FOLDER = "search"
# File, name of its list, form of an entry, and what no two entries may share.
FILES: tuple[tuple[str, str, type[ma.Schema], str], ...] = (
    ("repealed_laws.yaml", "repealed", RepealEntry, "by"),
    ("urgent.yaml", "urgent", UrgentEntry, "id"),
    ("danger.yaml", "examples", ExamplesEntry, "id"),
    ("services.yaml", "services", ServiceEntry, "id"),
)
GROUPS = "groups"

_log = structlog.get_logger(__name__)
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Repeal:
    """A law that another one replaced: full names, the article that says so, words to search with."""

    law: str
    by: str
    number: str
    about: str


@dataclass(frozen=True, slots=True)
class SearchContent:
    """The files' content; `repealed` by the short name of the law that is gone."""

    repealed: Mapping[str, Repeal] = field(default_factory=dict)
    urgent: tuple[dict[str, Any], ...] = ()
    examples: Listener = field(default_factory=lambda: Listener((), ()))
    services: tuple[dict[str, Any], ...] = ()


# How long an edit may go unnoticed; every search asks several times.
CHECK_SECONDS = 1.0
_Stamp = tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was read, from which state of the files, and when they were last looked at (`time.monotonic`)."""

    stamp: _Stamp
    content: SearchContent
    at: float


_kept: dict[Path, _Kept] = {}


def _folder() -> Path:
    return settings().content_dir / FOLDER


def current() -> SearchContent:
    """Return the content as the files had it at most a second ago; of a broken file what it held before."""
    folder = _folder()
    kept, now = _kept.get(folder), time.monotonic()
    if kept is not None and now - kept.at <= CHECK_SECONDS:
        return kept.content
    stamp = tuple(_stamp(folder / name) for name, *_ in FILES)
    if kept is not None and kept.stamp == stamp:
        _kept[folder] = replace(kept, at=now)
        return kept.content
    with _lock:
        kept = _kept.get(folder)
        if kept is not None and kept.stamp == stamp:
            # Somebody else has read them while this one waited.
            return kept.content
        before = kept.content if kept else SearchContent()
        parts: dict[str, Any] = {}
        for name, key, form, unique in FILES:
            try:
                parts[key] = _built(key, _entries(folder / name, key, form, unique))
            except (BrokenFile, OSError) as error:
                parts[key] = getattr(before, key)
                _log.warning("search_content_broken", file=name, error=type(error).__name__)
        made = SearchContent(**parts)
        _kept[folder] = _Kept(stamp, made, now)
    return made


def problems() -> tuple[list[str], list[str]]:
    """Check the files for their editor: what is wrong in them, and which sources are not held."""
    contents, wrong = _checked()
    notes: list[str] = []
    for repeal in _built("repealed", contents.get("repealed", [])).values():
        article = _article_of(repeal)
        if article is None:
            note = f"repealed_laws.yaml：《{repeal.by}》第 {repeal.number} 条没有收录。"
            notes += [note] if note not in notes else []
        elif not _says(article, repeal):
            wrong.append(f"repealed_laws.yaml：{article.title}没有写明废止《{repeal.law}》。")
    return wrong, notes


def slips() -> list[str]:
    """Return what cannot be read in the files, as sentences for their editor; looks at nothing but the files."""
    return _checked()[1]


def _checked() -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    contents: dict[str, list[dict[str, Any]]] = {}
    wrong: list[str] = []
    for name, key, form, unique in FILES:
        try:
            contents[key] = _entries(_folder() / name, key, form, unique)
        except BrokenFile as error:
            wrong += error.of(name).sentences
    return contents, wrong


def repealed(name: str) -> tuple[Repeal, Article] | None:
    """Return by what a law was replaced, when an article that the portal holds says so."""
    repeal = current().repealed.get(short(name))
    article = _article_of(repeal) if repeal else None
    if repeal is None or article is None or not _says(article, repeal):
        return None
    return repeal, article


def urgent_for(text: str) -> list[dict[str, Any]]:
    """Return the entries of urgent help that fit `text`; none for most questions.

    Help that is not for this moment (`at_once` false) shows only where nothing more pressing does, and
    help instead of results (`alone`) only where more is said than what `others` do or did. Where no wording
    is said, but the text sounds like danger, it is whom everybody may call.
    """
    said = patterns.plain(text)
    content = current()
    urgent = content.urgent
    matching = [entry for entry in urgent if patterns.fits(said, entry["words"], entry["harmless"])]
    if not matching and content.examples.hears(said):
        matching = [entry for entry in urgent if entry["always"]]
    matching = [entry for entry in matching if entry["at_once"]] or matching
    return [
        {**entry, "alone": patterns.fits(said, entry["words"], entry["harmless"], entry["others"])}
        if entry["alone"]
        else entry
        for entry in matching
    ]


@dataclass(frozen=True, slots=True)
class Hearing:
    """What an entry of urgent help makes of a text: the wordings that count, and those that it says harmlessly."""

    entry: str
    count: tuple[str, ...]
    harmless: tuple[str, ...]


def hearings(text: str) -> list[Hearing]:
    """Tell an editor why `text` leads to urgent help or does not: every entry of which it says a wording."""
    said = patterns.plain(text)
    found = []
    for entry in current().urgent:
        heard = patterns.said(said, entry["words"])
        counting = patterns.left(heard, said, entry["harmless"])
        if heard:
            others = [wording for wording in heard if wording not in counting]
            found.append(Hearing(entry["id"], _written(counting), _written(others)))
    return found


def _written(wordings: list[patterns.Wording]) -> tuple[str, ...]:
    return tuple(wording.written for wording in wordings)


def always() -> list[dict[str, str]]:
    """Return the numbers that every page of a search shows, whatever was asked: label, text and phone."""
    return [
        {"label": entry["always"], **entry["steps"][0]}
        for entry in current().urgent
        if entry["always"]
    ]


def services_for(text: str) -> list[dict[str, Any]]:
    """Return the services that `text` asks for: text, method and url."""
    said = patterns.plain(text)
    return [
        entry
        for entry in current().services
        if patterns.fits(said, entry["words"], entry["harmless"])
    ]


def _article_of(repeal: Repeal) -> Article | None:
    return lookup([(repeal.by, repeal.number)]).get((repeal.by, repeal.number))


def _says(article: Article, repeal: Repeal) -> bool:
    return f"《{repeal.law}》" in article.text and "废止" in article.text


def _entries(path: Path, key: str, form: type[ma.Schema], unique: str) -> list[dict[str, Any]]:
    """Return a file's entries; none without the file. Raises BrokenFile."""
    if not path.exists():
        return []
    content = parse(read(path))
    unknown = sorted(set(content) - {key, GROUPS})
    if unknown:
        raise BrokenFile([f"不认识的名称：{'、'.join(unknown)}。"])
    entries = entries_of(content.get(key), form(), unique)
    groups = loaded({GROUPS: content.get(GROUPS, {})}, WordGroups())[GROUPS]
    return [_with_patterns(entry, groups) for entry in entries]


def _with_patterns(entry: dict[str, Any], groups: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return an entry with its wordings as patterns; raises BrokenFile."""
    read = {}
    for name in ("words", "harmless", "others"):
        try:
            wordings = [patterns.read(text, groups) for text in entry.get(name, ())]
        except ValueError as error:
            raise BrokenFile([f"{entry['id']} 的 {name}：{error}"]) from None
        read[name] = patterns.Wordings(wordings)
    return {**entry, **read}


def _built(key: str, entries: list[dict[str, Any]]) -> Any:
    if key == "examples":
        sentences: dict[bool, list[str]] = {True: [], False: []}
        for entry in entries:
            sentences[entry["danger"]] += entry["sentences"]
        return _learned(tuple(sentences[True]), tuple(sentences[False]))
    if key != "repealed":
        return tuple(entries)
    return {
        short(law["name"]): Repeal(
            law["name"], entry["by"], parse_article_number(entry["article"]), law["about"]
        )
        for entry in entries
        for law in entry["laws"]
    }


@functools.lru_cache(maxsize=1)
def _learned(danger: tuple[str, ...], harmless: tuple[str, ...]) -> Listener:
    """Learn from sentences, once from the same ones: an edit of another file need not wait for it."""
    return Listener(danger, harmless)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
