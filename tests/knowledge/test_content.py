"""Loading the content files: whole files or none, every mistake named, staff's edits kept."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from portal.core.db import db, new_id
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import misses, operations, providers
from portal.knowledge.models import (
    Category,
    CitedArticle,
    Faq,
    Guide,
    IndexChange,
    Origin,
    PublicationState,
)
from portal.knowledge.providers import Provider, SearchDocument


def faq(slug: str) -> Faq | None:
    return db.session.scalar(select(Faq).where(Faq.slug == slug))


def rewrite(settings, name: str, old: str, new: str) -> None:
    path = settings.content_dir / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_everything_is_loaded_and_linked_to_its_articles(law):
    assert db.session.scalars(select(Category.code).order_by(Category.position)).all() == [
        "labour",
        "housing",
        "injury",
    ]
    wages = faq("labour-wages")
    assert wages.state is PublicationState.PUBLISHED
    assert wages.origin is Origin.CONTENT
    assert [row.number for row in wages.citations] == ["30", "38"]
    assert all(row.article_id and row.text_hash for row in wages.citations)
    guide = db.session.scalar(select(Guide))
    assert (guide.slug, guide.citations[0].number) == ("guide-evidence", "30")
    assert guide.body.startswith("## 一、先备份")


def test_a_second_run_changes_nothing(law, tell):
    with unit_of_work():
        db.session.query(IndexChange).delete()
    report = operations.load_content(tell)
    assert (report.added, report.changed, report.unchanged) == (0, 0, 6)
    assert db.session.scalar(select(func.count()).select_from(IndexChange)) == 0
    assert tell.lines[-1] == ("content", 4, 4)


def test_what_is_edited_in_a_file_is_changed_in_place(law, settings):
    before = faq("labour-wages").id
    rewrite(settings, "faq/labour.yaml", "先催要", "先书面催要")
    rewrite(settings, "guides/evidence.md", "怎样保存证据", "证据怎样保存")
    rewrite(settings, "categories.yaml", "label: 租房", "label: 租房买房")
    report = operations.load_content()
    assert (report.added, report.changed, report.problems) == (0, 3, [])
    after = faq("labour-wages")
    assert (after.id, after.answer[:5]) == (before, "先书面催要")
    assert len(after.citations) == 2
    assert db.session.scalar(select(func.count()).select_from(CitedArticle)) == 4


def test_what_staff_edited_is_kept_and_said(law, settings):
    with unit_of_work():
        faq("labour-wages").origin = Origin.STAFF
    report = operations.load_content()
    assert (report.kept, report.notes) == (1, [])
    rewrite(settings, "faq/labour.yaml", "先催要", "文件里的新说法")
    report = operations.load_content()
    assert report.kept == 1
    assert report.notes == ["labour.yaml：labour-wages 已由工作人员修改，保留现有内容。"]
    assert faq("labour-wages").answer.startswith("先催要")


def test_what_left_the_files_is_withdrawn_and_can_come_back(law, settings):
    path = settings.content_dir / "faq" / "housing.yaml"
    text = path.read_text(encoding="utf-8")
    path.unlink()
    guide = settings.content_dir / "guides" / "evidence.md"
    guide_text = guide.read_text(encoding="utf-8")
    guide.unlink()
    assert operations.load_content().withdrawn == 2
    assert faq("housing-deposit").state is PublicationState.WITHDRAWN
    path.write_text(text, encoding="utf-8")
    guide.write_text(guide_text, encoding="utf-8")
    assert operations.load_content().changed == 2
    assert faq("housing-deposit").state is PublicationState.PUBLISHED


def test_nothing_is_withdrawn_while_a_file_is_broken(law, settings):
    (settings.content_dir / "faq" / "housing.yaml").write_text("category: [", encoding="utf-8")
    report = operations.load_content()
    assert report.withdrawn == 0
    assert faq("housing-deposit").state is PublicationState.PUBLISHED


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("faq/labour.yaml", "category: labour", "category: space", "类别“space”不在"),
        ("faq/labour.yaml", "category: labour", "category: 3", "类别“3”不在"),
        ("faq/labour.yaml", "category: labour", "kind: x\ncategory: labour", "不认识的名称：kind"),
        ("faq/labour.yaml", "entries:", "entries: []\nothers:", "不认识的名称：others"),
        ("faq/labour.yaml", "    question: 公司拖欠工资怎么办？\n", "", "question：这一项必须填写"),
        ("faq/labour.yaml", "第三十条", "第三十某", "citations.0.article：条文序号无法识别"),
        ("faq/labour.yaml", "reviewed_on: 2026-03-01", "reviewed_on: 去年", "reviewed_on：日期"),
        ("faq/labour.yaml", "reviewed_on: 2026-03-01", "reviewed_on: 2026-02-30", "不存在"),
        ("faq/labour.yaml", "id: labour-wages", "id: Labour Wages", "id：只能用小写字母"),
        ("faq/labour.yaml", "see_also:", "seealso:", "seealso：没有这个字段"),
        ("faq/labour.yaml", "category: labour", "category: labour\ncategory: labour", "写了两次"),
        ("faq/labour.yaml", "category: labour", "1: labour", "名称应当是文字"),
        ("faq/labour.yaml", "category: labour", "category: [labour", "第 2 行：YAML 格式有误"),
        ("faq/labour.yaml", "category: labour", "category: \x01", "不能出现的字符"),
        ("faq/labour.yaml", "id: labour-wages", "id: housing-deposit", "已经用在 housing.yaml"),
        ("guides/evidence.md", "---\nid", "id", "开头应当有用两行"),
        ("guides/evidence.md", "category: labour", "category: space", "类别“space”不在"),
        ("guides/evidence.md", "title: 怎样保存证据\n", "", "title：这一项必须填写"),
        ("guides/evidence.md", "title: 怎样保存证据\n", "title: [\n", "第 5 行：YAML 格式有误"),
        ("categories.yaml", "code: labour", "code: Labour", "code：只能用小写字母"),
        ("categories.yaml", "code: housing", "code: labour", "在本文件中重复"),
        ("categories.yaml", "categories:", "others:", "没有条目"),
    ],
)
def test_a_broken_file_is_named_with_its_reason(settings, package, name, old, new, said):
    operations.import_starter()
    rewrite(settings, name, old, new)
    report = operations.load_content()
    relevant = [text for text in report.problems if text.startswith(name.rpartition("/")[2])]
    assert len(relevant) == 1, report.problems
    assert said in relevant[0]


def test_the_other_files_go_in_and_of_the_broken_one_nothing(settings, package):
    operations.import_starter()
    path = settings.content_dir / "faq" / "labour.yaml"
    good = path.read_text(encoding="utf-8")
    second = good[good.index("  - id") :].replace("labour-wages", "labour-second")
    path.write_text(good + second.replace("    question: 公司", "    questoin: 公司"), "utf-8")
    report = operations.load_content()
    assert [text.partition("：")[0] for text in report.problems] == ["labour.yaml", "labour.yaml"]
    assert "第 2 条（labour-second）" in report.problems[0]
    assert faq("labour-wages") is None
    assert faq("housing-deposit") is not None


def test_files_that_are_no_text_or_not_there(settings):
    (settings.content_dir / "faq" / "labour.yaml").write_bytes(b"\xff\xfe")
    (settings.content_dir / "faq" / "housing.yaml").write_text("- a\n", encoding="utf-8")
    (settings.content_dir / "categories.yaml").unlink()
    report = operations.load_content()
    assert "categories.yaml：没有这个文件。" in report.problems
    assert any("不是 UTF-8 编码" in text for text in report.problems)
    assert "housing.yaml：内容应当是“名称: 值”的形式。" in report.problems


def test_content_may_be_there_before_the_law(settings, package):
    report = operations.load_content()
    assert report.problems == []
    assert report.notes[0].endswith("没有收录。")
    assert {row.article_id for row in db.session.scalars(select(CitedArticle))} == {None}
    operations.import_starter()
    assert None not in {row.article_id for row in db.session.scalars(select(CitedArticle))}
    assert operations.load_content().notes == []


# --- a category that leaves the file ---

HOUSING = """\
  - code: housing
    label: 租房
    description: 押金
    keywords: [押金, 房东]
