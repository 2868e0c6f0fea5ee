"""Whoever mistypes a command reads Chinese, whatever language the shell is set to."""

from __future__ import annotations

import gettext
import re

import pytest
from babel.messages import pofile
from flask import Flask

from portal.config import ROOT

CATALOGUE = ROOT / "portal/locale/zh_CN/LC_MESSAGES"
# Names are as they are typed: commands, options, their values, and what is said in capitals in a synopsis.
TYPED = re.compile(r"[\w./-]*--?[a-z-]+|'[^']*'|\[[^\]]*\]|\b(portal|TEXT)\b[ a-z-]*|\{.*?\}")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("accounts create-staff", "缺少选项"),
        ("accounts create-staff --role x", "不能写 x，只能是："),
        ("accounts create-staff --rol admin", "没有 --rol 这个选项"),
        ("accounts nothing", "没有 nothing 这个命令"),
        ("accounts create-staff --help", "显示这份说明"),
        ("audit verify --expect x", "'--expect' 写得不对"),
        ("search urgent", "缺少参数"),
        ("notary load more", "多写了：more"),
        ("law import --format", "选项 --format 后面要写值"),
    ],
)
def test_a_mistyped_command_is_told_in_chinese(
    app: Flask, monkeypatch: pytest.MonkeyPatch, typed: str, said: str
) -> None:
    for name in ("LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.setenv(name, "en_US.UTF-8")
    done = app.test_cli_runner().invoke(args=typed.split())
    assert said in done.output
    assert re.search(r"[A-Za-z]{3,} [A-Za-z]{2,}", TYPED.sub("", done.output)) is None, done.output


def test_the_compiled_catalogue_is_that_of_the_readable_one() -> None:
    with (
        (CATALOGUE / "messages.po").open("rb") as source,
        (CATALOGUE / "messages.mo").open("rb") as compiled,
    ):
        written = [each for each in pofile.read_po(source, locale="zh_CN") if each.id]
        used = gettext.GNUTranslations(compiled)
    # `make messages` writes it.
    assert len(written) > 40
    for each in written:
        if isinstance(each.id, str):
            assert used.gettext(each.id) == each.string
        else:
            assert used.ngettext(*each.id, 2) == each.string[0]
