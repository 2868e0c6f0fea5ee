"""Who is in danger gets help first, and nobody else: the shipped wordings and sentences of `content/search/`."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from portal.knowledge import search_content
from tests.content.long_stories import STORIES
from tests.content.spoken_questions import ASKED, UNANSWERED

CONTENT = Path(__file__).parents[2] / "content"
GROUPS = yaml.safe_load(
    (CONTENT / search_content.FOLDER / "danger.yaml").read_text(encoding="utf-8")
)["examples"]
IN_DANGER = [(each["id"], said) for each in GROUPS if each["danger"] for said in each["sentences"]]
HARMLESS = [said for each in GROUPS if not each["danger"] for said in each["sentences"]]
# Sentences of danger whose kind no wording knows.
OTHER = "other"

# What is past is not for this moment.
PAST = """
    去年他打过我 我老公以前打过我能离婚吗 家暴怎么取证 丈夫打过我两次 遭受家庭暴力能申请法律援助吗 老公去年动手打人我想离婚
    他打了我两次 被家暴了
"""
# Danger stays danger, whatever harmless thing is told before or behind it.
BEFORE = (
    "去年他打工回来，",
    "我打电话没人接，",
    "正在打官司，",
    "孩子的户口丢了，",
    "以前没打过我，",
    "保险到期了，",
)
BEHIND = (
    "，钱也被拿走了",
    "，能赔多少钱",
    "，保险赔吗",
    "，我要打官司离婚",
    "，去年也有一次",
    "，手机也砸了",
    "，怎么判",
)
TOLD = """
    老公打我 老汉打我妈 遭他打得鼻青脸肿 有人拿刀砍我 老师摸我女儿 我遭强奸了 幺儿不见了 老公把我锁在屋里
    被骗到缅北了 高利贷天天堵门 我不想活了 想去跳河 我妈喝农药了 房子燃起来了 娃儿掉河里了 打老婆
"""
# Written after all wordings and sentences were there: nothing was learned from them, and nothing may be.
UNSEEN = """
    他把我手机卡掰断了，门也从外面锁死，说关我三天
    我婆婆让我在猪圈里头睡，她儿子拿扁担守到
    男的把滚烫的稀饭扣到我脑壳上
    我奶奶说二爸又来抢她的米还推她
    他把我耳环硬扯下来，耳垂都豁了
    我男朋友吸了毒，现在拿玻璃碴子在客厅乱挥
    姐夫喝高了要点房子，汽油味我都闻到了
    隔壁女的满脸是血跑到我家来，她男的追来了
    我爸要把我嫁给一个五十岁的，绳子都拿出来了
    吵完架他上了二十八层，鞋子脱在边边上
    我手上攒了一百多颗，就等他们睡了
    我弟把遗言发家族群了，人在江对面
    这个世界我不想待了，谢谢大家
    我妈把头伸进煤气灶，让我拉出来了，她还要去
    儿子把自己关在屋里三天，刚刚传出一声闷响
    我在微信看到他直播割自己
    表哥说带我打工，到了地方收手机，八个人一间，门口有人
    我被关在养殖场，他们说挖够一年才准走
    娃儿被卖到外省，中间人说再给两万才告诉在哪
    我在出租屋被两个男的看着，身份证被拿走
    他们拉我去抽血，说给钱，抽完不让我走
    继母拿针戳我妹的手指头
    他让我孙女喝酒，还掀她衣服
    邻居家小孩身上全是新伤旧伤，大冷天穿条短裤站楼道
    班里几个男生把我弟塞进垃圾桶点火
    体育老师说给我加练，把我带到器材室锁门
    我五岁的弟弟被一个戴帽子的人抱上摩托
    老母亲出门买盐，五个小时了，电话在家里
    欠债的人把我儿子从学校接走了，说见钱放人
    他们用车堵住我，把我拖下来打
    有人往我家扔燃烧瓶
    前夫蹲在我车底下，刹车线好像被剪了
    有人跟踪我到家门口，现在蹲在消防通道
    厂房起浓烟了，二楼女工下不来
    烟囱倒烟，我爸妈两个都叫不起来
    我孙子掉粪池里了
    他被钢筋穿了肚子，还醒着
    奶奶被热水袋烫得皮都掉了
    孩子抽起来了，眼睛往上翻
    我妈正在ATM上按验证码，电话那头说是医保局
