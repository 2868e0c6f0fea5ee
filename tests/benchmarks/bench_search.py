"""Search engine latency, side by side with tantivy, SQLite FTS5 and Whoosh's own matcher.

Every engine gets the same analysed text (words and bigrams of the corpus articles) and the same
analysed questions. Prints one JSON object as its last line; exits non-zero only when an invariant is
broken, never for a speed. `python -m tests.benchmarks.bench_search [--articles N] [--questions N]`
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pysqlite3
import tantivy
from whoosh import fields as whoosh_fields
from whoosh import index as whoosh_index
from whoosh.query import Or, Term

from search_index import Document, IndexWriter, SearchIndex, SearchRequest, Thesaurus, analysis
from search_index.evaluate import (
    DEFAULT_THESAURUS,
    article_document,
    percentile,
    question_document,
    read_lines,
)
from search_index.query import Query, read_query
from search_index.ranking import Postings, top_rows
from search_index.store.schema import Words

CORPUS = Path(__file__).resolve().parents[2] / ".." / "shared" / "corpus"
SIZE = 10
LEVELS = ("statute", "judicial_interpretation")
SLOW_ENGINE_QUESTIONS = 30


def say(text: str) -> None:
    """Progress for the person waiting; the figures go to the last line."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def pieces(text: str) -> list[str]:
    """The analysed text every engine gets: words, then bigrams."""
    return [*analysis.content_words(text), *analysis.bigrams(text)]


def timed(ask: Callable[[Any], int], questions: Sequence[Any], rounds: int) -> dict[str, float]:
    """Milliseconds per question (best of `rounds`, which takes other processes' noise out)."""
    best: list[float] = []
    for question in questions:
        ask(question)
    for question in questions:
        taken = []
        for _ in range(rounds):
            started = time.perf_counter()
            ask(question)
            taken.append((time.perf_counter() - started) * 1000)
        best.append(min(taken))
    return {"p50_ms": round(percentile(best, 0.5), 3), "p95_ms": round(percentile(best, 0.95), 3)}


def bench_tantivy(texts: list[list[str]], questions: list[list[str]]) -> dict[str, float]:
    """tantivy in memory, any of the terms, first ten."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", tokenizer_name="whitespace")
    builder.add_unsigned_field("row", stored=True)
    schema = builder.build()
    index = tantivy.Index(schema)
    started = time.perf_counter()
    writer = index.writer(128_000_000, 1)
    for row, terms in enumerate(texts):
        writer.add_document(tantivy.Document(text=" ".join(terms), row=row))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    built = time.perf_counter() - started
    searcher = index.searcher()

    def ask(terms: list[str]) -> int:
        parts = [
            (tantivy.Occur.Should, tantivy.Query.term_query(schema, "text", term)) for term in terms
        ]
        return len(searcher.search(tantivy.Query.boolean_query(parts), SIZE).hits)

    return {"build_seconds": round(built, 1), **timed(ask, questions, 3)}


def bench_fts5(texts: list[list[str]], questions: list[list[str]]) -> dict[str, float]:
    """SQLite FTS5 in memory, any of the terms, first ten by rank."""
    base = pysqlite3.dbapi2.connect(":memory:")
    base.execute("CREATE VIRTUAL TABLE t USING fts5(text, content='', tokenize='unicode61')")
    started = time.perf_counter()
    base.executemany("INSERT INTO t(text) VALUES (?)", ((" ".join(terms),) for terms in texts))
    base.commit()
    built = time.perf_counter() - started

    def ask(terms: list[str]) -> int:
        match = " OR ".join(f'"{term}"' for term in terms)
        rows = base.execute(
            "SELECT rowid FROM t WHERE t MATCH ? ORDER BY rank LIMIT ?", (match, SIZE)
        ).fetchall()
        return len(rows)

    return {"build_seconds": round(built, 1), **timed(ask, questions[:100], 1)}


class Analysed(Words):
    """A Whoosh field that takes text analysed already, terms between blanks."""

    def index(self, value: str, **options: Any) -> Iterator[tuple[bytes, int, float, bytes]]:
        """Postings of the terms as they are."""
        counts: dict[str, int] = {}
        for term in value.split(" "):
            counts[term] = counts.get(term, 0) + 1
        for term, count in counts.items():
            yield term.encode("utf-8"), count, float(count), count.to_bytes(4, "big")


def bench_whoosh(
    texts: list[list[str]], questions: list[list[str]], folder: Path
) -> dict[str, float]:
    """Whoosh's own matcher and BM25F, any of the terms, first ten."""
    index = whoosh_index.create_in(str(folder), whoosh_fields.Schema(text=Analysed()))
    started = time.perf_counter()
    writer = index.writer(limitmb=512)
    for terms in texts:
        writer.add_document(text=" ".join(terms))
    writer.commit()
    built = time.perf_counter() - started
    with index.searcher() as searcher:

        def ask(terms: list[str]) -> int:
            return len(
                searcher.search(Or([Term("text", term) for term in terms]), limit=SIZE).top_n
            )

        figures = timed(ask, questions[:SLOW_ENGINE_QUESTIONS], 1)
    return {"build_seconds": round(built, 1), **figures}


