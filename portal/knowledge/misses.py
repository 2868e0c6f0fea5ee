"""Questions that search could not answer, counted for staff without knowing who asked.

What is kept, and why it is no personal data:

- nothing about the caller: no account, address, session or time of day, only calendar days;
- the question after cleaning: numbers of five digits and more, phones, identity numbers, cards,
  plates, house numbers, e-mail addresses and names of persons are taken out, and what is longer than
  MOST characters is cut at a sentence: a long text is somebody's story, not a question;
- sealed at rest; found again by a keyed fingerprint over its words, so that the same question
  asked in another order or with other punctuation is one row;
- forgotten by itself: after 30 days when it was asked on one day only, else 180 days after the last.

A clean-up cannot know every name. Therefore a wording is shown without the words that no dictionary of
common words has. In Chinese characters most of them are how people speak, so they show once several
people may have asked: after SEVERAL searches over at least A_WHILE. Who asked is not known, and who asks
again on the next day is mostly the same person; nothing kept here can tell more. In other letters they
never show: names in them are in no list.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import rjieba
from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.core import clock, family_names
from portal.core.db import db, is_sqlite, new_id, rows_changed
from portal.core.encryption import blind_index
from portal.core.unit_of_work import transactional
from portal.knowledge import index
from portal.knowledge.models import MissState, SearchMiss
from portal.knowledge.names import short
from portal.observability.redaction import redact
from search_index import Thesaurus, content_words
from search_index.analysis import normalise

MOST = 60
SHORTEST = 2
# A flood of made-up questions must not fill the table; what residents really miss comes again.
MOST_NEW_PER_DAY = 2000
FORGET_ONCE = timedelta(days=30)
FORGET = timedelta(days=180)
SEVERAL = 5
A_WHILE = timedelta(days=7)
PERSON = "某某"
NUMBER = "〔号码〕"
HIDDEN = "□"
# Longer words of the thesaurus are known by their parts.
LONGEST_KNOWN = 8

_LONG_NUMBER = re.compile(r"(?=[A-Za-z\-]*[0-9])[0-9A-Za-z][0-9A-Za-z\-]{4,}|[0-9](?: ?[0-9]){6,}")
# Stricter than the log's pattern, which takes the words around an address along.
_EMAIL = re.compile(r"[A-Za-z0-9._+\-]+@[A-Za-z0-9.\-]+")
_HOUSE = re.compile(
    r"[0-9一二三四五六七八九十]+(?=号|栋|幢|单元|室)|(?<=单元|号楼)[0-9]{2,4}|(?<=[栋幢])[0-9]{2,4}"
)
# Full-width digits and letters; punctuation stays as it was written.
_WIDTH = {0xFEE0 + point: point for point in range(0x30, 0x7B) if chr(point).isalnum()}
_MARK = re.compile(r"\[[^\[\]]{1,6}\]")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]{0,100}>|&(?:[a-z]{2,8}|#\d{1,6});")
_HAN = re.compile(r"[\u4e00-\u9fff]")
# A family name, perhaps with the given one, before a title. Without one it is any word: 报告交了老板, 要请律师.
_TITLED = re.compile(
    rf"({'|'.join(family_names.OF_TWO)}|[{''.join(sorted(family_names.COMMON))}])([\u4e00-\u9fff]{{0,2}}?)"
    r"(先生|女士|小姐|老师|医生|律师|经理|老板|师傅|法官|警官|主任|村长|书记)"
)
_CALLED = re.compile(
    r"(我叫|我是|名叫|姓名是?[:：]?|叫做|叫)([\u4e00-\u9fff]{2,3})(?![\u4e00-\u9fff])"
)
# The same with the sentence going on: only a family name tells then that it is a name.
_CALLED_ON = re.compile(
    rf"(我叫|名叫|姓名是?[:：]?|叫做)([{''.join(sorted(family_names.COMMON))}][\u4e00-\u9fff])([\u4e00-\u9fff])([\u4e00-\u9fff])"
)
# Of the family names those that are no preposition or everyday word behind a party: 被告方, 债权人向.
_OF_PARTY = "".join(sorted(family_names.COMMON - set("方许钱万向于何")))
# Who somebody is in a matter, with the name behind it: 被告：赵铁柱, 老板叫周建军.
_PARTY = re.compile(
    r"(原告人?|被告人?|上诉人|申请人|第三人|债务人|债权人|借款人|受害人|嫌疑人|当事人|证人|老板|房东|邻居|老公|老婆|儿子|女儿)"
    rf"(叫做?|是|[:：]|)(\s*)([{_OF_PARTY}])([\u4e00-\u9fff])([\u4e00-\u9fff]?)"
)
# 阿依古丽·买买提. Behind a law's name a dot leads to its part.
_DOTTED = re.compile(
    r"[\u4e00-\u9fff]{2,6}(?<![法典例])(?:[·•・‧][\u4e00-\u9fff]{2,6})+(?=的|$|[^\u4e00-\u9fff])"
)
_BIRTH = re.compile(r"[0-9]{2,4}年[0-9]{1,2}月(?:[0-9]{1,2}[日号])?(?=出?生)")
_SPACED_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Za-z](?:[\s·.\-]*[0-9A-Za-z]){5,6}(?![0-9A-Za-z])"
)
# Tagged as names by the dictionary, and the law's own words.
_GIVEN = frozenset(("nr", "nrt", "nrfg"))
_NO_NAMES = frozenset(("陈述", "高利", "周边", "方正", "任意"))
# Characters that stand in nobody's name, alone or side by side: what joins a sentence, what is counted
# with, what is done to somebody, and the body.
_NAMELESS = frozenset(
    "我你您他她它们的了吗呢吧啊呀么是在有与及或给把被让对从到由以之其而但就都也还又很再已才只要想能会应该可需请没不"
    "别未无将因等所并若仅且仍即者至按此既则须这那两几个次件条份户怎谁啥哪咋何打骂偷抢骗借欠赔付租买卖拿拆住告诉抓罚"
    "扣退换修漏吵堵占找做说丢弄寄算帮砸扔搞吃喝砍捅咬踢踹推撞摔写逼绑扯拖拽摸赖躲逃撤剪挖拔吓哭喊吐孕胎"
    "刀棍绳药腿脚手脸眼嘴牙肚腰血骨"
)
# Words of one character that questions are made of. Any other single character may be part of a name
# that the dictionary does not know and the segmenter took apart.
_COMMON = _NAMELESS | frozenset(
    "和向于为一二三四五六七八九十百千万多少大小上下里外中前后时年月日天家人男女老孩子父母夫妻哥弟姐妹钱房屋车狗猫树"
    "路水电气网店厂村镇区县市法律罪刑税费款债保险收送建离结婚生死病伤残判审查关放分立签号叫楼门墙窗井坟山田地林粮菜"
    "鱼鸡牛羊猪去交走用办归过内得跑着带受看坏赶管假骑问领停遭账帐跟道选证差起啷岁干入取挡掉如堆倍比改催零种冤非听进换"
    "补断输点迁错拒作致息块项捡久各坑讹怕提锁加降嘞搬砖嘛妈爸爷奶姑舅姨婶嫂陪儿拉呛甩刷头肺难撒油洞约乡使租缺运称旧删"
    "批害反贷误剐蹭报脏却充接免位涨跌敲泡淹摊活押工饿困累疼醉挂哑瞎晕挨踩烧冻淋缴填贴拨喂滚蹲停挖冲冒熬赚亏本涂拦撵躺"
    "馊霉毒针刮划烂臭咋莫硬软痛痒肿歪斜漏渗堆亲媳婿侄孙嗦哈噻哟咯嗲坝巷屋头底边处趟顿遍场堂课班级校症痕疤奶瓶锅碗出令事养继第期转定指自间扶替私酒乱藏调休完驾拍托太留怀群辞赌"
    "黑跪拼凶抽拟虽更产待额系投载患椅圈涉附票尚嫁犬滑雇抵搭栏货搜招派包卡晚总见当代折复数开经"
)
# What people write in Latin letters. Anything else may be a name in Pinyin or a user's name.
_COMMON_LATIN = frozenset(
    "app wifi ktv atm pos etc gps ip ai it hr hpv hiv dna ct b2b p2p o2o pua aa vip qq usb suv "
    "pdf word excel ppt ok pk id icu lpr vr ar led sim nfc 2g 3g 4g 5g chatgpt deepseek iphone android windows email".split()
)
# Before a family name among people who know each other, and nothing at the beginning of a text.
_FAMILIAR = ("小", "老", "阿", "")
# Written by staff for everybody; a published question was a resident's.
_BY_STAFF = ("faq", "guide")
_SENTENCE_END = re.compile(r"[。！？!?；;\n]")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A question without personal data, and the fingerprint of its words."""

    text: str
    fingerprint: str


