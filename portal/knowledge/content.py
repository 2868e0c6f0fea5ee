"""Loads what the district edits under `content/`: categories, FAQ and guides; checks what search says.

One file is one transaction: a file with a mistake is left out whole, with every mistake named by
file and entry, and the others go in. What has not changed is left alone, and so is what staff have
edited in the portal since.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select

from portal.config import settings
from portal.core import clock
from portal.core.content_files import (
    BrokenFile,
    LoadReport,
    entries_of,
    loaded,
    parse,
    read,
)
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import categories, index, names, providers, queries, search_content
from portal.knowledge.content_schemas import (
    CategoryEntry,
    FaqEntry,
    GuideEntry,
)
from portal.knowledge.documents import chunks
from portal.knowledge.models import (
    Category,
    CitedArticle,
    Faq,
    Guide,
    Origin,
    PublicationState,
)
from portal.knowledge.queries import lookup
from portal.knowledge.search import KIND_LABELS
from search_index import parse_article_number

Progress = Callable[[str, int, int], None]
# Of what keeps a category that left the file, so many of each kind are named.
MOST_NAMED = 3
READ_AT_ONCE = 500
_log = structlog.get_logger(__name__)


@dataclass
class ContentReport(LoadReport):
    """What a load did, over how many files."""

    files: int = 0
    # Which file each id of this run was read from.
    seen: dict[str, str] = field(default_factory=dict)
    # The categories of the file, in its order; empty while it cannot be read.
    categories: list[str] = field(default_factory=list)


def load_content(progress: Progress = index.silent) -> ContentReport:
    """Load all files of the content folder; `progress(stage, done, total)` counts files."""
    folder = settings().content_dir
    report = ContentReport()
    steps: list[tuple[Path, Callable[[Path, ContentReport], None]]] = [
        (folder / "categories.yaml", _load_categories)
    ]
    steps += [(path, _load_faq_file) for path in sorted((folder / "faq").glob("*.yaml"))]
    steps += [(path, _load_guide) for path in sorted((folder / "guides").glob("*.md"))]
    for number, (path, load) in enumerate(steps):
        progress("content", number, len(steps))
        report.files += 1
        try:
            with unit_of_work():
                load(path, report)
        except BrokenFile as error:
            report.problems += error.of(path.name).sentences
        db.session.expunge_all()
    progress("content", len(steps), len(steps))
    _withdraw_absent(report)
    _let_categories_go(report)
    names.refresh_aliases()
    categories.forget()
    _note_unresolved(report)
    wrong, notes = search_content.problems()
    report.problems += wrong
    report.notes += notes
    _log.info(
        "content_loaded",
        files=report.files,
        added=report.added,
        changed=report.changed,
        problems=len(report.problems),
    )
    return report


def _load_categories(path: Path, report: ContentReport) -> None:
    content = parse(read(path))
    entries = entries_of(content.get("categories"), CategoryEntry(), "code")
    held = {row.code: row for row in db.session.scalars(select(Category))}
    for position, entry in enumerate(entries):
        category = held.get(entry["code"])
        values = {**entry, "position": position}
        if category is None:
            db.session.add(Category(**values))
            report.added += 1
        elif any(getattr(category, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(category, name, value)
            report.changed += 1
        else:
            report.unchanged += 1
    report.categories = [entry["code"] for entry in entries]


def _require_category(code: Any, report: ContentReport) -> str:
    # While the file of categories cannot be read, those there are stand for it.
    known = report.categories or [each.code for each in queries.categories()]
    if code not in known:
        raise BrokenFile([f"类别“{code}”不在 categories.yaml 中。"])
    return code


def _load_faq_file(path: Path, report: ContentReport) -> None:
    content = parse(read(path))
    unknown = sorted(set(content) - {"category", "entries"})
    if unknown:
        raise BrokenFile([f"不认识的名称：{'、'.join(unknown)}。"])
    category = _require_category(content.get("category"), report)
    entries = entries_of(content.get("entries"), FaqEntry(), "id")
    slugs = [entry["id"] for entry in entries]
    _note_ids(path, slugs, report)
    held = {row.slug: row for row in db.session.scalars(select(Faq).where(Faq.slug.in_(slugs)))}
    for entry in entries:
        faq = held.get(entry["id"])
        fingerprint = _fingerprint({**entry, "category": category})
        if faq is not None and faq.origin is Origin.STAFF:
            if faq.content_hash != fingerprint:
                report.notes.append(f"{path.name}：{faq.slug} 已由工作人员修改，保留现有内容。")
            report.kept += 1
            continue
        if faq is not None and faq.content_hash == fingerprint:
            report.unchanged += 1
            continue
        if faq is None:
            faq = Faq(slug=entry["id"], origin=Origin.CONTENT)
            db.session.add(faq)
            report.added += 1
        else:
            report.changed += 1
        faq.category_code = category
        faq.question = entry["question"]
        faq.other_wordings = entry["other_wordings"]
        faq.answer = entry["answer"]
        faq.steps = entry["steps"]
        faq.see_also = entry["see_also"]
        _publish(faq, entry, fingerprint)


def _note_ids(path: Path, slugs: list[str], report: ContentReport) -> None:
    """Remember where each id stands; raises BrokenFile for one that an earlier file has."""
    twice = [slug for slug in slugs if slug in report.seen]
    if twice:
        raise BrokenFile([f"编号“{slug}”已经用在 {report.seen[slug]} 里。" for slug in twice])
    report.seen.update(dict.fromkeys(slugs, path.name))


def _load_guide(path: Path, report: ContentReport) -> None:
    head, body = _split(read(path))
    entry = loaded({**parse(head, first_line=2), "body": body}, GuideEntry())
    _require_category(entry["category"], report)
    _note_ids(path, [entry["id"]], report)
    fingerprint = _fingerprint(entry)
    guide = db.session.scalar(select(Guide).where(Guide.slug == entry["id"]))
    if guide is not None and guide.content_hash == fingerprint:
        report.unchanged += 1
        return
    if guide is None:
        guide = Guide(slug=entry["id"])
        db.session.add(guide)
        report.added += 1
    else:
        report.changed += 1
    guide.category_code = entry["category"]
    guide.title = entry["title"]
    guide.summary = entry["summary"]
    guide.body = entry["body"]
    _publish(guide, entry, fingerprint)


def _split(source: str) -> tuple[str, str]:
    """Return the YAML head between two lines of `---`, and the Markdown after it."""
    lines = source.replace("\r\n", "\n").split("\n")
    if lines[0].strip() != "---" or "---" not in [line.strip() for line in lines[1:]]:
        raise BrokenFile(["开头应当有用两行“---”围起来的说明（id、title、category 等）。"])
    end = next(number for number, line in enumerate(lines[1:], 1) if line.strip() == "---")
    return "\n".join(lines[1:end]), "\n".join(lines[end + 1 :]).strip()


def _publish(subject: Faq | Guide, entry: Mapping[str, Any], fingerprint: str) -> None:
    subject.reviewed_on = entry["reviewed_on"]
    subject.content_hash = fingerprint
    subject.state = PublicationState.PUBLISHED
    subject.published_at = subject.published_at or clock.now()
    set_citations(subject, entry["citations"])
    db.session.flush()
    index.schedule_update("faq" if isinstance(subject, Faq) else "guide", subject.id)


def set_citations(subject: Faq | Guide, citations: list[dict[str, Any]]) -> None:
    """Replace the citations of an FAQ or guide, pointing at the articles that are loaded.

    Each names `law` (full name), `article` (any usual form) and `point`.
    """
    pairs = [(item["law"], parse_article_number(item["article"])) for item in citations]
    articles = lookup(pairs)
    rows = []
    for position, (item, pair) in enumerate(zip(citations, pairs, strict=True)):
        article = articles.get(pair)
        row = CitedArticle(
            position=position,
            law_name=pair[0],
            number=pair[1],
            point=item["point"],
            article_id=article.id if article else None,
        )
        if article is not None:
            row.note_read(article)
        rows.append(row)
    subject.citations = rows


def _withdraw_absent(report: ContentReport) -> None:
    """Withdraw what was once loaded from the files and is in none of them now.

    Not while a file is broken: what it holds would seem to be gone.
    """
    if report.problems:
        return
    with unit_of_work():
        published = Faq.state == PublicationState.PUBLISHED
        for faq in db.session.scalars(select(Faq).where(Faq.origin == Origin.CONTENT, published)):
            if faq.slug not in report.seen:
                _withdraw(faq, "faq", report)
        for guide in db.session.scalars(
            select(Guide).where(Guide.state == PublicationState.PUBLISHED)
        ):
            if guide.slug not in report.seen:
                _withdraw(guide, "guide", report)


def _withdraw(subject: Faq | Guide, kind: str, report: ContentReport) -> None:
    subject.state = PublicationState.WITHDRAWN
    subject.content_hash = None
    report.withdrawn += 1
    index.schedule_update(kind, subject.id)


def _let_categories_go(report: ContentReport) -> None:
    """Take out of the list what is no longer in the file of categories, unless something published stands under it.

    Not while a file is broken, as with what is withdrawn.
    """
    if report.problems:
        return
    gone = select(Category).where(Category.code.not_in(report.categories)).order_by(Category.code)
    if db.session.scalar(gone) is None:
        return
    held = _published_by_category()
    with unit_of_work():
        place = len(report.categories)
        for category in db.session.scalars(gone).all():
            if category.code in held:
                category.position = place
                place += 1
                report.notes.append(
                    f"categories.yaml：类别“{category.label}”（{category.code}）已经不在文件里，但是还有已发布的内容"
                    f"属于它，所以仍然保留：{_told(held[category.code])}。请先给它们换类别，或者撤下，再载入一次。"
                )
            elif category.listed:
                category.position = Category.NOWHERE
                report.withdrawn += 1


def _published_by_category() -> dict[str, dict[str, list[str]]]:
    """The titles of all that is published, by category and kind; rooms above tell theirs as they tell them to the index."""
    held: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for kind, provider in providers.registered().items():
        for ids in chunks(provider.all_ids(), READ_AT_ONCE):
            for document in provider.load(ids):
                held[document.category][kind].append(document.title)
    return held


def _told(titles: Mapping[str, list[str]]) -> str:
    """Say what there is of each kind, the first few by name."""
    parts = []
    for kind, names_of in titles.items():
        shown = "、".join(f"“{title}”" for title in names_of[:MOST_NAMED])
        more = f"等 {len(names_of)} 条" if len(names_of) > MOST_NAMED else ""
        parts.append(f"{KIND_LABELS[kind]}{shown}{more}")
    return "；".join(parts)


def _note_unresolved(report: ContentReport) -> None:
    """Tell which citations name no loaded article: a law that is missing, or a wrong number."""
    rows = db.session.execute(
        select(CitedArticle.law_name, CitedArticle.number, Faq.slug, Guide.slug)
        .outerjoin(Faq, Faq.id == CitedArticle.faq_id)
        .outerjoin(Guide, Guide.id == CitedArticle.guide_id)
        .where(CitedArticle.article_id.is_(None))
        .order_by(CitedArticle.law_name, CitedArticle.number)
    ).all()
    found = lookup((law, number) for law, number, _, _ in rows)
    for law, number, faq_slug, guide_slug in rows:
        if (law, number) not in found:
            report.notes.append(f"{faq_slug or guide_slug}：《{law}》第 {number} 条没有收录。")


def _fingerprint(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(
        json.dumps(value, ensure_ascii=False, sort_keys=True, default=str).encode()
    ).hexdigest()
