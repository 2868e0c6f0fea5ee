"""Run by the fault tests in a process of its own: builds or updates an index until it is killed."""

from __future__ import annotations

import sys
from pathlib import Path

from search_index import IndexWriter
from tests.search_index.samples import CODE, THESAURUS, article, faq, library


def main() -> None:
    """`crash_actor.py build|update FOLDER` repeats the work and reports every round."""
    action, folder = sys.argv[1], Path(sys.argv[2])
    writer = IndexWriter(folder, THESAURUS)
    for turn in range(10_000):
        print(f"begin {turn}", flush=True)
        if action == "build":
            extra = [article(CODE, str(3000 + turn), "重建时新增的条文。")]
            writer.build(library() + extra)
        else:
            new = faq(
                f"turn{turn}", f"第{turn}轮新增的问题怎么办", "答复。", cites=(f"article:{CODE}:7",)
            )
            writer.update([new])
        print(f"done {turn}", flush=True)


if __name__ == "__main__":
    main()