def clean(question: str) -> Cleaned | None:
    """Return the question as it may be kept; None when nothing worth keeping is left."""
    text = _MARKUP.sub(" ", unicodedata.normalize("NFC", question)).translate(_WIDTH).strip()
    text = _simplified(text)
    text = _SPACED_PLATE.sub(NUMBER, _BIRTH.sub(NUMBER, text))
    text = _MARK.sub(NUMBER, redact(_EMAIL.sub(NUMBER, text)))
    text = _HOUSE.sub(NUMBER, _LONG_NUMBER.sub(NUMBER, text))
    text = _CALLED.sub(lambda match: match[1] + PERSON, text)
    text = _CALLED_ON.sub(_without_name, text)
    text = _TITLED.sub(_without_titled, text)
    text = _DOTTED.sub(PERSON, _PARTY.sub(_without_party, text))
    text = _without_persons(text)
    text = re.sub(r"\s+", " ", text).strip()
    if len(text) > MOST:
        end = _SENTENCE_END.search(text)
        text = text[: end.start()] if end and end.start() <= MOST else text[:MOST]
    said = text.replace(NUMBER, " ").replace(PERSON, " ")
    # Of every script: else a name in Latin letters would show once another one was asked about.
    words = sorted({word.lower() for word in rjieba.cut(said) if any(map(str.isalpha, word))})
    if len(text) < SHORTEST or not _HAN.search(said):
        return None
    return Cleaned(text, blind_index("search_miss", " ".join(words)))


