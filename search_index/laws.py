"""Names of laws: the full name behind an abbreviation, a suffix or a name in book marks."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property

from search_index import analysis
from search_index.analysis import normalise
from search_index.notes import round_notes

_PREFIX = "中华人民共和国"
# What people leave out of a law's name: (2018修正), book marks, blanks.
_NOISE = re.compile(
    r"[《》〈〉<>\s]|\((?:19|20)\d\d[^()]*\)|\((?:试行|草案)\)|\d{4}年?(?:修正|修订)版?"
)
# How such a note begins and ends.
_NOISY_START = frozenset("〈<(0123456789")
_NOISY_END = frozenset("》〉>)正订版 \n")
_MAKER = re.compile(
    r"(?:最高人民法院|最高人民检察院|国务院|全国人民代表大会常务委员会|全国人民代表大会|公安部|司法部|、|和)*(?:关于)?"
)
_OPENING = re.compile(f"^{_MAKER.pattern}(?:适用|审理|办理)?")
MIN_ALIAS = 2
# The books of the civil and the criminal code.
BOOKS = "(?:总则|分则|物权|合同|人格权|婚姻家庭|继承|侵权责任)"
# How laws of procedure are spoken of; the rest of an abbreviation is found letter by letter.
_SPOKEN = re.compile("(?:民|刑|(?<!执)行)诉(?!讼)")
_PROCEDURE = {"民诉": "民事诉讼", "刑诉": "刑事诉讼", "行诉": "行政诉讼"}
_SPOKEN_COURT = re.compile("^(?:最高法院?|最高检|两高)(?:关于)?")
_BOOK = re.compile(f"{BOOKS}编")
# 民法典合同编, 民法典·总则编: a book of a code is the code.
_BOOK_OF = re.compile(f"(?P<code>.*(?:法典|刑法))[·.:・-]?{BOOKS}编?")
# A 法 in these is no 法 of an abbreviation.
_NOT_A_LAW = ("法律", "法院", "司法")
_KIND = re.compile("(?:法典|法|条例|办法|规则|细则|决定|解释|规定|批复|意见)$")
_COUNTED = re.compile("(?<=解释|正案)[一二三四五六七八九十]{1,3}$")
_LETTERS = re.compile(r"[^\w]")
_CHINESE_END = re.compile("[\u4e00-\u9fff]{1,20}$")
# Behind these a name begins, whatever longer one its letters would make.
_LEADS_IN = re.compile(
    "(?:根据|依据|依照|按照|参照|比照|遵照|违反|触犯|违背|适用|参见|对于|关于|审理|办理|处理|实施|执行|修改|修正|修订"
    "|请问|想问|[问查看]一下|[我本]国|中国|国家|全国|[最现旧新原老]|现行|[的之后前和与及或并在于对由依按据以是为有即如照见看查将把被让给比跟而但且则也都又再就已未不可应须按]|(?<![合共])同)$"
)
# Whose law is no Chinese law, whatever its name.
_ELSEWHERE = re.compile(
    "(?:[德法英美韩泰]国|日本|俄罗斯|前?苏联|意大利|瑞士|奥地利|荷兰|比利时|西班牙|葡萄牙|加拿大|澳大利亚|新加坡|越南|印度"
    "|欧盟|罗马|台湾|香港|澳门)(?:联邦|地区|特别行政区|现行|新|旧|的)*$"
)
_PROVINCES = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州"
    "|云南|陕西|甘肃|青海|内蒙古|广西|西藏|宁夏|新疆|深圳|广州|成都|武汉|南京|杭州|厦门|青岛|大连"
)
# 小区, 城市 and the like are no places of their own.
_PLACE_KIND = (
    "(?:省|(?<![城县超上股楼门都夜集本我该全各])市|自治[区州县旗]|(?<![本我该全各])县"
    "|(?<![小社地辖景灾园山郊城校街库矿林牧片战疫特军禁农本我该全各])区)"
)
_PLACES = (
    re.compile(f"(?:{_PROVINCES})[省市]?$"),
    re.compile(
        f"(?<=根据|依据|依照|按照|参照|违反|适用|符合)[\u4e00-\u9fff]{{1,6}}?{_PLACE_KIND}$"
    ),
    re.compile(f"^[\u4e00-\u9fff]{{1,6}}?{_PLACE_KIND}$"),
)
# Between these and a law stands only its name: 根据体育仲裁法第五条.
_ON_THE_BASIS_OF = re.compile("(?:根据|依据|依照|按照|参照|比照)(?P<name>[\u4e00-\u9fff]{2,6})$")
_NO_NAME = re.compile(
    "[的和与及或你我他她您]|[上前]述|有关|相关|国家|大陆|当时|当前|目前|现有|有效|最新|修[订改正]|以[上下]|本案"
    "|公司|单位|双方|当事人|员工|劳动者|法院|律师|[甲乙]方|[原被]告"
    "|(?:法|法律|法规|条例|规定|办法|解释|条文|制度|要求|协议|合同|约定|纠纷|情形?|情况)$"
)
# So many laws that end in the name of a law make it one of which the subject of another law makes one more. There are
# 义务教育法 and 职业教育法, so there may be a 消防教育法. No code is such a law: 离婚民法典 is the code.
_FAMILY = 2
# Letters of a word.
ONE_WORD = 2
_STATUTES = ("法", "法典")
# What a place makes; a 法 it never makes.
_LOCAL_KINDS = ("条例", "办法", "规定", "规则", "细则")
# What people call rules that are no law: 公司规定, 法律规定, 按照有关规定.
_MAKERS = (
    "法律|法规|规章|政策|国家|公司|单位|企业|学校|医院|物业|小区|政府|法院|部门|合同|协议|章程"
)
_NO_LAW = re.compile(
    rf"(?:^(?:{_MAKERS}|制度|行政|司法|有关|相关|上述|以上|前述|现行|明文|明确|具体|内部|按照?|根据|的|了)*"
    rf"(?:规定|办法|解释|决定|规则|细则)|(?:{_MAKERS})规定)$"
)


def simplify(name: str) -> str:
    """A law's name without book marks, blanks, edition notes and 中华人民共和国."""
    return _NOISE.sub("", round_notes(normalise(name))).replace(_PREFIX, "")


