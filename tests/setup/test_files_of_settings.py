"""A slip in a file that the district edits: one sentence in Chinese with its name, and nothing starts or is written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from portal.config import ROOT, ConfigurationError
from portal.supervision import rules
from tests.support import own_application

Write = Callable[[str, str | bytes], None]
NO_YAML = "entries: [\n"
NOT_UTF8 = "名称".encode("gbk")


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """The district's files, to be spoilt."""
    return shutil.copytree(ROOT / "content", tmp_path / "content")


@pytest.fixture
def write(content: Path) -> Write:
    def spoil(name: str, text: str | bytes) -> None:
        (content / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return spoil


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("deadlines.yaml", "amounts: {NONE-1: 3}", "没有编号为 NONE-1 的期限"),
        ("deadlines.yaml", "amounts: {CO-D1: x}", "amounts.CO-D1：应当是整数"),
        ("deadlines.yaml", "amount: {CO-D1: 3}", "amount：没有这个字段"),
        ("notifications.yaml", "quiet_hours: {from: 21:00, to: 08:00}", "带引号的时刻"),
        ("notary/cases.yaml", "watch_party_delay: maybe", "应当是 true 或 false"),
        ("notary/cases.yaml", "termination_grounds: [boredom]", "只能是：delay"),
        ("identity.yaml", "mobile: '('", "mobile：不是正确的正则表达式"),
        ("identity.yaml", "documents: {licence: x}", "documents.licence：不认识的证件种类"),
        ("privacy_notice.yaml", "version: x", "缺少 title"),
        *(
            (name, text, told)
            for name in (
                "deadlines.yaml",
                "notifications.yaml",
                "notary/cases.yaml",
                "identity.yaml",
                "privacy_notice.yaml",
            )
            for text, told in ((NO_YAML, "第 2 行：YAML 格式有误"), (NOT_UTF8, "不是 UTF-8 编码"))
        ),
    ],
)
def test_a_file_of_settings_with_a_slip_stops_the_start_with_a_sentence(
    tmp_path: Path,
    content: Path,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str | bytes,
    told: str,
) -> None:
    monkeypatch.setattr(rules, "_amounts", {})
    write(name, text)
    with (
        pytest.raises(ConfigurationError) as refused,
        own_application(tmp_path, "slip", PORTAL_CONTENT_DIR=str(content)),
    ):
        pass
    assert all(problem.startswith(f"{name}：") for problem in refused.value.problems)
    assert told in refused.value.problems[0]


def test_a_folder_where_a_file_should_be_is_told(tmp_path: Path, content: Path) -> None:
    (content / "identity.yaml").unlink()
    (content / "identity.yaml").mkdir()
    with (
        pytest.raises(ConfigurationError, match=r"identity\.yaml：读不出来"),
        own_application(tmp_path, "slip", PORTAL_CONTENT_DIR=str(content)),
    ):
        pass


OFFICE = "offices:\n  - {code: a, name: 甲, kind: law_firm, valid_from: 2020-01-01%s}\n"
YEAR = "year: 2026\nsource: 通知\nevidence: P\nrest: [{name: 元旦, from: 2026-01-0%d, to: 2026-01-03}]\n"


@pytest.mark.parametrize(
    ("command", "name", "text", "told"),
    [
        ("accounts seed-offices", "offices.yaml", NO_YAML, "第 2 行：YAML 格式有误"),
        ("accounts seed-offices", "offices.yaml", NOT_UTF8, "不是 UTF-8 编码"),
        ("accounts seed-offices", "offices.yaml", "", "内容应当是"),
        ("accounts seed-offices", "offices.yaml", "offices: []", "没有条目"),
        ("accounts seed-offices", "offices.yaml", OFFICE % ", kind: x", "“kind”写了两次"),
        (
            "accounts seed-offices",
            "offices.yaml",
            OFFICE % ", valid_until: 2019-01-01",
            "第 1 条（a）：valid_until：不能早于 valid_from",
        ),
        ("working-days load", "calendar/2026.yaml", NO_YAML, "第 2 行：YAML 格式有误"),
        ("working-days load", "calendar/2026.yaml", YEAR % 9, "rest.0.to：应当是同一个假期"),
        ("working-days load", "calendar/2026.yaml", YEAR % 1, "必须列为放假"),
        ("notary load", "notary/matters.yaml", "matters: [{code: N01, code: N02}]", "写了两次"),
        ("search rebuild", "thesaurus.yaml", NO_YAML, "第 2 行：YAML 格式有误"),
        ("search rebuild", "thesaurus.yaml", "words: {工钱: 工资}", "words.工钱：应当是一个列表"),
    ],
)
def test_a_file_with_a_slip_is_told_by_the_command_that_reads_it(
    app: Flask,
    database: None,
    content: Path,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    name: str,
    text: str | bytes,
    told: str,
) -> None:
    write(name, text)
    settings = replace(app.extensions["portal_settings"], content_dir=content)
    monkeypatch.setitem(app.extensions, "portal_settings", settings)
    done = app.test_cli_runner().invoke(args=command.split())
    assert done.exit_code == 1
    assert f"{name}：" in done.output
    assert told in done.output
    assert "Traceback" not in done.output
