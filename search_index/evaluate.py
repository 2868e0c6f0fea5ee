"""Measure the ranking on questions the index has not seen.

`python -m search_index.evaluate --articles FILE --train FILE --test FILE` builds an index of the
articles in a temporary folder, teaches it the training questions, asks the test questions and
prints one JSON object. Articles are JSON lines `id, law, number, heading, text, level, version`;
questions are JSON lines `id, question, articles`. Files ending in .gz are read compressed.

`--ablation QUESTIONS` prints what each step of the ranking brings, over five folds; the weights of the
second ranking are then fitted within each fold. `--fit QUESTIONS` prints weights for `reranker.json`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from search_index import analysis
from search_index.documents import Document, SearchRequest
from search_index.experiments import Settings, Workbench, cross_validate, fit_weights, steps
from search_index.numerals import parse_article_number
from search_index.reranking import FEATURES
from search_index.searcher import SearchIndex
from search_index.store.writer import IndexWriter, silent
from search_index.thesaurus import Thesaurus

DEFAULT_THESAURUS = Path(__file__).resolve().parent.parent / "content" / "thesaurus.yaml"

# Five folds, and something to fit on within each of them.
FEWEST = 10


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON lines file, plain or .gz; ValueError names the line that is none."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{path.name}, line {number}: {error.msg}") from error


def read_rows(path: Path, needed: dict[str, type | tuple[type, ...]]) -> list[dict[str, Any]]:
    """The objects of a JSON lines file with the fields that are `needed`; ValueError says what is wrong, and where."""
    rows: list[dict[str, Any]] = []
    for row in read_lines(path):
        place = f"{path.name}, object {len(rows) + 1}"
        if not isinstance(row, dict):
            raise ValueError(f"{place}: not an object")
        for name, kind in needed.items():
            if not isinstance(row.get(name), kind):
                raise ValueError(f"{place}: the field {name!r} is missing or of another type")
        rows.append(row)
    return rows


def read_articles(path: Path) -> list[Document]:
    """The articles of a file; ValueError without any."""
    rows = read_rows(path, {"id": (int, str), "law": str, "text": str})
    if not rows:
        raise ValueError(f"{path.name} holds no articles")
    return [article_document(row) for row in rows]


def read_questions(path: Path) -> list[dict[str, Any]]:
    """The questions of a file, each with the articles that answer it."""
    rows = read_rows(path, {"question": str, "articles": list})
    for number, row in enumerate(rows, start=1):
        row.setdefault("id", number)
        if not row["articles"]:
            raise ValueError(f"{path.name}, object {number}: no article answers this question")
    return rows


def unanswerable(questions: Sequence[dict[str, Any]], articles: Iterable[Document]) -> int:
    """How many questions are answered by none of the articles, so that no ranking can find them."""
    held = {document.key for document in articles}
    return sum(
        all(f"article:{number}" not in held for number in row["articles"]) for row in questions
    )


def article_document(row: dict[str, Any]) -> Document:
    """An article of the corpus as a document."""
    version = row.get("version")
    return Document(
        key=f"article:{row['id']}",
        kind="article",
        title=row["law"],
        text=row["text"],
        heading=row.get("heading") or "",
        number=row.get("number") or "",
        law=row["law"],
        article_number=parse_article_number(row.get("number") or ""),
        level=row.get("level") or "",
        validity="in_force",
        published_at=date.fromisoformat(version) if version else None,
    )


def question_document(row: dict[str, Any]) -> Document:
    """A training question as a published answer that cites its articles."""
    return Document(
        key=f"answer:{row['id']}",
        kind="answer",
        title=row["question"],
        text="",
        cites=tuple(f"article:{number}" for number in row["articles"]),
    )


@dataclass(frozen=True, slots=True)
class Measures:
    """Means over questions. Ranks count from 1; a question without a relevant hit adds 0."""

    mrr_at_10: float
    success_at_5: float
    ndcg_at_10: float
    recall_at_10: float
    recall_at_100: float


def measure(rankings: Iterable[tuple[Sequence[str], frozenset[str]]]) -> Measures:
    """The measures over pairs of a ranking (keys, best first) and the relevant keys."""
    sums = [0.0] * 5
    count = 0
    for keys, relevant in rankings:
        count += 1
        places = [place for place, key in enumerate(keys, start=1) if key in relevant]
        if places and places[0] <= 10:
            sums[0] += 1 / places[0]
        sums[1] += bool(places and places[0] <= 5)
        gain = sum(1 / math.log2(place + 1) for place in places if place <= 10)
        ideal = sum(1 / math.log2(place + 1) for place in range(1, min(len(relevant), 10) + 1))
        sums[2] += gain / ideal if ideal else 0.0
        sums[3] += sum(place <= 10 for place in places) / len(relevant)
        sums[4] += sum(place <= 100 for place in places) / len(relevant)
    return Measures(*(total / max(count, 1) for total in sums))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def evaluate(
    articles: Path, train: Path, test: Path, folder: Path, thesaurus: Thesaurus
) -> dict[str, float | int]:
    """Build, ask, measure; the figures of the command."""
    documents = read_articles(articles)
    count = len(documents)
    questions = read_questions(test)
    if not questions:
        raise ValueError(f"{test.name} holds no questions, so there is nothing to measure")
    lacking = unanswerable(questions, documents)
    if lacking:
        sys.stderr.write(
            f"evaluate: {lacking} of {len(questions)} questions cite no article of "
            f"{articles.name}; they count as not found\n"
        )
    documents.extend(question_document(row) for row in read_questions(train))
    analysis.preload()
    started = time.perf_counter()
    IndexWriter(folder, thesaurus).build(documents, silent)
    build_seconds = time.perf_counter() - started
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    index = SearchIndex.open(folder)
    index.preload()
    rankings = []
    times = []
    for row in questions:
        request = SearchRequest(text=row["question"], kinds=("article",), size=10)
        began = time.perf_counter()
        index.search(request)
        times.append((time.perf_counter() - began) * 1000)
        deep = SearchRequest(text=row["question"], kinds=("article",), size=100)
        keys = [hit.key for hit in index.search(deep).hits]
        rankings.append((keys, frozenset(f"article:{number}" for number in row["articles"])))
    measures = measure(rankings)
    return {
        "mrr_at_10": round(measures.mrr_at_10, 4),
        "success_at_5": round(measures.success_at_5, 4),
        "ndcg_at_10": round(measures.ndcg_at_10, 4),
        "recall_at_10": round(measures.recall_at_10, 4),
        "recall_at_100": round(measures.recall_at_100, 4),
        "build_seconds": round(build_seconds, 2),
        "index_megabytes": round(size / 1e6, 1),
        "p50_ms": round(percentile(times, 0.5), 3),
        "p95_ms": round(percentile(times, 0.95), 3),
        "articles": count,
        "questions": len(questions),
    }


def ablation(
    articles: Path, questions: Path, thesaurus: Thesaurus, seed: int, say: Callable[[str], None]
) -> None:
    """Print what each step of the ranking brings, cross-validated over the questions."""
    bench = _workbench(articles, questions, thesaurus)
    say("| ranking | MRR@10 | success@5 | recall@10 | recall@100 |")
    say("|---|---|---|---|---|")
    for name, settings in steps():
        found = measure(cross_validate(bench, settings, seed))
        figures = (found.mrr_at_10, found.success_at_5, found.recall_at_10, found.recall_at_100)
        say(f"| {name} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")


def refit(articles: Path, questions: Path, thesaurus: Thesaurus, seed: int) -> dict[str, float]:
    """The second ranking's weights fitted on all questions, each asked without its own citations."""
    bench = _workbench(articles, questions, thesaurus)
    fitted = fit_weights(bench, range(len(bench.questions)), Settings(), seed)
    return {name: round(float(value), 4) for name, value in zip(FEATURES, fitted, strict=True)}


