"""What is printed on the page and is no law: page numbers, and who signed below the text and when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import docx
import pytest

from portal.knowledge.importing import markdown, word
from portal.knowledge.importing.markdown import Sheet

HEAD = ("测试市办公条例", "（2020年1月1日测试市第三届人民代表大会常务委员会第二十三次会议通过）")
LAST = "第二条　本条例自2020年3月1日起施行。"
Reader = Callable[..., Sheet]


def in_markdown(folder: Path, *body: str) -> Sheet:
    path = folder / "办公条例.md"
    path.write_text("\n\n".join(["# " + HEAD[0], HEAD[1], "<!-- INFO END -->", *body]))
    return markdown.read(path)


def in_word(folder: Path, *body: str) -> Sheet:
    path, made = folder / "办公条例.docx", docx.Document()
    for text in (*HEAD, *body):
        made.add_paragraph(text)
    made.save(str(path))
    return word.read(path)


@pytest.fixture(params=[in_markdown, in_word])
def read(request, tmp_path) -> Reader:
    return lambda *body: request.param(tmp_path, *body)


def texts(sheet: Sheet) -> dict[str, str]:
    return {article.label: article.text for article in sheet.version.articles}


@pytest.mark.parametrize(
    "number", ["— 3 —", "－3－", "- 3 -", "—３—", "第 3 页", "第 3 页 共 12 页", "第3页/共12页"]
)
def test_the_number_of_a_page_is_no_text(read: Reader, number: str) -> None:
    sheet = read("第一条　测试：制定本条例。", number, "测试：另一款。", LAST, number)
    assert texts(sheet) == {
        "第一条": "测试：制定本条例。\n测试：另一款。",
        "第二条": "本条例自2020年3月1日起施行。",
    }
    assert sheet.notes == ("没有读入 2 处页码",)


def test_a_sentence_goes_on_over_the_number_of_a_page(read: Reader) -> None:
    sheet = read("第一条　测试：为了规范", "— 3 —", "办公，制定本条例。", LAST)
    assert texts(sheet)["第一条"] == "测试：为了规范办公，制定本条例。"


@pytest.mark.parametrize("row", ["3", "3-5", "第3项", "— 略 —", "第 3 页填写姓名。"])
def test_other_numbers_stay_in_the_text(read: Reader, row: str) -> None:
    assert texts(read("第一条　测试：", row, LAST))["第一条"] == f"测试：\n{row}"


@pytest.mark.parametrize(
    "signed",
    [
        ("主席　张某某",),
        ("中华人民共和国主席　张　某", "2020年1月1日"),
        ("市　长：张某某", "二〇二〇年一月一日"),
        ("测试市人民政府", "2020年1月1日"),
        ("测试市人民政府　2020年1月1日",),
        ("测试市卫生健康委员会　测试市公安局", "2020 年 1 月 1 日", "（此件公开发布）"),
        ("（此件公开发布）", "抄送：市委各部门", "测试市人民政府办公室　2020年1月1日印发"),
        ("2020年1月1日", "— 3 —"),
    ],
)
def test_a_signature_below_the_text_is_none_of_it(read: Reader, signed: tuple[str, ...]) -> None:
    sheet = read("第一条　测试：制定本条例。", LAST, *signed)
    assert texts(sheet)["第二条"] == "本条例自2020年3月1日起施行。"
    assert any("署名" in note and signed[0][0] in note for note in sheet.notes)


def test_a_signature_stands_before_the_annexes(read: Reader) -> None:
    sheet = read(LAST.replace("二", "一"), "测试市人民政府", "2020年1月1日", "附件一", "名单：甲")
    assert texts(sheet) == {"第一条": "本条例自2020年3月1日起施行。", "附件一": "名单：甲"}


def test_a_signature_behind_the_list_of_annexes_is_no_annex(read: Reader) -> None:
    sheet = read(LAST, "附件：收费标准", "测试市人民政府", "2020年1月1日", "附件", "每件十元。")
    assert texts(sheet) == {"第二条": "本条例自2020年3月1日起施行。", "附件": "每件十元。"}


@pytest.mark.parametrize(
    "rows",
    [
        # Who is listed, and not who signs.
        ("本会由下列人员组成：", "主席，", "副主席若干人。"),
        ("由下列机关施行：", "测试市公安局"),
        ("由下列机关施行：", "测试市公安局", "2020年1月1日"),
        ("主席　张某某主持会议。",),
        ("自下列日期起停止：2020年1月1日",),
    ],
)
def test_what_an_article_lists_is_its_text(read: Reader, rows: tuple[str, ...]) -> None:
    sheet = read("第一条　测试：制定本条例。", f"第二条　{rows[0]}", *rows[1:])
    assert texts(sheet)["第二条"] == "\n".join(rows).replace("　", " ")
    assert sheet.notes == ()


def test_a_form_in_an_annex_keeps_its_place_for_a_signature(read: Reader) -> None:
    sheet = read(LAST, "附件一", "申请表。", "测试市人民政府", "2020年1月1日")
    assert texts(sheet)["附件一"] == "申请表。\n测试市人民政府\n2020年1月1日"


def test_a_signature_within_the_text_stays(read: Reader) -> None:
    body = ("第一条　测试：式样如下。", "测试市人民政府", "2020年1月1日", LAST)
    assert "测试市人民政府" in texts(read(*body))["第一条"]
