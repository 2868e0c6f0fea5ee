"""What other rooms and the set-up ask of this room. Staff's own edits are in `editing`.

The three steps of the set-up may be repeated at any time; each skips what is up to date.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from portal.core.unit_of_work import transactional
from portal.knowledge import content, index, lineage, reviews, starter
from portal.knowledge.content import ContentReport
from portal.knowledge.importing import run as importing
from portal.knowledge.importing.run import Report as LawReport
from portal.knowledge.importing.texts import Counts as LawCounts
from portal.knowledge.starter import ImportReport

__all__ = [
    "ContentReport",
    "ImportReport",
    "IndexReport",
    "LawCounts",
    "LawReport",
    "ensure_index",
    "import_law",
    "import_starter",
    "load_content",
    "schedule_index_update",
]


@dataclass(frozen=True)
class IndexReport:
    """What `ensure_index` did. `reason` is why it was built anew, in Chinese; "" when it was not."""

    reason: str
    documents: int


@transactional
def schedule_index_update(kind: str, subject_id: uuid.UUID) -> None:
    """Bring a document of `kind` up to date in the search index after the caller's commit.

    It is findable on every worker within two seconds; gone when its provider returns it no more.
    """
    index.schedule_update(kind, subject_id)


def import_starter(
    progress: index.Progress = index.silent, *, dry_run: bool = False
) -> ImportReport:
    """Load the starter law from the package's data file; says so in the report when it is missing.

    With `dry_run` the report tells what would go in, and nothing is written.
    """
    report = starter.import_starter(progress, dry_run=dry_run)
    # Also where nothing was new: the run before may have been cut off when all was written but this.
    matched = 0 if dry_run else lineage.refresh(progress)
    if report.changed or matched:
        reviews.refresh()
    return report


def import_law(
    paths: Sequence[Path],
    form: str | None = None,
    *,
    dry_run: bool = False,
    successor: bool = False,
    progress: index.Progress = index.silent,
) -> LawReport:
    """Import texts of law from files; `form` is markdown, docx or jsonl, by name when None.

    With `successor` texts go in as versions of the held ones of their names also where other makers made them.

    Broken files are in the report. What cites a changed article goes to the review list. Raises
    Invalid when there is nothing to import.
    """
    report = importing.run(paths, form, dry_run=dry_run, successor=successor, progress=progress)
    if not dry_run:
        # Also where nothing was new: the run before may have been cut off when all was written but this.
        lineage.refresh(progress)
        reviews.refresh()
    return report


def load_content(progress: index.Progress = index.silent) -> ContentReport:
    """Load categories, FAQ and guides from the content folder; broken files are in the report."""
    return content.load_content(progress)


def ensure_index(progress: index.Progress = index.silent) -> IndexReport:
    """Build the search index when it is missing, foreign or out of date; else write what is waiting.

    Raises BuildInProgress and IndexWriteError of `search_index`.
    """
    reason = index.why_rebuild()
    if reason is not None:
        return IndexReport(reason, index.rebuild(progress))
    return IndexReport("", index.apply_changes())
