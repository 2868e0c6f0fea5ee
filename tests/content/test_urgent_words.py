"""Who is in danger gets help first, and nobody else: the shipped words of `content/search/urgent.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.knowledge import search_content

CONTENT = Path(__file__).parents[2] / "content"

# Sayings by the help that must come; not for this moment is only what the last of them says.
IN_DANGER = {
    "self-harm": (
        "我不想活了",
        "想死",
        "自杀",
        "我 不 想 活 了",
        "我想自杀",
        "想去死",
        "欠了网贷真的不想活了",
        "我妈说要跳楼",
        "女儿割腕了怎么办",
        "孩子说活着没意思",
        "我老婆喝了农药",
        "活不下去了",
        "儿子有自杀的念头",
        "他说他要跳河",
        "我想死，后悔结了这个婚",
        "自杀会疼吗",
        "我吃了一瓶安眠药",
        "房子没了工作没了死了算了",
        "生不如死",
        "我觉得不如死了",
        "室友正在上吊",
    ),
    "child-abuse": (
        "孩子被猥亵了",
        "孩子被老师摸了下面",
        "我女儿被邻居强奸了",
        "幼儿园老师脱孩子裤子",
        "邻居猥亵我女儿",
        "女儿说叔叔摸她下面",
        "补习班老师让学生脱衣服",
        "继父性侵女儿",
    ),
    "missing": (
        "孩子不见了",
        "我儿子放学没回家",
        "老人走丢了",
        "奶奶走失了怎么办",
        "孩子联系不上了",
        "女儿离家出走了",
        "小孩被陌生人带走了",
        "小孩在超市走丢",
        "找不到孩子了",
    ),
    "violence": (
        "有人拿刀砍我",
        "老公打我",
        "我老公天天喝酒打我和孩子",
        "被打了现在很怕",
        "老公打我我好怕",
        "他正在打我妈",
        "我爸打我妈",
        "爸爸喝醉了打妈妈",
        "有人一直跟着我",
        "前男友扬言要杀我全家",
        "隔壁正在打孩子",
        "救命",
        "救救我",
        "我被绑架了",
        "刚才被人打了",
        "我被强奸了",
        "他说要砍死我",
        "儿子天天打我",
        "儿媳打婆婆",
        "保姆虐待老人",
        "我被关在出租屋里出不来",
        "被骗进传销窝点出不来",
        "有人砸我家门",
        "邻居举着斧头追我",
        "他威胁我我很怕",
        "丈夫掐我脖子",
        "又要来打我",
        "对方拿酒瓶指着我",
        "还在打我",
        "快救命啊",
        "领导摸我下面",
        "他要和我同归于尽",
        "男朋友不让我分手还打我",
        "我被老公打了",
        "以前他打我现在又要杀我",
        "老公又喝酒打人了",
        "男的尾随我回家",
        "我快被打死了",
        "老公拿菜刀",
        "丈夫虐待我",
    ),
    "domestic-violence": (
        "去年他打过我",
        "我老公以前打过我能离婚吗",
        "家暴怎么取证",
        "丈夫打过我两次",
        "遭受家庭暴力能申请法律援助吗",
        "老公去年动手打人我想离婚",
        "他打了我两次",
        "被家暴了",
    ),
}
HARMLESS = (
    "正在打官司",
    "还在打官司可以上班吗",
    "正在打离婚官司",
    "正在打官司没钱请律师",
    "邻居要砍我家的树",
    "我想死后把房子给女儿",
    "老人想死后捐遗体",
    "欠债的人自杀了债还要还吗",
    "不想活动",
    "打借条有效吗",
    "儿子在外面打工",
    "打印店把我的材料弄丢了",
    "死亡赔偿金怎么算",
    "自杀保险赔吗",
    "买了保险两年后自杀能理赔吗",
    "员工跳楼公司要负责吗",
    "我想死之后房子留给老伴",
    "老板打我电话骚扰",
    "工资打我卡里少了",
    "公司把钱打我账户",
    "邻居砍我家竹子",
    "要砍价",
    "还在打工没有合同",
    "正在打疫苗孩子发烧谁负责",
    "孩子身份证丢了怎么补",
    "爸爸的存折找不到了",
    "老公失踪两年能离婚吗",
    "宣告失踪要什么条件",
    "孩子的狗走丢了",
    "打人怎么判",
    "打架拘留几天",
    "猥亵罪怎么判",
    "强奸罪判几年",
    "著作权被侵犯怎么办",
    "孩子名誉权被侵犯",
    "孩子游戏充值能退吗",
    "被人打了怎么赔偿",
    "对方先打我我还手算互殴吗",
    "老公欠债我要还吗",
    "死者的债务谁还",
    "父母去世房子怎么分",
    "老公打麻将输钱",
    "儿子打官司要我出钱吗",
    "老公打工受伤",
    "还在打官司孩子归谁",
    "跟踪快递",
    "威胁证人怎么判",
    "杀人罪判几年",
    "救命钱被骗了",
    "见义勇为救人受伤",
    "高空抛物砸到人",
    "孩子打架赔多少",
    "公司联系不上",
    "房东联系不上",
    "手机丢了",
    "我没有打他",
    "他没打我只是骂我",
    "砍伐树木要办证吗",
    "打听继承的事",
    "孩子学校作业没写被老师骂",
    "从没想过自杀",
    "家里水管爆了砸门找人修",
    "活动场地租金",
    "死缓是什么意思",
    "打欠条没还钱",
    "协助自杀判几年",
    "摸底考试作弊",
    "下面条店没有营业执照",
    "自杀身亡的人有抚恤金吗",
    "我想打官司",
    "离婚官司打了两年",
    "老公打官司输了",
    "打折商品不退",
    "女儿打预防针",
    "医院打针打错了",
    "老婆打电话骂人",
    "逼人自杀犯法吗",
    "打我妈的主意",
    "想死心离婚",
    "正在砍树",
    "儿子拿刀切水果",
    "去年被人砍伤怎么判",
    "老跟着我学车",
    "对方打死不认账",
    "孩子丢了户口本",
    "老人摔倒扶了被讹",
)


@pytest.fixture(autouse=True)
def shipped(app, monkeypatch):
    monkeypatch.setattr(search_content, "_folder", lambda: CONTENT / search_content.FOLDER)


def help_for(question: str) -> list[str]:
    return [entry["id"] for entry in search_content.urgent_for(question)]


@pytest.mark.parametrize(
    ("question", "kind"),
    [(question, kind) for kind, questions in IN_DANGER.items() for question in questions],
)
def test_who_is_in_danger_gets_the_help_that_fits(question, kind):
    assert kind in help_for(question)


@pytest.mark.parametrize("question", HARMLESS)
def test_an_ordinary_question_is_not_told_to_call_the_police(question):
    assert help_for(question) == []


def test_what_is_past_is_not_treated_as_happening_now():
    for question in IN_DANGER["domestic-violence"]:
        assert help_for(question) == ["domestic-violence"]


def test_the_district_is_told_of_a_wording_that_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(search_content, "_folder", lambda: tmp_path)
    entry = "urgent:\n  - id: one\n    words: [{}]\n    steps:\n      - {{text: 请马上报警, phone: '110'}}\n"
    for written, said in (("（打/骂", "括号不成对"), ("<邻居>打", "没有“邻居”这一组词")):
        (tmp_path / "urgent.yaml").write_text(entry.format(written), encoding="utf-8")
        (problem,) = search_content.problems()[0]
        assert problem.startswith("urgent.yaml：one 的 words：")
        assert said in problem
