"""The commands, and what `/readyz` says."""

from __future__ import annotations

import pytest

from portal.config import ROOT
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import cli, index, operations, search_content, starter
from portal.observability.health import readiness
from search_index import BuildInProgress, IndexWriteError


@pytest.fixture
def run(app, settings):
    """Run a command in the application."""

    def invoke(*arguments: str):
        return app.test_cli_runner().invoke(args=list(arguments))

    return invoke


def checks() -> dict[str, dict[str, object]]:
    _, results = readiness.run()
    return results


def test_the_three_commands_make_a_searchable_portal(run, package):
    imported = run("law", "import-starter")
    assert imported.exit_code == 0, imported.output
    assert "法律 6 部、条文 17 条；新增版本 7 个" in imported.output
    assert "导入条文：17/17" in imported.output
    assert "search rebuild" in imported.output
    loaded = run("content", "load")
    assert loaded.exit_code == 0, loaded.output
    assert "新增 6 项" in loaded.output
    rebuilt = run("search", "rebuild")
    assert rebuilt.exit_code == 0, rebuilt.output
    assert "索引已建好，共 20 条内容。" in rebuilt.output
    again = run("law", "import-starter")
    assert "没有变化 7 个" in again.output
    assert "search rebuild" not in again.output
    reviewed = run("law", "review")
    assert "新增复核 0 条" in reviewed.output


def test_without_the_package_the_command_says_what_to_install(run, monkeypatch):
    monkeypatch.setattr(starter, "data_file", lambda: None)
    result = run("law", "import-starter")
    assert result.exit_code == 0
    assert "没有找到起步法律数据包" in result.output
    assert "requirements-corpus.txt" in result.output


def test_a_broken_law_is_told_by_the_command(run, package):
    from tests.knowledge.conftest import LAWS, write_package

    rows = [(*row[:8], "也许", row[9]) if row[0] == "l1" else row for row in LAWS]
    write_package(package, laws=rows)
    assert "问题：《中华人民共和国劳动合同法》" in run("law", "import-starter").output


def test_a_broken_content_file_fails_the_command(run, settings, package):
    run("law", "import-starter")
    (settings.content_dir / "faq" / "labour.yaml").write_text("category: labour\n", "utf-8")
    result = run("content", "load")
    assert result.exit_code == 1
    assert "没有载入：labour.yaml：没有条目。" in result.output
    assert "问题 1 处" in result.output


def test_citations_without_law_are_told(run):
    assert "提示：" in run("content", "load").output


@pytest.mark.parametrize(
    ("error", "said"),
    [(BuildInProgress("x"), "另一个进程"), (IndexWriteError("disk full"), "旧索引照常服务")],
)
def test_a_rebuild_that_cannot_be_is_told(run, monkeypatch, error, said):
    def fail(*_args):
        raise error

    monkeypatch.setattr(index, "rebuild", fail)
    result = run("search", "rebuild")
    assert result.exit_code == 1
    assert said in result.output


def test_an_editor_is_told_why_a_sentence_leads_to_help_or_does_not(run, monkeypatch):
    monkeypatch.setattr(search_content, "_folder", lambda: ROOT / "content" / "search")
    said = run("search", "urgent", "我不想活了", "电饭煲冒烟能退货吗", "他拿枕头捂到我脸").output
    assert "“我不想活了”：显示 120、110，不列检索结果。\n  写法（self-harm）：不想活\n" in said
    assert "“电饭煲冒烟能退货吗”：不显示求助电话。\n" in said
    assert "“他拿枕头捂到我脸”：显示 110、120、119。\n  例句：听着像有危险" in said
    harmless = run("search", "urgent", "想死心离婚").output
    assert "不显示求助电话。\n  看着像，不算（self-harm）：想死\n" in harmless


def test_an_editor_is_told_first_what_cannot_be_read(run, tmp_path, monkeypatch):
    monkeypatch.setattr(search_content, "_folder", lambda: tmp_path)
    (tmp_path / "danger.yaml").write_text("examples:\n  - id: one\n", encoding="utf-8")
    result = run("search", "urgent", "我不想活了")
    assert result.exit_code == 1
    assert "danger.yaml" in result.output


def test_progress_is_rewritten_on_a_terminal(capsys, monkeypatch):
    progress = cli.Progress()
    progress._terminal = True
    for done in (0, 1, 50, 100):
        progress("law", done, 100)
    progress("other", 0, 0)
    out = capsys.readouterr().out
    assert out.count("\r") == 4
    assert "导入条文：100/100\n" in out
    assert "other：0/0" in out


def test_readiness_tells_what_is_missing(settings, law):
    assert checks()["law"] == {
        "ok": True,
        "required": False,
        "detail": "已收录法律 6 部、条文 17 条。",
    }
    missing = checks()["search_index"]
    assert (missing["ok"], missing["required"]) == (False, True)
    assert "search rebuild" in str(missing["detail"])
    operations.ensure_index()
    assert checks()["search_index"]["detail"] == "检索索引可以使用。"
    with unit_of_work():
        index.schedule_rebuild()
    stale = checks()["search_index"]
    assert stale["ok"] is True
    assert "旧索引" in str(stale["detail"])


def test_readiness_without_law(settings):
    result = checks()["law"]
    assert result["ok"] is False
    assert "import-starter" in str(result["detail"])
