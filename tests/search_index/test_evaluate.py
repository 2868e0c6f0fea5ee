"""The evaluation command and the measures it prints."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from search_index import Thesaurus
from search_index.errors import SearchIndexError
from search_index.evaluate import main, measure, percentile
from search_index.experiments import split
from search_index.reranking import FEATURES


def test_measures_of_known_rankings() -> None:
    keys = [str(number) for number in range(1, 201)]
    measures = measure(
        [
            (keys, frozenset({"2"})),
            (keys, frozenset({"7", "150"})),
            (keys, frozenset({"999"})),
            ([], frozenset({"1"})),
        ]
    )
    assert measures.mrr_at_10 == pytest.approx((1 / 2 + 1 / 7) / 4)
    assert measures.success_at_5 == pytest.approx(1 / 4)
    assert measures.recall_at_10 == pytest.approx((1 + 0.5) / 4)
    assert measures.recall_at_100 == pytest.approx((1 + 0.5) / 4)
    assert 0 < measures.ndcg_at_10 < 0.5
    assert measure([]).mrr_at_10 == 0.0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([], 0.5) == 0.0


def _write(path: Path, rows: list[dict[str, object]]) -> Path:
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines.encode("utf-8")))
    else:
        path.write_text(lines, encoding="utf-8")
    return path


def test_the_command_prints_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [
        "出租人应当退还押金。",
        "用人单位不得拖欠工资。",
        "遗嘱应当有见证人。",
        "动物致人损害的赔偿。",
    ]
    articles = [
        {
            "id": n,
            "law": "示例法",
            "number": "第一条",
            "heading": "",
            "text": text,
            "level": "statute",
        }
        for n, text in enumerate(texts)
    ]
    articles[0]["version"] = "2020-01-01"
    train = [{"id": 1, "question": "房东扣钱", "articles": [0]}]
    test = [
        {"id": 2, "question": "房东扣着不给", "articles": [0]},
        {"id": 3, "question": "拖欠工资", "articles": [1]},
    ]
    status = main(
        [
            "--articles",
            str(_write(tmp_path / "a.jsonl.gz", articles)),  # type: ignore[arg-type]
            "--train",
            str(_write(tmp_path / "train.jsonl", train)),  # type: ignore[arg-type]
            "--test",
            str(_write(tmp_path / "test.jsonl", test)),  # type: ignore[arg-type]
        ]
    )
    figures = json.loads(capsys.readouterr().out)
    assert status == 0
    assert set(figures) >= {
        "mrr_at_10",
        "success_at_5",
        "recall_at_10",
        "recall_at_100",
        "build_seconds",
        "index_megabytes",
        "p50_ms",
        "p95_ms",
        "articles",
        "questions",
    }
    assert (figures["articles"], figures["questions"]) == (4, 2)
    assert figures["mrr_at_10"] == 1.0


def _corpus(folder: Path) -> tuple[Path, Path]:
    matters = ["押金", "工资", "遗嘱", "动物", "借款", "物业", "交通", "彩礼", "医疗", "噪声"]
    articles: list[dict[str, object]] = [
        {
            "id": number,
            "law": f"示例法{number % 3}",
            "number": "第一条",
            "heading": "第一章" if number % 2 else "",
            "text": f"{matter}纠纷依照本条办理，{matter}应当返还。",
            "level": "statute",
        }
        for number, matter in enumerate(matters)
    ]
    questions: list[dict[str, object]] = [
        {"id": 10 * turn + number, "question": f"第{turn}种{matter}的问题", "articles": [number]}
        for number, matter in enumerate(matters)
        for turn in range(3)
    ]
    return _write(folder / "a.jsonl", articles), _write(folder / "q.jsonl", questions)


def test_the_ablation_table_and_the_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    articles, questions = _corpus(tmp_path)
    assert main(["--articles", str(articles), "--ablation", str(questions)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 11
    assert all(line.startswith(("| ", "|-")) for line in lines)
    assert float(lines[-1].split("|")[2]) > 0.9
    assert main(["--articles", str(articles), "--fit", str(questions)]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(FEATURES)
    with pytest.raises(SystemExit):
        main(["--articles", str(articles)])


def test_folds_hold_every_question_out_once() -> None:
    held = [number for _, test in split(range(23), 5, 3) for number in test]
    assert sorted(held) == list(range(23))
    for train, test in split(range(23), 5, 3):
        assert not set(train) & set(test)
        assert len(train) + len(test) == 23


def test_a_broken_line_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"id": 1}\n{oops\n', encoding="utf-8")
    assert main(["--articles", str(bad), "--train", str(bad), "--test", str(bad)]) == 1
    assert "evaluate:" in capsys.readouterr().err


def test_what_cannot_be_measured_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never a row of zeros that looks like a measurement, and never a traceback."""
    articles, questions = map(str, _corpus(tmp_path))
    none = str(_write(tmp_path / "none.jsonl", []))
    one = str(_write(tmp_path / "one.jsonl", [{"id": 1, "question": "押金", "articles": [99]}]))
    empty = str(_write(tmp_path / "empty.jsonl", [{"id": 1, "question": "押金", "articles": []}]))
    strange = str(_write(tmp_path / "strange.jsonl", [{"id": 1, "q": "押金"}]))
    for arguments, reason in (
        (["--train", questions, "--test", none], "none.jsonl holds no questions"),
        (["--train", questions, "--test", empty], "empty.jsonl, object 1: no article answers"),
        (
            ["--train", strange, "--test", questions],
            "strange.jsonl, object 1: the field 'question'",
        ),
        (["--ablation", none], "none.jsonl holds 0 questions; folds and weights need at least 10"),
        (["--fit", one], "one.jsonl holds 1 questions"),
    ):
        assert main(["--articles", articles, *arguments]) == 1
        told = capsys.readouterr()
        assert reason in told.err
        assert told.out == ""
    assert main(["--articles", none, "--train", questions, "--test", questions]) == 1
    assert "none.jsonl holds no articles" in capsys.readouterr().err


def test_a_question_that_no_article_answers_is_counted_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    articles, questions = map(str, _corpus(tmp_path))
    asked = _write(
        tmp_path / "asked.jsonl",
        [{"question": "押金", "articles": [0]}, {"question": "工资", "articles": [99]}],
    )
    arguments = ["--articles", articles, "--train", questions, "--test", str(asked)]
    assert main(arguments) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["questions"] == 2
    assert "1 of 2 questions cite no article of a.jsonl" in told.err


def test_thesaurus_files(tmp_path: Path) -> None:
    path = tmp_path / "thesaurus.yaml"
    path.write_text("words:\n  房东: [出租人]\n", encoding="utf-8")
    assert Thesaurus.from_yaml(path).words == {"房东": ("出租人",)}
    for wrong in ("- list\n", "words: [x]\n", "words:\n  房东: 出租人\n", "law_names: 3\n"):
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(SearchIndexError, match=r"thesaurus\.yaml"):
            Thesaurus.from_yaml(path)
    path.write_text("", encoding="utf-8")
    assert Thesaurus.from_yaml(path) == Thesaurus()


def test_the_projects_own_thesaurus_loads() -> None:
    from search_index.evaluate import DEFAULT_THESAURUS

    thesaurus = Thesaurus.from_yaml(DEFAULT_THESAURUS)
    assert "出租人" in thesaurus.words["房东"]
    assert thesaurus.law_names["道交法"].endswith("道路交通安全法")
