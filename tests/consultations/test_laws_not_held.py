"""A law that the portal does not hold may carry an answer once the lawyer says where it was read; what is held is checked."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.accounts.events import ResidentDeletionRequested
from portal.audit.models import AuditEvent
from portal.consultations.models import Answer
from portal.core import events
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import providers
from portal.knowledge.models import Article, Validity
from tests.consultations.conftest import CITATION
from tests.consultations.test_account import resident_id
from tests.consultations.test_publication import confirm, decide_all, publication_path
from tests.factories.laws import make_law

INJURY = "工伤保险条例"
TEXT = "您在上班途中受伤，可以认定为工伤，见《工伤保险条例》第十四条。"
READ = {"law": INJURY, "source": "国家法律法规数据库"}
NOTE = "答复时以下法律文件不在本站法规库中，由承办律师另行核对：《工伤保险条例》（国家法律法规数据库）。"
ON_INJURY = {"law": INJURY, "article": "第十四条"}


def body(text=TEXT, citations=(CITATION,), elsewhere=(READ,)):
    return {"text": text, "citations": list(citations), "checked_elsewhere": list(elsewhere)}


def submit(district, *args, **kwargs):
    consultation_id = district.claimed()
    answer = district.staff_step(district.lawyer, consultation_id, "answer", body(*args, **kwargs))
    return consultation_id, answer


def sign(district, consultation_id):
    return district.staff_step(
        district.reviewer, consultation_id, "sign-off", {"decision": "approve"}
    )


def test_an_answer_that_cites_a_law_not_held_is_refused_with_how_to_go_on(district):
    _, refused = submit(district, elsewhere=())
    assert (refused.status_code, refused.json["code"]) == (422, "bad_citation")
    assert refused.json["errors"] == {
        "text": ["“《工伤保险条例》第十四条”：没有收录这部法律"],
        "checked_elsewhere": ["没有收录《工伤保险条例》，请导入，或者写明在哪里核对过。"],
    }
    assert "先导入" in refused.json["next_step"]
    assert "“另行核对的法律”" in refused.json["next_step"]


def test_it_goes_out_when_the_lawyer_says_where_the_law_was_read_and_everybody_is_told(district):
    consultation_id, handed_in = submit(district)
    assert handed_in.status_code == 200, handed_in.json
    path = f"/staff/consultations/{consultation_id}"
    (shown,) = district.api.get(path, headers=district.reviewer).json["answers"]
    assert shown["checked_elsewhere"] == [READ]
    assert sign(district, consultation_id).status_code == 200
    (answer,) = district.mine(consultation_id)["answers"]
    assert (answer["text"], answer["checked_elsewhere_note"]) == (TEXT, NOTE)


def test_who_said_so_of_which_law_stands_in_the_record(district):
    submit(district)
    event = db.session.scalars(
        select(AuditEvent).where(AuditEvent.action == "consultation.submit_answer")
    ).one()
    assert event.actor_id == district.people["lawyer"]
    assert event.detail["checked_elsewhere"] == INJURY


def test_an_answer_whose_laws_are_held_says_nothing_of_it(district):
    (answer,) = district.mine(district.answered())["answers"]
    assert (answer["checked_elsewhere"], answer["checked_elsewhere_note"]) == ([], None)


@pytest.mark.parametrize(
    "law", ["《工伤保险条例》", "中华人民共和国工伤保险条例", "工伤保险条例（2010年修订）"]
)
def test_the_law_may_be_named_in_any_form_of_its_name(district, law):
    _, answer = submit(district, elsewhere=[{**READ, "law": law}])
    assert answer.status_code == 200, answer.json


@pytest.mark.parametrize(
    ("cited", "law"),
    [
        ("民诉法解释第九十条", "民诉法解释"),
        (
            "《最高人民法院关于适用〈中华人民共和国民事诉讼法〉的解释》第九十条",
            "《最高人民法院关于适用〈中华人民共和国民事诉讼法〉的解释》",
        ),
        (
            "《最高人民法院关于审理民间借贷案件适用法律若干问题的规定》（2020年修正）第二十五条",
            "最高人民法院关于审理民间借贷案件适用法律若干问题的规定",
        ),
        (
            "最高人民法院关于适用《中华人民共和国民法典》合同编通则若干问题的解释第三条",
            "最高人民法院关于适用《民法典》合同编通则若干问题的解释",
        ),
    ],
)
def test_interpretations_are_named_as_they_are_cited(district, cited, law):
    _, answer = submit(district, f"您的情况可以参照{cited}。", elsewhere=[{**READ, "law": law}])
    assert answer.status_code == 200, answer.json


@pytest.mark.parametrize(
    ("text", "entry", "law"),
    [
        # With 中华人民共和国 and without, in book marks and without.
        ("《中华人民共和国工伤保险条例》第十四条，工伤保险条例第十五条", INJURY, INJURY),
        # As the answer itself calls it, wherever the statement and the list take their name from.
        ("《工伤保险条例》（以下简称工伤条例）第十四条，工伤条例第十五条", INJURY, "工伤条例"),
        ("工伤保险条例（以下简称“工伤条例”）第十四条，工伤条例第十五条", "工伤条例", INJURY),
        ("《工伤条例》第十五条，即《工伤保险条例》（以下简称《工伤条例》）", "工伤条例", INJURY),
        # With who made it and without.
        (
            "《最高人民法院关于审理工伤案件的规定》第三条，审理工伤案件的规定第四条",
            "关于审理工伤案件的规定",
            "最高人民法院关于审理工伤案件的规定",
        ),
    ],
)
def test_one_statement_does_for_a_law_under_all_names_that_are_surely_its_own(
    district, text, entry, law
):
    said = [{**READ, "law": law}]
    consultation_id, answer = submit(
        district, f"您可以申请认定工伤，见{text}。", [{**ON_INJURY, "law": entry}], said
    )
    assert answer.status_code == 200, answer.json
    signed = sign(district, consultation_id)
    assert signed.status_code == 200, signed.json
    (seen,) = district.mine(consultation_id)["answers"]
    assert seen["checked_elsewhere"] == said


def test_a_name_that_may_be_another_laws_needs_a_statement_of_its_own(district):
    text = "见《最高人民法院关于审理工伤案件的规定》第三条、《最高人民检察院关于审理工伤案件的规定》第四条。"
    said = [{**READ, "law": "最高人民法院关于审理工伤案件的规定"}]
    _, refused = submit(district, text, elsewhere=said)
    assert refused.json["errors"]["checked_elsewhere"] == [
        "没有收录《最高人民检察院关于审理工伤案件的规定》，请导入，或者写明在哪里核对过。"
    ]


def test_what_is_lacking_is_told_once_for_a_law_under_two_names(district):
    text = "见《工伤保险条例》（以下简称工伤条例）第十四条、国务院工伤保险条例第十五条。"
    _, refused = submit(district, text, elsewhere=())
    assert len(refused.json["errors"]["text"]) == 2
    assert len(refused.json["errors"]["checked_elsewhere"]) == 1


def test_an_answer_may_rest_on_nothing_but_a_law_that_is_not_held(district):
    consultation_id, answer = submit(district, citations=[ON_INJURY])
    assert answer.status_code == 200, answer.json
    assert sign(district, consultation_id).status_code == 200
    (seen,) = district.mine(consultation_id)["answers"]
    assert seen["citations"] == [{**ON_INJURY, "article_id": None}]


@pytest.mark.parametrize(
    ("citation", "elsewhere", "message"),
    [
        (ON_INJURY, [], "没有收录《工伤保险条例》。"),
        ({**ON_INJURY, "article": "某条"}, [READ], "“某条”不是条文序号"),
        # Of a law that is held only its text counts.
        ({**CITATION, "article": "第九百条"}, [{**READ, "law": CITATION["law"]}], "没有第九百条"),
    ],
)
def test_an_entry_rests_on_what_is_held_or_said_to_be_read_elsewhere(
    district, citation, elsewhere, message
):
    _, refused = submit(district, "您可以申请认定工伤，请尽快。", [citation], elsewhere)
    assert (refused.status_code, refused.json["code"]) == (422, "bad_citation")
    assert message in refused.json["errors"]["citations.0"][0]
    assert refused.json["next_step"]


@pytest.mark.parametrize("wrong", ["劳动合同法第九百条", "《仲裁法》第十六条"])
def test_what_a_held_law_does_not_say_or_no_longer_bars_whatever_is_said(district, wrong):
    make_law("中华人民共和国仲裁法", ("16",), Validity.REPEALED)
    said = [READ, {**READ, "law": "劳动合同法"}, {**READ, "law": "仲裁法"}]
    _, refused = submit(district, f"{TEXT}另见{wrong}。", elsewhere=said)
    assert (refused.status_code, refused.json["code"]) == (422, "bad_citation")
    assert list(refused.json["errors"]) == ["text"]


@pytest.mark.parametrize("place", ["text", "entry"])
def test_a_law_that_a_held_text_repeals_bars_whatever_is_said(district, place):
    (repeal,) = make_law("中华人民共和国民法典", ("1260",))
    with unit_of_work():
        stored = db.session.get_one(Article, repeal.id)
        stored.text = "《中华人民共和国合同法》同时废止。"
    said = [{**READ, "law": "合同法"}]
    if place == "text":
        _, refused = submit(district, "依照合同法第五十二条，合同无效。", elsewhere=said)
    else:
        entry = {"law": "合同法", "article": "第五十二条"}
        _, refused = submit(district, "这份合同没有法律效力。", [entry], said)
    assert (refused.status_code, refused.json["code"]) == (422, "bad_citation")


@pytest.mark.parametrize(
    "elsewhere",
    [
        [READ, {**READ, "law": CITATION["law"]}],
        [READ, {**READ, "law": "失业保险条例"}],
        [READ, {**READ, "law": "《工伤保险条例》"}],
    ],
)
def test_what_is_said_of_a_law_that_is_held_not_cited_or_named_twice_is_refused(
    district, elsewhere
):
    _, refused = submit(district, elsewhere=elsewhere)
    assert refused.status_code == 422
    (field,) = refused.json["errors"]
    assert field.startswith("checked_elsewhere.")


@pytest.mark.parametrize("source", [None, "", " "])
def test_the_place_where_it_was_read_must_be_named(district, source):
    _, refused = submit(district, elsewhere=[{**READ, "source": source}])
    assert refused.status_code == 422
    assert list(refused.json["errors"]) == ["checked_elsewhere.0.source"]


def test_a_draft_keeps_what_was_said(district):
    consultation_id = district.claimed()
    draft = body("写到一半，稍后再补充。", [ON_INJURY])
    kept = district.done(district.lawyer, consultation_id, "answer-draft", draft, method="PUT")
    assert kept["answers"][0]["checked_elsewhere"] == [READ]
    assert kept["answers"][0]["checked_elsewhere_note"] == NOTE


def test_a_law_imported_since_is_checked_for_real_when_the_answer_is_signed(district):
    consultation_id, _ = submit(district, citations=[ON_INJURY])
    (article,) = make_law(INJURY, ("14",))
    assert sign(district, consultation_id).status_code == 200
    (answer,) = district.mine(consultation_id)["answers"]
    assert answer["citations"][0]["article_id"] == str(article.id)
    assert (answer["checked_elsewhere"], answer["checked_elsewhere_note"]) == ([], None)


@pytest.mark.parametrize(("citation", "field"), [(CITATION, "text"), (ON_INJURY, "citations.0")])
def test_a_law_imported_since_that_lacks_the_article_keeps_the_answer_from_being_signed(
    district, citation, field
):
    consultation_id, _ = submit(district, citations=[citation])
    make_law(INJURY, ("1",))
    refused = sign(district, consultation_id)
    assert (refused.status_code, refused.json["code"]) == (422, "bad_citation")
    assert field in refused.json["errors"]
    assert district.mine(consultation_id)["state"] == "in_review"


def test_an_article_repealed_since_keeps_the_answer_that_lists_it_from_being_signed(district):
    consultation_id = district.in_review("用人单位应当按时足额支付工资。")
    with unit_of_work():
        article = db.session.scalars(select(Article).where(Article.number == "30")).one()
        article.version.status = Validity.REPEALED
    refused = sign(district, consultation_id)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["citations.0"])


def test_the_public_text_says_it_too_once_a_person_has_looked_it_through(district):
    consultation_id, _ = submit(district, citations=[CITATION, ON_INJURY])
    sign(district, consultation_id)
    made = district.api.post(publication_path(consultation_id), headers=district.moderator)
    decide_all(district, consultation_id, redact=False)
    assert confirm(district, consultation_id).status_code == 200
    public = district.api.get(f"/questions/{made.json['id']}").json
    assert public["answer"] == f"{TEXT}\n\n{NOTE}"
    # What is not held leads nowhere.
    assert [each["article"] for each in public["citations"]] == ["第三十条"]
    provider = providers.provider("answer")
    (document,) = provider.load(list(provider.all_ids()))
    assert len(document.article_ids) == 1


def test_what_was_said_goes_with_the_account(district):
    consultation_id, _ = submit(district)
    sign(district, consultation_id)
    with unit_of_work():
        events.publish(ResidentDeletionRequested(resident_id()))
    assert db.session.scalars(select(Answer)).one().checked_elsewhere is None