def shown(miss: SearchMiss) -> str:
    """Return the wording that staff see: common words, and all in Chinese characters that several people may have asked."""
    several = miss.count >= SEVERAL and miss.last_seen_on - miss.first_seen_on >= A_WHILE
    text = miss.text
    known = _known(text)
    parts, end = [], 0
    for word in rjieba.cut(text):
        start, end = end, end + len(word)
        rest = [text[at] for at in range(start, end) if not known[at]]
        # The segmenter guesses words (醉|驾会判|几年): what the thesaurus knows of them names nobody.
        guessed = len(rest) < len(word) and all(map(_is_common, rest))
        if _is_common(word) or guessed or (several and all(map(_HAN.match, word))):
            parts.append(word)
        else:
            parts += [text[at] if known[at] else HIDDEN for at in range(start, end)]
    return "".join(parts)


def _known(text: str) -> list[bool]:
    """For each character whether it stands in a word of the thesaurus or in a law's short name."""
    found = [False] * len(text)
    words = vocabulary()
    for start in range(len(text)):
        for end in range(start + 2, min(start + LONGEST_KNOWN, len(text)) + 1):
            if text[start:end] in words:
                found[start:end] = [True] * (end - start)
    return found


_kept: tuple[Thesaurus, str, frozenset[str]] | None = None


def vocabulary() -> frozenset[str]:
    """The words that everybody may read anyway: of the district's thesaurus, of laws' names and of published FAQ.

    As the index has them; none without an index.
    """
    global _kept
    if not index.is_open():
        return frozenset()
    snapshot = index.reader().snapshot()
    thesaurus, state = snapshot.words.thesaurus, f"{snapshot.built_at}/{snapshot.delta_name}"
    if _kept is None or _kept[0] is not thesaurus or _kept[1] != state:
        laws = (*thesaurus.law_names, *map(short, thesaurus.law_names.values()))
        legal = (word for others in thesaurus.words.values() for word in others)
        lines = (line for part in snapshot.completions for line in part.lines)
        asked = (word for line in lines if line.kind in _BY_STAFF for word in rjieba.cut(line.text))
        known = frozenset((*laws, *thesaurus.words, *legal, *(w for w in asked if len(w) > 1)))
        _kept = thesaurus, state, known
    return _kept[2]