"""


def without_housing(settings, *, faq_too: bool = True) -> str:
    """Take the category out of the file, and what stands under it; returns the text of its FAQ."""
    rewrite(settings, "categories.yaml", HOUSING, "")
    path = settings.content_dir / "faq" / "housing.yaml"
    text = path.read_text(encoding="utf-8")
    if faq_too:
        path.unlink()
    return text


def listed(api) -> list[str]:
    return [each["code"] for each in api.get("/categories").json["items"]]


def test_a_category_that_left_the_file_leaves_the_list_and_can_come_back(law, settings, api):
    text = without_housing(settings)
    report = operations.load_content()
    assert (report.withdrawn, report.notes, report.problems) == (2, [], [])
    assert listed(api) == ["labour", "injury"]
    assert api.get("/faqs?category=housing").status_code == 422
    # What was withdrawn with it is still there, under the name it had.
    assert faq("housing-deposit").category.label == "租房"
    assert operations.load_content().withdrawn == 0
    rewrite(settings, "categories.yaml", "  - code: injury", f"{HOUSING}  - code: injury")
    (settings.content_dir / "faq" / "housing.yaml").write_text(text, encoding="utf-8")
    assert operations.load_content().problems == []
    assert listed(api) == ["labour", "housing", "injury"]
    assert faq("housing-deposit").state is PublicationState.PUBLISHED


def test_what_is_published_under_a_category_keeps_it_and_is_named(law, settings, api):
    without_housing(settings)
    with unit_of_work():
        faq("housing-deposit").origin = Origin.STAFF
    for _ in range(2):
        report = operations.load_content()
        assert (report.withdrawn, report.problems) == (0, [])
        assert report.notes == [
            "categories.yaml：类别“租房”（housing）已经不在文件里，但是还有已发布的内容属于它，"
            "所以仍然保留：常见问答“房东不退押金怎么办？”。请先给它们换类别，或者撤下，再载入一次。"
        ]
        # Behind those of the file, in whatever order these stand.
        assert listed(api) == ["labour", "injury", "housing"]
    with unit_of_work():
        faq("housing-deposit").state = PublicationState.WITHDRAWN
    assert operations.load_content().notes == []
    assert listed(api) == ["labour", "injury"]


def test_what_another_room_published_under_a_category_keeps_it_too(law, settings, api, monkeypatch):
    answers = [
        SearchDocument(id=new_id(), title=f"第{number}个问题", text="答复", category="housing")
        for number in range(5)
    ]
    known = {each.id: each for each in answers}
    provider = Provider(load=lambda ids: [known[each] for each in ids], all_ids=lambda: known)
    monkeypatch.setitem(providers._providers, "answer", provider)
    without_housing(settings)
    (note,) = operations.load_content().notes
    assert "律师答复“第0个问题”、“第1个问题”、“第2个问题”等 5 条" in note
    assert "housing" in listed(api)


def test_an_faq_file_under_a_category_that_left_is_broken_as_in_a_new_portal(law, settings, api):
    without_housing(settings, faq_too=False)
    report = operations.load_content()
    assert report.problems == ["housing.yaml：类别“housing”不在 categories.yaml 中。"]
    assert (report.withdrawn, faq("housing-deposit").state) == (0, PublicationState.PUBLISHED)
    assert "housing" in listed(api)


def test_no_category_leaves_while_its_file_cannot_be_read(law, settings, api):
    (settings.content_dir / "categories.yaml").write_text("categories: [", encoding="utf-8")
    assert len(operations.load_content().problems) == 1
    assert listed(api) == ["labour", "housing", "injury"]


def test_nothing_is_published_under_a_category_that_left(law, settings, api, editor):
    without_housing(settings)
    operations.load_content()
    path = f"/staff/faqs/{faq('housing-deposit').id}"
    shown = api.get(path, headers=editor)
    assert (shown.json["category"], shown.json["category_label"]) == ("housing", "租房")
    tag = {**editor, "If-Match": shown.headers["ETag"]}
    refused = api.post(f"{path}/publication", headers=tag)
    assert refused.status_code == 422, refused.json
    assert refused.json["errors"] == {"category": ["类别“租房”已经停用，请换一个类别。"]}
    moved = api.call("PATCH", path, {"category": "injury"}, headers=tag)
    answer = api.post(f"{path}/publication", headers={**editor, "If-Match": moved.headers["ETag"]})
    assert answer.status_code == 200, answer.json


def test_a_question_that_came_near_a_category_that_left_is_drafted_under_another(
    law, settings, api, editor
):
    misses.record("无人机赔偿多少", "housing")
    without_housing(settings)
    operations.load_content()
    (item,) = api.get("/staff/search/misses", headers=editor).json["items"]
    assert item["category"] is None
    rewrite(settings, "categories.yaml", "[狗咬]", "[狗咬, 赔偿]")
    operations.load_content()
    made = api.post(f"/staff/search/misses/{item['id']}/faq-draft", {}, headers=editor)
    assert made.json["category"] == "injury", made.json