def tiled(postings: Postings, times: int) -> Postings:
    """The same table for a corpus `times` as large: every row's postings repeated."""
    starts, ends = postings.indptr[:-1].astype(np.int64), postings.indptr[1:].astype(np.int64)
    lengths = ends - starts
    order = np.concatenate([np.arange(len(postings.rows), dtype=np.int64)] * times)
    copy = np.repeat(np.arange(times), len(postings.rows))
    column = np.tile(np.repeat(np.arange(len(lengths)), lengths), times)
    sorting = np.lexsort((copy, column))
    return Postings(
        terms=postings.terms,
        indptr=np.concatenate(([0], np.cumsum(lengths * times))).astype(np.int32),
        rows=(postings.rows[order] + copy * postings.size)[sorting].astype(np.int32),
        impacts=postings.impacts[order][sorting],
        idf=postings.idf,
        size=postings.size * times,
    )


def matrix_bytes(postings: Postings) -> int:
    """Memory of the table's arrays."""
    parts = (postings.terms, postings.indptr, postings.rows, postings.impacts, postings.idf)
    return sum(part.nbytes for part in parts)


def bench_growth(index: SearchIndex, texts: list[str]) -> dict[str, float]:
    """The matrix alone at one and at four times the corpus."""
    snapshot = index.snapshot()
    figures: dict[str, float] = {}
    for name, postings in (
        ("1x", snapshot.base.postings),
        ("4x", tiled(snapshot.base.postings, 4)),
    ):

        def ask(text: str, postings: Postings = postings) -> int:
            query = read_query(text, {}, {})
            scores = np.zeros(postings.size, dtype=np.float32)
            columns, keep = postings.choose(query.terms)
            postings.add_scores(columns[keep], query.weights[keep], scores)
            return len(top_rows(scores, SIZE))

        figures[f"p50_ms_{name}"] = timed(ask, texts, 3)["p50_ms"]
        figures[f"megabytes_{name}"] = round(matrix_bytes(postings) / 1e6, 1)
    figures["time_ratio"] = round(figures["p50_ms_4x"] / figures["p50_ms_1x"], 2)
    figures["memory_ratio"] = round(figures["megabytes_4x"] / figures["megabytes_1x"], 2)
    return figures


