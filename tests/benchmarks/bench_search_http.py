"""GET /search through gunicorn beside a bare Flask route that returns the same bytes.

Both run with two workers and the portal's own gunicorn settings, on the whole corpus, and are asked the
same questions in turns, so that whatever else the machine does falls on both. Limits count, each
question from an address of its own; answers are not cached. Prints one JSON object as its last line.
`python -m tests.benchmarks.bench_search_http [--seconds S] [--rounds N]`
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from search_index import Document, IndexWriter, Thesaurus
from search_index.evaluate import (
    DEFAULT_THESAURUS,
    article_document,
    percentile,
    question_document,
    read_lines,
)
from search_index.store.writer import silent
from tests.benchmarks import load
from tests.benchmarks.stage import ROOT, free_port, prepare, request, serving

CORPUS = ROOT / ".." / "shared" / "corpus"
WORKERS = 2
CONNECTIONS = 16
QUESTIONS = 200
# What the portal's answer has to reach of the bare route's.
GOAL = 0.40


def say(text: str) -> None:
    """Progress for the person waiting; the figures go to the last line."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def corpus_documents(unseen: frozenset[str]) -> list[Document]:
    """The corpus's articles, and its questions but for the unseen, under ids as the portal gives them."""
    answers = map(question_document, read_lines(CORPUS / "questions.jsonl"))
    rows = [
        *map(article_document, read_lines(CORPUS / "articles.jsonl.gz")),
        *(answer for answer in answers if answer.title not in unseen),
    ]
    ids = {row.key: f"{row.kind}:{uuid.uuid5(uuid.NAMESPACE_URL, row.key)}" for row in rows}
    return [
        replace(row, key=ids[row.key], cites=tuple(ids[key] for key in row.cites)) for row in rows
    ]


def caller(number: int) -> dict[str, str]:
    """The headers with which a trusted proxy passes on a request, from an address of the number's own."""
    return {"X-Forwarded-For": f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"}


@contextmanager
def bare_route(folder: Path, answers: dict[str, str]) -> Iterator[int]:
    """Serve `answers` (question to body) by a Flask application of one route; yields the port."""
    (folder / "answers.json").write_text(json.dumps(answers), encoding="utf-8")
    (folder / "bare.py").write_text(
        "import json, pathlib\n"
        "from flask import Flask, Response, request\n"
        "app = Flask('bare')\n"
        "answers = json.loads(pathlib.Path(__file__).with_name('answers.json').read_text('utf-8'))\n"
        "@app.get('/api/v1/search')\n"
        "def search():\n"
        "    return Response(answers[request.args['q']], mimetype='application/json')\n",
        encoding="utf-8",
    )
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", os.devnull, "-b", f"127.0.0.1:{port}"]
    command += ["-k", "gthread", "-w", str(WORKERS), "--threads", "4", "--preload", "bare:app"]
    server = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                request(port, "GET", "/")
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; returns 1 when an answer was wrong, never for a speed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=4, help="turns of each server")
    options = parser.parse_args(arguments)
    if not (CORPUS / "articles.jsonl.gz").exists():
        print(json.dumps({"skipped": "the corpus is not there"}))
        return 1 if os.environ.get("CI") == "true" else 0
    asked = [row["question"] for row in read_lines(CORPUS / "questions.jsonl")]
    questions = asked[:: max(1, len(asked) // QUESTIONS)]
    paths = {text: "/api/v1/search?q=" + quote(text, safe="") for text in questions}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stage = prepare(folder / "instance", 0, PORTAL_TRUSTED_PROXIES="1")
        say("building the index")
        thesaurus = Thesaurus.from_yaml(DEFAULT_THESAURUS)
        IndexWriter(folder / "instance" / "search", thesaurus).build(
            corpus_documents(frozenset(questions)), silent
        )
        with serving(stage, WORKERS):
            answers = {}
            for number, (text, path) in enumerate(paths.items()):
                status, body = request(stage.port, "GET", path, headers=caller(number))
                if status != 200 or not body["items"]:
                    raise RuntimeError(f"{status} for {text!r}")
                answers[text] = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
            with bare_route(folder, answers) as bare_port:
                say(f"{len(questions)} questions, {CONNECTIONS} connections, {WORKERS} workers")
                figures = compare(stage.port, bare_port, list(paths.values()), options)
    figures["mean_bytes"] = round(statistics.mean(len(body.encode()) for body in answers.values()))
    print(json.dumps(figures))
    return 1 if figures["failures"] else 0


def compare(
    portal_port: int, bare_port: int, paths: Sequence[str], options: argparse.Namespace
) -> dict[str, object]:
    """Ask both servers in turns; the ratio is the median over the rounds."""
    counted = 20_000
    requests = [load.get(paths[number % len(paths)], caller(number)) for number in range(counted)]
    for port in (portal_port, bare_port):
        load.hammer(port, requests, CONNECTIONS, 2)
    ratios, portal_rates, bare_rates, seconds = [], [], [], []
    failures: list[str] = []
    for turn in range(options.rounds):
        ours = load.hammer(portal_port, requests, CONNECTIONS, options.seconds)
        bare = load.hammer(bare_port, requests, CONNECTIONS, options.seconds)
        for label, result in (("portal", ours), ("bare", bare)):
            if set(result.statuses) != {200} or result.broken:
                failures.append(f"{label}: {dict(result.statuses)}, {result.broken} broken")
        ratios.append(ours.per_second / bare.per_second)
        portal_rates.append(ours.per_second)
        bare_rates.append(bare.per_second)
        seconds.extend(ours.seconds)
        say(
            f"round {turn + 1}: portal {ours.per_second:.0f}/s, bare {bare.per_second:.0f}/s, {ratios[-1]:.0%}"
        )
    return {
        "portal_per_second": round(statistics.median(portal_rates)),
        "bare_per_second": round(statistics.median(bare_rates)),
        "ratio": round(statistics.median(ratios), 3),
        "goal": GOAL,
        "p50_ms": round(percentile(seconds, 0.5) * 1000, 2),
        "p95_ms": round(percentile(seconds, 0.95) * 1000, 2),
        "failures": failures,
    }


if __name__ == "__main__":
    sys.exit(main())