def one_law(written: str, other: str) -> bool:
    """Whether two names are surely those of one law: alike when simplified, or one says besides who made it.

    最高人民法院关于审理民间借贷案件的规定 is what 审理民间借贷案件的规定 means; two that name different makers are two.
    """
    shorter, longer = sorted((simplify(written), simplify(other)), key=len)
    if shorter == longer:
        return True
    maker = longer.removesuffix(shorter)
    return maker != longer and _MAKER.fullmatch(maker) is not None


def names_no_law(name: str) -> bool:
    """True for words that end as the name of a law does and name none: 公司规定, 有关规定."""
    return _NO_LAW.search(name) is not None


def leads_to_a_name(text: str, place: int) -> bool:
    """Whether a name can begin at a place of a normalised text: behind no word, or one like 根据."""
    before = _CHINESE_END.search(text, max(0, place - 20), place)
    return before is None or _LEADS_IN.search(before[0]) is not None


def from_elsewhere(text: str, place: int) -> int | None:
    """Where the name of another country begins that ends at a place of a normalised text; None without one."""
    found = _ELSEWHERE.search(text, max(0, place - 12), place)
    return found.start() if found is not None else None


def same_kind(written: str, word: str) -> bool:
    """Whether a name can be meant by what points back to it: 本条例 is no 法. Unknown kinds can."""
    return _kind(simplify(written)) in (None, _kind(word))