def worker_megabytes(index: SearchIndex, texts: list[str]) -> float:
    """Memory of its own that one more forked worker takes, after answering all questions."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        for text in texts:
            index.search(SearchRequest(text=text))
        lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
        own = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
        os.write(writer, str(own).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    own_kilobytes = int(os.read(reader, 64) or b"0")
    os.close(reader)
    return round(own_kilobytes / 1024, 1)


def bench_ours(
    documents: list[Document], texts: list[str], folder: Path, failures: list[str]
) -> tuple[dict[str, Any], SearchIndex]:
    """Our engine: ranking with a filter, and a whole search with facets and fragments."""
    analysis.preload()
    started = time.perf_counter()
    stages: dict[str, float] = {}
    IndexWriter(folder, Thesaurus.from_yaml(DEFAULT_THESAURUS)).build(
        documents, lambda stage, done, total: stages.update({stage: time.perf_counter() - started})
    )
    built = time.perf_counter() - started
    opening = []
    for _ in range(5):
        began = time.perf_counter()
        index = SearchIndex.open(folder)
        index.search(SearchRequest(text="押金"))
        opening.append((time.perf_counter() - began) * 1000)
    index.preload()

    def rank(question: str | Query) -> int:
        return len(index.rank(question, SIZE, kinds=("article",), levels=LEVELS))

    def search(text: str) -> int:
        return len(index.search(SearchRequest(text=text, kinds=("article",), levels=LEVELS)).hits)

    figures: dict[str, Any] = {
        "build_seconds": round(built, 1),
        "build_stages_end": {name: round(value, 1) for name, value in stages.items()},
        "open_ms": round(percentile(opening, 0.5), 1),
        "rank": timed(rank, texts, 3),
        # What the other engines are given: questions that are cut into terms already.
        "rank_analysed": timed(rank, [index.snapshot().query(text) for text in texts], 3),
        "search": timed(search, texts, 3),
        "suggest": timed(lambda text: len(index.suggest(text[:4])), texts, 3),
        "suggest_article": timed(lambda text: len(index.suggest(f"民法典{len(text)}")), texts, 3),
        "worker_megabytes": worker_megabytes(index, texts[:100]),
        "index_megabytes": round(
            sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 1
        ),
    }
    for text in texts:
        hits = index.search(
            SearchRequest(text=text, kinds=("article",), levels=LEVELS, size=SIZE)
        ).hits
        if any(hit.kind != "article" or hit.level not in LEVELS for hit in hits):
            failures.append(f"a hit outside the filter for {text!r}")
        if [hit.score for hit in hits] != sorted((hit.score for hit in hits), reverse=True):
            failures.append(f"hits out of order for {text!r}")
        if len({hit.key for hit in hits}) != len(hits):
            failures.append(f"a hit twice for {text!r}")
    began = time.perf_counter()
    new = Document(key="faq:bench", kind="faq", title="量子纠缠彩虹糖怎么退", text="答。")
    IndexWriter(folder).update([new])
    figures["update_ms"] = round((time.perf_counter() - began) * 1000, 1)
    time.sleep(0.5)
    if [hit.key for hit in index.search(SearchRequest(text="量子纠缠彩虹糖")).hits][:1] != [
        new.key
    ]:
        failures.append("an update was not found after half a second")
    return figures, index


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all engines; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=None, help="only the first N articles")
    parser.add_argument("--questions", type=int, default=200)
    options = parser.parse_args(arguments)
    source = CORPUS / "articles.jsonl.gz"
    if not source.exists():
        print(json.dumps({"skipped": "the corpus is not there"}))
        return 1 if os.environ.get("CI") == "true" else 0
    documents = [article_document(row) for row in read_lines(source)][: options.articles]
    asked = list(read_lines(CORPUS / "questions.jsonl"))
    texts = [row["question"] for row in asked[:: max(1, len(asked) // options.questions)]]
    taught = [question_document(row) for row in asked]
    say(f"{len(documents)} articles, {len(texts)} questions")
    failures: list[str] = []
    figures: dict[str, Any] = {"articles": len(documents), "questions": len(texts)}
    with tempfile.TemporaryDirectory() as folder:
        say("our index")
        figures["ours"], index = bench_ours(
            [*documents, *taught], texts, Path(folder) / "ours", failures
        )
        say(json.dumps(figures["ours"]))
        figures["growth"] = bench_growth(index, texts[:100])
        say(json.dumps(figures["growth"]))
        del index
        gc.collect()
        analysed = [
            pieces(f"{document.title} {document.heading} {document.text}") for document in documents
        ]
        queries = [pieces(text) for text in texts]
        say("tantivy")
        figures["tantivy"] = bench_tantivy(analysed, queries)
        say(json.dumps(figures["tantivy"]))
        say("SQLite FTS5")
        figures["fts5"] = bench_fts5(analysed, queries)
        say(json.dumps(figures["fts5"]))
        say("Whoosh (slow: a few minutes)")
        whoosh_folder = Path(folder) / "whoosh"
        whoosh_folder.mkdir()
        figures["whoosh"] = bench_whoosh(analysed, queries, whoosh_folder)
        say(json.dumps(figures["whoosh"]))
    ours = figures["ours"]["rank_analysed"]["p50_ms"]
    for engine in ("tantivy", "fts5", "whoosh"):
        figures[f"{engine}_over_ours_p50"] = round(figures[engine]["p50_ms"] / ours, 2)
    if figures["growth"]["memory_ratio"] > 4.05:
        failures.append("four times the corpus takes more than four times the memory")
    figures["failures"] = failures
    print(json.dumps(figures, ensure_ascii=False))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
