"""The notary room under load: nobody is sold a seat that somebody else has, and how fast that is.

    python -m tests.benchmarks.bench_notary [--database URL] [--clients 10000] [--part rush --part month ...]

Parts: `rush` (everybody wants one of a hundred seats), `mixed` (with holds that lapse, moves, cancellations and the waiting
list), `rates` (claims per second beside a bare Flask route), `month` (availability over 20 offices and 200 counters) and
`kills` (kill -9 of web workers and of the job worker meanwhile). Each plays on a portal of its own, a real gunicorn on a free
port of the loopback address, with a database of its own: SQLite, or one that is made on the PostgreSQL server of
`--database` and dropped afterwards. Limits count, each person from an address of their own.

Prints what it does, and on the last line one JSON object with every figure. Exits 1 when an invariant is broken, never for a
speed. All loops end by themselves, and only processes started here are killed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from tests.benchmarks.notary import kills, month, rates, rush
from tests.benchmarks.notary.town import say

PARTS = ("rush", "mixed", "rates", "month", "kills")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts; returns 1 when an invariant was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", default="", help="PostgreSQL server; SQLite without it")
    parser.add_argument("--part", choices=PARTS, action="append", help="all without it")
    parser.add_argument("--clients", type=int, default=10_000, help="of the rush")
    parser.add_argument("--mixed-clients", type=int, default=5_000)
    parser.add_argument("--kill-clients", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--claims", type=int, default=1_000, help="in each turn")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each server")
    parser.add_argument("--offices", type=int, default=20)
    parser.add_argument("--counters", type=int, default=200)
    parser.add_argument("--queries", type=int, default=300)
    chosen = parser.parse_args(arguments)
    database = chosen.database
    parts = {
        "rush": lambda: rush.rush(chosen.clients, database),
        "mixed": lambda: rush.mixed(chosen.mixed_clients, database),
        "rates": lambda: rates.rates(chosen.claims, chosen.rounds, database),
        "month": lambda: month.month(chosen.offices, chosen.counters, chosen.queries, database),
        "kills": lambda: kills.kills(chosen.kill_clients, chosen.kills, database),
    }
    figures: dict[str, Any] = {
        "benchmark": "notary",
        "database": "postgresql" if database else "sqlite",
    }
    say(f"公证预约基准测试，数据库：{figures['database']}")
    for name in chosen.part or PARTS:
        figures[name] = parts[name]()
    figures["broken"] = [
        f"{name}: {each}" for name in chosen.part or PARTS for each in figures[name]["broken"]
    ]
    for each in figures["broken"]:
        say(f"不变量被破坏：{each}")
    print(json.dumps(figures, ensure_ascii=False))
    return 1 if figures["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