def says_something(text: str) -> bool:
    """True for a wording as shown from which one sees what was asked: a word, and not only □□怎么办."""
    for mark in (PERSON, NUMBER, HIDDEN):
        text = text.replace(mark, " ")
    said = [word for word in content_words(text) if _HAN.search(word)]
    return len(said) > 1 or any(len(word) > 1 for word in said)


def is_masked(text: str) -> bool:
    """True for a wording that nobody else should be given to read as it is."""
    return any(mark in text for mark in (HIDDEN, PERSON, NUMBER))


def _is_common(word: str) -> bool:
    """True for a word that names nobody: of the dictionary, or of the usual single characters.

    Whatever else has letters, of any script, may be somebody's name.
    """
    if word == PERSON or not any(map(str.isalpha, word)):
        return True
    if word.isascii():
        return len(word) == 1 or word.lower() in _COMMON_LATIN
    if len(word) == 1:
        return word in _COMMON
    # The segmenter guesses words of what stands side by side (拿|刀砍|我); with one of those characters it is no name.
    guessed = _COMMON.issuperset(word) and not _NAMELESS.isdisjoint(word)
    return bool(rjieba.has_word(word)) or guessed


@dataclass(slots=True)
class _Counted:
    """A question and how often it is to be counted."""

    text: str
    category: str | None
    count: int = 0


def record(question: str, category: str | None) -> None:
    """Count one question that search could not answer."""
    record_all([(question, category)])


@transactional
def record_all(asked: Iterable[tuple[str, str | None]]) -> None:
    """Count questions that search could not answer, each with the category it came near."""
    counted: dict[str, _Counted] = {}
    for question, category in asked:
        cleaned = clean(question)
        if cleaned is not None:
            one = counted.setdefault(cleaned.fingerprint, _Counted(cleaned.text, category))
            one.count += 1
    today = clock.today()
    kept = _those_with_room(list(counted), today)
    if not kept:
        return
    dialect = sqlite if is_sqlite() else postgresql
    now = clock.now()
    statement = dialect.insert(SearchMiss)
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=[SearchMiss.fingerprint],
            set_={
                "count": SearchMiss.count + statement.excluded.count,
                "last_seen_on": today,
                "updated_at": now,
            },
        ),
        [
            {
                "id": new_id(),
                "fingerprint": fingerprint,
                "text": counted[fingerprint].text,
                "count": counted[fingerprint].count,
                "first_seen_on": today,
                "last_seen_on": today,
                "category_code": counted[fingerprint].category,
                "state": MissState.OPEN,
                "version": 1,
                "created_at": now,
                "updated_at": now,
            }
            # In one order for all writers, so that two of them never wait for each other.
            for fingerprint in sorted(kept)
        ],
    )


def _those_with_room(fingerprints: list[str], today: date) -> list[str]:
    """Those known already, and of the new ones as many as this day has room for."""
    if not fingerprints:
        return []
    known = set(
        db.session.scalars(
            select(SearchMiss.fingerprint).where(SearchMiss.fingerprint.in_(fingerprints))
        )
    )
    new = [fingerprint for fingerprint in fingerprints if fingerprint not in known]
    if new:
        held = select(func.count(SearchMiss.id)).where(SearchMiss.first_seen_on == today)
        new = new[: max(0, MOST_NEW_PER_DAY - (db.session.scalar(held) or 0))]
    return [*known, *new]


@transactional
def forget(today: date) -> int:
    """Delete what has not been asked for a while; returns how many rows. What staff answered stays."""
    once = and_(
        SearchMiss.first_seen_on == SearchMiss.last_seen_on,
        SearchMiss.last_seen_on < today - FORGET_ONCE,
    )
    result = db.session.execute(
        delete(SearchMiss).where(
            SearchMiss.state != MissState.ANSWERED,
            or_(once, SearchMiss.last_seen_on < today - FORGET),
        )
    )
    return rows_changed(result)