"""


@pytest.fixture(autouse=True)
def shipped(app, monkeypatch):
    monkeypatch.setattr(search_content, "_folder", lambda: CONTENT / search_content.FOLDER)


def help_for(question: str) -> list[str]:
    return [entry["id"] for entry in search_content.urgent_for(question)]


def alarm(question: str) -> bool:
    return any(entry["at_once"] for entry in search_content.urgent_for(question))


def test_every_sentence_of_danger_leads_to_help_at_once_and_to_that_which_fits():
    unheard = [said for _, said in IN_DANGER if not alarm(said)]
    unfitting = [said for kind, said in IN_DANGER if kind not in (OTHER, *help_for(said))]
    assert (unheard, unfitting) == ([], [])


def test_what_only_sounds_like_danger_is_not_told_to_call_the_police():
    assert [said for said in HARMLESS if alarm(said)] == []


def test_most_of_what_nothing_was_learned_from_is_heard_too():
    sentences = [said.strip() for said in UNSEEN.splitlines() if said.strip()]
    assert not {said for _, said in IN_DANGER} & set(sentences)
    unheard = [said for said in sentences if not alarm(said)]
    assert len(unheard) <= len(sentences) * 0.5, unheard


def test_a_spoken_question_about_the_law_seldom_raises_an_alarm():
    questions = [*ASKED, *UNANSWERED]
    assert not set(HARMLESS) & set(questions)
    alarms = [question for question in questions if alarm(question)]
    assert len(alarms) <= len(questions) * 0.05, alarms


def test_a_long_story_about_the_law_seldom_raises_an_alarm():
    assert sum(alarm(story) for _, story in STORIES) <= 3


def test_what_sounds_like_danger_gets_the_numbers_that_are_right_for_everybody_and_keeps_its_results():
    entries = search_content.urgent_for("他拿枕头捂到我脸")
    assert [entry["steps"][0]["phone"] for entry in entries] == ["110", "120", "119"]
    assert not any(entry["alone"] for entry in entries)


def test_one_character_is_the_beginning_of_anything():
    assert not any(alarm(character) for character in "我他她我们请问")


@pytest.mark.parametrize("question", PAST.split())
def test_what_is_past_is_not_treated_as_happening_now(question):
    assert help_for(question) == ["domestic-violence"]


@pytest.mark.parametrize("question", TOLD.split())
def test_danger_is_heard_beside_whatever_else_is_told(question):
    told = [before + question for before in BEFORE] + [question + behind for behind in BEHIND]
    assert [text for text in told if not alarm(text)] == []


@pytest.mark.parametrize(
    ("question", "alone"),
    [
        ("我不想活了", True),
        ("老公出轨我不想活了", True),
        ("想去跳河", True),
        ("喝药了", True),
        ("我老婆喝了农药我也不想活了", True),
        ("我妈说要跳楼", False),
        ("女儿割腕了怎么办", False),
        ("我老婆喝了农药", False),
        ("老汉说他要上吊", False),
        ("孩子说活着没意思", False),
    ],
)
def test_only_who_speaks_of_their_own_death_is_shown_help_alone(question, alone):
    (entry,) = (each for each in search_content.urgent_for(question) if each["id"] == "self-harm")
    assert entry["alone"] is alone


def test_the_district_is_told_of_a_wording_that_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(search_content, "_folder", lambda: tmp_path)
    entry = "urgent:\n  - id: one\n    words: [{}]\n    steps:\n      - {{text: 请马上报警, phone: '110'}}\n"
    for written, said in (("（打/骂", "括号不成对"), ("<邻居>打", "没有“邻居”这一组词")):
        (tmp_path / "urgent.yaml").write_text(entry.format(written), encoding="utf-8")
        (problem,) = search_content.slips()
        assert problem.startswith("urgent.yaml：one 的 words：")
        assert said in problem


def test_a_sentence_that_the_district_adds_is_told_rightly_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(search_content, "_folder", lambda: tmp_path)
    for name in ("urgent.yaml", "danger.yaml"):
        text = (CONTENT / search_content.FOLDER / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert not alarm("红灯笼亮了")
    assert alarm("他拿枕头捂到我脸")
    added = "\n".join(
        f"  - id: {name}\n    danger: {danger}\n    sentences: [{said}]"
        for name, danger, said in (
            ("added", "true", "红灯笼亮了"),
            ("quiet", "false", "他拿枕头捂到我脸"),
        )
    )
    with (tmp_path / "danger.yaml").open("a", encoding="utf-8") as file:
        file.write(f"{added}\n")
    assert alarm("红灯笼，亮了！")
    assert not alarm("他拿枕头捂到我脸")


def test_an_edit_is_noticed_within_a_second(tmp_path, monkeypatch):
    monkeypatch.setattr(search_content, "_folder", lambda: tmp_path)
    monkeypatch.setattr(search_content, "CHECK_SECONDS", 1.0)
    seconds = [1000.0]
    monkeypatch.setattr(search_content.time, "monotonic", lambda: seconds[0])
    assert not alarm("老公打我")
    text = (CONTENT / search_content.FOLDER / "urgent.yaml").read_text(encoding="utf-8")
    (tmp_path / "urgent.yaml").write_text(text, encoding="utf-8")
    assert not alarm("老公打我")
    seconds[0] += 1.1
    assert alarm("老公打我")


def test_without_sentences_only_the_wordings_are_heard(tmp_path, monkeypatch):
    monkeypatch.setattr(search_content, "_folder", lambda: tmp_path)
    text = (CONTENT / search_content.FOLDER / "urgent.yaml").read_text(encoding="utf-8")
    (tmp_path / "urgent.yaml").write_text(text, encoding="utf-8")
    assert not alarm("他拿枕头捂到我脸")
    assert alarm("老公打我")