class LawNames:
    """Finds the full names meant by a written name: exact, by alias, or as the end of a name."""

    def __init__(self, names: Iterable[str], aliases: Mapping[str, str] | None = None) -> None:
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_core: dict[str, list[str]] = defaultdict(list)
        known = sorted({name for name in names if name})
        for name in known:
            simple = simplify(name)
            self._by_name[simple].append(name)
            core = _core(simple)
            if core != simple:
                self._by_core[core].append(name)
        self._aliases: dict[str, tuple[str, ...]] = {}
        self._full: dict[str, str] = {simple: simple for simple in self._by_name}
        for alias, full in (aliases or {}).items():
            self._full[simplify(alias)] = simplify(full)
            found = tuple(self._by_name.get(simplify(full), ()))
            if found:
                self._aliases[simplify(alias)] = found
        self._suffixes: dict[str, list[str]] = defaultdict(list)
        for simple, full_names in self._by_name.items():
            # 物业管理条例 is the end of 重庆市物业管理条例. Only ends of four letters and more,
            # else 管理法 would mean forty laws.
            for start in range(1, max(1, len(simple) - 3)):
                self._suffixes[simple[start:]].extend(full_names)
        self._longest = max(
            (len(name) for table in (self._by_name, self._aliases) for name in table), default=0
        )
        # How a name can begin and end: most places of a text are ruled out by this.
        written = {name for table in (self._by_name, self._aliases) for name in table if name}
        self._first = {name[0] for name in written} | {_PREFIX[0]}
        self._last = {name[-1] for name in written}
        self._titles = "\n".join(self._by_name)
        ends = Counter(name[at:] for name in self._by_name for at in range(1, len(name) - 1))
        self._families = {
            name
            for name, full in self._full.items()
            if ends[name] - (full != name and full.endswith(name)) >= _FAMILY
            and not name.endswith(_LOCAL_KINDS)
        }
        self._beginnings: dict[str, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return sum(len(names) for names in self._by_name.values())

    def resolve(self, written: str) -> tuple[str, ...]:
        """The full names `written` can mean: one, several (ambiguous), or none (unknown)."""
        simple = simplify(written)
        if len(simple) < MIN_ALIAS:
            return ()
        # 刑法修正案八 is written (八).
        for name in dict.fromkeys((simple, _COUNTED.sub(r"(\g<0>)", simple))):
            for table in (self._by_name, self._aliases, self._by_core):
                found = table.get(name)
                if found:
                    return tuple(found)
        if book := _BOOK_OF.fullmatch(simple):
            return self.resolve(book["code"])
        if simple in self._full:
            # The short name of a law that is not held.
            return ()
        found = self._suffixes.get(simple)
        if found and len(simple) >= 4:
            return tuple(dict.fromkeys(found))
        return self._abbreviated(simple) if len(simple) >= 5 else ()

    def _abbreviated(self, simple: str) -> tuple[str, ...]:
        """Names that hold the letters of `simple` in order, as in 民法典担保制度解释.

        The law that it begins with must stand there in one piece, else 民诉法解释 would be found in
        the interpretation of another code.
        """
        letters, kind = _LETTERS.sub("", _core(_SPOKEN_COURT.sub("", simple))), _kind(simple)
        letters = letters.replace("司法解释", "解释")
        letters = _SPOKEN.sub(lambda spoken: _PROCEDURE[spoken[0]], letters)
        whole = [full for full in _PROCEDURE.values() if full in letters]
        whole += _BOOK.findall(letters)
        for end in range(len(letters) - 1, MIN_ALIAS - 1, -1):
            if letters[:end] in self._full:
                whole.append(self._full[letters[:end]])
                letters = whole[-1] + letters[end:]
                break
        matches = []
        for known, names in self._by_name.items():
            if kind not in (None, _kind(known)) or not all(part in known for part in whole):
                continue
            core = _core(known)
            for word in _NOT_A_LAW:
                core = core if word in letters else core.replace(word, "")
            if _is_subsequence(letters, core):
                matches.append((len(known), names))
        return tuple(name for _, names in sorted(matches) for name in names)

    def longest_ending(self, text: str, end: int) -> int | None:
        """The start of the longest known name or alias that ends at `end` in normalised `text`."""
        if not end or (text[end - 1] not in self._last and text[end - 1] not in _NOISY_END):
            return None
        floor = max(0, end - self._longest - len(_PREFIX) - 4)
        noise = floor
        for match in _NOISE.finditer(text, floor, end):
            noise = match.end()
        for start in range(floor, end - MIN_ALIAS + 1):
            if text[start] not in self._first and text[start] not in _NOISY_START:
                continue
            piece = text[start:end]
            # What holds no noise is simple already, and simplifying takes long.
            simple = simplify(piece) if start < noise else piece.replace(_PREFIX, "")
            if simple in self._by_name or simple in self._aliases:
                return start
        return None

    def longest_beginning(self, text: str, start: int) -> int | None:
        """The end of the longest known name or alias that begins at `start` in normalised `text`."""
        if text[start : start + 1] not in self._first:
            return None
        ceiling = min(len(text), start + self._longest + len(_PREFIX))
        for end in range(ceiling, start + MIN_ALIAS - 1, -1):
            simple = text[start:end].replace(_PREFIX, "")
            if simple in self._by_name or simple in self._aliases:
                return end
        return None

    def longer(self, text: str, start: int, end: int) -> int | None:
        """Where a longer name begins that the known name at `start` is only the end of; None when it stands alone.

        调解仲裁法 is the end of 劳动争议调解仲裁法 and not the 仲裁法; 北京市物业管理条例 is not the national one. Only
        what makes a name counts: what else stands before a law (醉驾刑法第133条) is what somebody asks about.
        """
        before = _CHINESE_END.search(text, max(0, start - 20), start)
        simple = simplify(text[start:end])
        if before is None or text.startswith(_PREFIX, start) or _LEADS_IN.search(before[0]):
            return None
        words = before[0]
        tail = max((_tail_in(words, part) for part in self._before_core(simple)), default=0)
        if tail > 1 and self._makes_a_name(words, tail, simple):
            return start - tail
        place = _ELSEWHERE.search(words)
        if place is None and simple.endswith(_LOCAL_KINDS):
            found = (pattern.search(words) for pattern in _PLACES)
            place = next((each for each in found if each is not None), None)
        if place is not None:
            return start - len(place[0])
        if tail and (len(words) == 1 or words[-2] in "我本该" or _LEADS_IN.search(words[:-1])):
            return start - 1
        core = _spoken_core(simple)
        for length in range(len(words) if len(core) > 1 else 0, 1, -1):
            if words[-length:] + core in self._titles:
                return start - length
        subject = self._subject_in(words, core) if simple in self._families else 0
        if subject:
            return start - subject
        basis = _ON_THE_BASIS_OF.search(words)
        if basis is not None and not _NO_NAME.search(basis["name"]):
            return start - len(basis["name"])
        return None

    def _makes_a_name(self, words: str, tail: int, simple: str) -> bool:
        """Whether the last letters of `words` are more than the end of what is asked about: 合同纠纷 before 仲裁法.

        A single word that stands somewhere in a title makes a name where it begins one, or stands right before the known name
        there as well (欠薪|调解仲裁法).
        """
        rest = words[:-tail]
        return (
            tail > ONE_WORD
            or not rest
            or _LEADS_IN.search(rest) is not None
            or any(part.endswith(words[-tail:]) for part in self._before_core(simple))
        )

    def _subject_in(self, words: str, core: str) -> int:
        """How many of the last letters of `words` are the subject of a law, with nothing before it that belongs to it."""
        for length in range(len(words), 1, -1):
            subject = words[-length:]
            if _NO_NAME.search(subject) or core in subject:
                continue
            if subject + "法" not in self._by_name and not self._is_compound(subject):
                continue
            if length == len(words) or _LEADS_IN.search(words[:-length]):
                return length
        return 0

    def _is_compound(self, subject: str) -> bool:
        """Whether words make a subject of which laws are named, and of the last as what they are about: 集体土地."""
        first, parts = self._title_words
        return any(
            subject[cut:] in first and parts.issuperset(analysis.dictionary_pieces(subject[:cut]))
            for cut in range(2, len(subject) - 1)
        )

    @cached_property
    def _title_words(self) -> tuple[frozenset[str], frozenset[str]]:
        """The words that titles of laws begin with, and the beginnings of all their words, of two letters and more."""
        cut = [
            analysis.dictionary_pieces(_spoken_core(name))
            for name in self._by_name
            if name.endswith(_STATUTES)
        ]
        first = frozenset(words[0] for words in cut if words)
        parts = frozenset(
            word[:end] for words in cut for word in words for end in range(2, len(word) + 1)
        )
        return first, parts

    def _before_core(self, simple: str) -> tuple[str, ...]:
        """What stands before the words of a known name in the titles of other laws of its kind."""
        found = self._beginnings.get(simple)
        if found is None:
            full, core, kind = self._full.get(simple, simple), _spoken_core(simple), _kind(simple)
            core = core if len(core) > 1 else simple
            found = self._beginnings[simple] = tuple(
                before
                for known in self._by_name
                if known != full and core in known and _kind(known) == kind
                if (before := _core(known).partition(core)[0])
            )
        return found


def _tail_in(words: str, part: str) -> int:
    """How many of the last letters of `words` stand in `part` in their order; one alone must be its last."""
    count, end = 0, len(part)
    while count < len(words) and (end := part.rfind(words[-count - 1], 0, end)) >= 0:
        count += 1
    return count if count > 1 or part.endswith(words[-1]) else 0


def _spoken_core(simple: str) -> str:
    """A name without the word for its kind."""
    return _KIND.sub("", simple)


def _core(simple: str) -> str:
    """A name without who made it and 关于适用, unless nothing else is left."""
    return _OPENING.sub("", simple) or simple


def _kind(simple: str) -> str | None:
    """What kind of text a name ends in: an 条例 is never meant by the name of a 法. None when it does not say."""
    found = _KIND.search(simple)
    if found is None:
        return None
    kind = found.group()
    # Judicial interpretations go by several words, and by one of them in speech.
    return "解释" if kind in ("解释", "规定", "批复", "意见") else kind.replace("法典", "法")


def _is_subsequence(letters: str, text: str) -> bool:
    position = 0
    for letter in letters:
        position = text.find(letter, position) + 1
        if not position:
            return False
    return True