def settle(
    members: Iterable[SearchMiss],
    state: MissState,
    staff_id: uuid.UUID | None,
    faq_id: uuid.UUID | None = None,
) -> None:
    """Note what a member of staff made of a question, in all its wordings at one moment."""
    now = clock.now()
    for miss in members:
        miss.state = state
        miss.handled_by = staff_id
        miss.handled_at = now
        miss.faq_id = faq_id


def settled_with(miss: SearchMiss) -> list[SearchMiss]:
    """Return the wordings that were settled in the same step as this one, the most asked first."""
    query = (
        select(SearchMiss)
        .where(
            SearchMiss.state == miss.state,
            SearchMiss.handled_at == miss.handled_at,
            SearchMiss.faq_id.is_not_distinct_from(miss.faq_id),
        )
        .order_by(SearchMiss.count.desc(), SearchMiss.id)
    )
    if miss.handled_by is not None:
        query = query.where(SearchMiss.handled_by == miss.handled_by)
    return list(db.session.scalars(query))


def reopen(members: Iterable[SearchMiss]) -> None:
    """Put wordings back on the list."""
    for miss in members:
        miss.state = MissState.OPEN
        miss.handled_by = miss.handled_at = miss.faq_id = None


def _without_name(match: re.Match[str]) -> str:
    """What remains of 我叫张三电话: the third character belongs to the name unless it begins a word with the fourth."""
    opening, _, third, fourth = match.groups()
    stays = third if rjieba.has_word(third + fourth) else ""
    return f"{opening}{PERSON}{stays}{fourth}"


def _without_titled(match: re.Match[str]) -> str:
    """What remains of 张伟老师, and all of what is no name: 对方律师, 高中老师, 付了钱老板."""
    family, given, title = match.groups()
    before = match.string[max(0, match.start() - 1) : match.start()]
    name = family + given
    is_word = given and rjieba.has_word(name) and not _is_person(name, _tag(name))
    within = len(family) == 1 and before not in _FAMILIAR and rjieba.has_word(before + family)
    # 向律师咨询: a preposition a hundred times for one name.
    if is_word or within or name == "向" or _NAMELESS.intersection(given):
        return match[0]
    return PERSON + title


def _without_party(match: re.Match[str]) -> str:
    """What remains of 被告：赵铁柱, and all of what is no name: 被告高速公司, 邻居张家."""
    role, link, space, family, second, third = match.groups()
    if second in _NAMELESS or rjieba.has_word(family + second):
        return match[0]
    after = match.string[match.end() : match.end() + 1]
    begins = after and rjieba.has_word(third + after)
    stays = third if third in _COMMON or begins else ""
    return f"{role}{link}{space}{PERSON}{stays}"


def _without_persons(text: str) -> str:
    """Take out what the segmenter tags as names, also a family name that stands by itself before a given one."""
    parts: list[str] = []
    family = ""
    for word, tag in rjieba.tag(text):
        given = len(word) <= 2 and bool(_HAN.match(word)) and _NAMELESS.isdisjoint(word)
        if family and given and tag in _GIVEN:
            parts[-1] = PERSON
            family = ""
            continue
        family = word if word in family_names.OF_TWO or _is_family(word, tag) else ""
        parts.append(PERSON if _is_person(word, tag) else word)
    return "".join(parts)


def _is_family(word: str, tag: str) -> bool:
    return tag in _GIVEN and word in family_names.COMMON


def _simplified(text: str) -> str:
    """Return a text with simplified characters: the dictionary of names knows no others."""
    normal = normalise(text)
    return "".join(
        simple if _HAN.match(char) else char for char, simple in zip(text, normal, strict=True)
    )


def _tag(word: str) -> str:
    tagged = rjieba.tag(word)
    return tagged[0][1] if len(tagged) == 1 else ""


def _is_person(word: str, tag: str) -> bool:
    if tag != "nr" or not 2 <= len(word) <= 4 or word in _NO_NAMES:
        return False
    return word[0] in family_names.COMMON or word[:2] in family_names.OF_TWO