def _workbench(articles: Path, questions: Path, thesaurus: Thesaurus) -> Workbench:
    documents = read_articles(articles)
    rows = read_questions(questions)
    if len(rows) < FEWEST:
        raise ValueError(
            f"{questions.name} holds {len(rows)} questions; folds and weights need at least {FEWEST}"
        )
    lacking = unanswerable(rows, documents)
    if lacking:
        raise ValueError(
            f"{lacking} of the questions in {questions.name} cite no article of {articles.name}"
        )
    return Workbench(documents, [question_document(row) for row in rows], thesaurus)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search_index.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--articles", type=Path, required=True)
    parser.add_argument("--train", type=Path, help="questions that teach the index")
    parser.add_argument("--test", type=Path, help="questions to ask")
    parser.add_argument(
        "--ablation", type=Path, metavar="QUESTIONS", help="print the table of steps"
    )
    parser.add_argument("--fit", type=Path, metavar="QUESTIONS", help="print new reranker weights")
    parser.add_argument("--seed", type=int, default=0, help="how questions fall into folds")
    parser.add_argument("--thesaurus", type=Path, default=DEFAULT_THESAURUS)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not (options.ablation or options.fit or (options.train and options.test)):
        parser.error("--train and --test, or --ablation, or --fit is needed")
    thesaurus = Thesaurus()
    if options.thesaurus.exists():
        thesaurus = Thesaurus.from_yaml(options.thesaurus)
    try:
        if options.ablation:
            ablation(options.articles, options.ablation, thesaurus, options.seed, _say)
        elif options.fit:
            _say(
                json.dumps(refit(options.articles, options.fit, thesaurus, options.seed), indent=2)
            )
        else:
            with tempfile.TemporaryDirectory() as folder:
                figures = evaluate(
                    options.articles, options.train, options.test, Path(folder), thesaurus
                )
            _say(json.dumps(figures))
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"evaluate: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
