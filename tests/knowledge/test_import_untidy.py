"""Documents as exporters and scanners make them: read where it is certain, refused where it is not, never silently wrong."""

from __future__ import annotations

import docx
import pytest

from portal.knowledge.importing import word
from portal.knowledge.importing.texts import Unreadable
from portal.knowledge.operations import import_law
from tests.knowledge.test_import import rows, write_lines
from tests.knowledge.test_import_printed import HEAD, LAST, Reader, in_markdown, read, texts

__all__ = ["read"]

ONE = "第一条　测试：制定本条例。"
BOTH = {"第一条": "测试：制定本条例。", "第二条": "本条例自2020年3月1日起施行。"}


def in_word(folder, *before: str, title: str = HEAD[0]):
    path, made = folder / "办公条例(2020-01-01).docx", docx.Document()
    for text in (*before, title, HEAD[1], ONE, LAST):
        made.add_paragraph(text)
    made.save(str(path))
    return word.read(path)


def test_the_number_of_a_document_above_its_title_is_no_part_of_the_title(tmp_path):
    assert in_word(tmp_path, "测试府发〔2020〕3号").version.law == HEAD[0]


@pytest.mark.parametrize("note", ["（试行）", "（暂行）", "（2020年修正）"])
def test_a_note_on_a_line_of_its_own_below_the_title_belongs_to_it(tmp_path, note):
    path, made = tmp_path / "办公条例.docx", docx.Document()
    for text in (HEAD[0], note, HEAD[1], ONE, LAST):
        made.add_paragraph(text)
    made.save(str(path))
    sheet = word.read(path)
    assert sheet.version.law == HEAD[0] + (note if "行" in note else "")
    assert texts(sheet) == BOTH


@pytest.mark.parametrize(
    "title", ["测试市人民政府关于印发《测试市办公条例》的通知", "关于发布《测试市办公条例》的公告"]
)
def test_the_notice_by_which_a_text_is_handed_on_is_not_taken_for_its_name(tmp_path, title):
    with pytest.raises(Unreadable) as refusal:
        in_word(tmp_path, title, "各区县人民政府：", "现印发给你们，请遵照执行。")
    assert f"开头的“{title}”是印发通知" in refusal.value.reason


def test_articles_in_two_columns_of_a_table_are_read_as_they_stand(tmp_path):
    path, made = tmp_path / "办公条例.docx", docx.Document()
    for text in HEAD:
        made.add_paragraph(text)
    table = made.add_table(2, 2)
    for row, text in enumerate((ONE, LAST)):
        for column, part in enumerate(text.split("　")):
            table.cell(row, column).text = part
    made.save(str(path))
    assert texts(word.read(path)) == BOTH


def test_an_article_within_the_line_of_the_one_before_it_is_told(read: Reader):
    with pytest.raises(Unreadable) as refusal:
        read(ONE + LAST)
    assert refusal.value.reason == "第二条没有另起一行，接在第一条的文字后面，请分行"


def test_an_article_that_is_spoken_of_at_the_begin_of_a_sentence_is_none(read: Reader):
    sheet = read("第一条　测试：从其规定。第二条规定的除外。第二条 、第三条也是。", LAST)
    assert list(texts(sheet)) == ["第一条", "第二条"]


def test_of_many_texts_in_one_file_those_that_run_on_are_told(settings, tmp_path):
    joined = [("第一条", "测试。第二条 测试。"), ("第三条", "测试。")]
    path = write_lines(tmp_path / "a.jsonl", rows(("测试养犬条例", "2024-03-25", joined)))
    (file,) = import_law([path]).files
    assert file.notes == [
        "《测试养犬条例》第一条的文字里接着第二条，没有分开，后面的不能按条号引用"
    ]


@pytest.mark.parametrize(
    "body",
    [
        ("---", ONE, "***", LAST, "---"),
        (f"> {ONE}", ">", f"> {LAST}"),
        (f"- {ONE}", f"- {LAST}"),
        (f"* {ONE}", f"+ {LAST}"),
    ],
)
def test_marks_of_markdown_are_no_text(tmp_path, body):
    assert texts(in_markdown(tmp_path, *body)) == BOTH


@pytest.mark.parametrize("marks", ["##", "＃＃"])
def test_a_heading_needs_no_blank_behind_its_marks(tmp_path, marks):
    sheet = in_markdown(tmp_path, f"{marks}第一章 总则", ONE, LAST)
    assert [article.chapter for article in sheet.version.articles] == [("第一章 总则",)] * 2


def test_a_table_has_its_rows_and_not_the_line_below_its_head(tmp_path):
    sheet = in_markdown(tmp_path, ONE + "收费：\n\n| 类 | 元 |\n|---|:-:|\n| 甲 | 1 |", LAST)
    assert texts(sheet)["第一条"].endswith("收费：\n| 类 | 元 |\n| 甲 | 1 |")


@pytest.mark.parametrize("mark", ["[^1]", "<br>", "&nbsp;", "[见此](http://a.test)"])
def test_markup_within_a_sentence_is_pointed_out(tmp_path, mark):
    sheet = in_markdown(tmp_path, ONE, f"第二条　测试{mark}。")
    assert sheet.notes == (f"第 9 行有网页或者 Markdown 的记号“{mark}”，照原样读入，请核对",)
