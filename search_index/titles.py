"""What a text calls a law: names in book marks, and the short names that it gives them itself."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

from search_index.analysis import normalise
from search_index.laws import leads_to_a_name
from search_index.notes import round_notes

_NOTE = r"\((?:[^()]|\([^()]{0,20}\)){2,60}\)"
_TITLE = re.compile(rf"《(?P<name>(?:[^《》]|《[^《》]*》){{2,120}})》\s*(?:{_NOTE}\s*){{0,3}}")
# With the number of a document before it, in marks or without: 《…解释》(法释[2020]17号,以下简称“担保解释”).
_DEFINED = re.compile(
    rf"\s*(?:{_NOTE}\s*)?[(,][^()《》。;\n]{{0,30}}?以?下(?:简|合|统|均)?称(?:为|作)?:?\s*"
    r"(?:[\"“‘《](?P<marked>[^\"“”‘’《》\n]{2,30})[\"”’》]|(?P<plain>[^\"“”‘’《》(),。;:、\s]{2,20})(?=[),。;]))"
)
# The same behind a name without book marks: 工伤条例实施办法(以下简称办法). What stands there else tells no law.
_DEFINED_UNMARKED = re.compile(rf"(?<=[\w)])(?=\([^()]{{0,30}}称){_DEFINED.pattern}")
# The number of a document, which stands for the text that it was given to. A contract's (编号〔2020〕17号) is none.
DOCUMENT = r"[\u4e00-\u9fff]{1,12}(?<!号)〔(?:19|20)[0-9]{2}〕[0-9]{1,5}号"
_DOCUMENT = re.compile(rf"{DOCUMENT}(?:文件?)?")
_NUMBER_BEHIND = re.compile(rf"\s*\(?({DOCUMENT})(?:文件?)?(?=[,)第])")
# What is named in book marks and never a law.
_NO_LAW = re.compile(
    "(?:合同|协议|协议书|合同书|章程|手册|规约|须知|守则|条款|保险单|保单|订单|报告|清单|目录|公告|公报|方案|说明"
    "|(?:判决|裁定|裁决|调解|决定|通知|承诺|申请|声明|意向|委托|授权|起诉|答辩|告知|认定|鉴定|意见|建议|责任|确认|保证|任务|说明)书"
    "|诉状|起诉状|上诉状|答辩状|借条|欠条|收条|收据|笔录)(?:\\([^()]*\\))?$"
)

_GOES_ON = ("实施", "执行", "处理", "办理", "审理")


def names_no_text_of_law(name: str) -> bool:
    """True for what is named in book marks and is no law: 《房屋租赁合同》, 《员工手册》."""
    return _NO_LAW.search(name) is not None


def is_document_number(written: str) -> bool:
    """True for a text that is named by the number of its document: 法释〔2020〕17号."""
    return _DOCUMENT.fullmatch(round_notes(normalise(written)).strip()) is not None


def _begins(normal: str, start: int) -> bool:
    """Whether a name as short as 办法 stands at a place by itself, and is not the end of 实施办法."""
    return leads_to_a_name(normal, start) and not normal.endswith(_GOES_ON, 0, start)


class Titles:
    """The names in book marks of a normalised text, and its own short names."""

    def __init__(self, normal: str) -> None:
        self._all = [(m.start(), m.end(), m["name"]) for m in _TITLE.finditer(normal)]
        self._starts = [start for start, _, _ in self._all]
        self._ends = [end for _, end, _ in self._all]
        # For each short name the places where it was given, in order, and the titles it stands for there.
        self._given: dict[str, tuple[list[int], list[str]]] = {}
        # Short names given behind a name without book marks: where what gives it begins and ends, and the short name.
        self.unmarked: list[tuple[int, int, str]] = []
        if "称" in normal:
            for start, _, name in self._all:
                found = _DEFINED.match(normal, start + len(name) + 2)
                if found is not None:
                    short = found["marked"] or found["plain"]
                    places, names = self._given.setdefault(short, ([], []))
                    places.append(found.end())
                    names.append(name)
            self.unmarked = [
                (found.start(), found.end(), found["marked"] or found["plain"])
                for found in _DEFINED_UNMARKED.finditer(normal)
            ]
        self._longest = max(map(len, self._given), default=0)
        if "号" in normal:
            self._give_numbers(normal)

    def _give_numbers(self, normal: str) -> None:
        """Let the number of a document stand for the text that bears it; one that amends several is none of them."""
        borne: dict[str, list[tuple[int, str]]] = {}
        for start, _, name in self._all:
            number = _NUMBER_BEHIND.match(normal, start + len(name) + 2)
            if number is not None:
                borne.setdefault(number[1], []).append((number.end(), name))
        for written, places in borne.items():
            if len({name for _, name in places}) == 1:
                self.give(written, *places[0])

    def give(self, short: str, place: int, name: str) -> None:
        """Let a short name stand for a name from a place on."""
        places, names = self._given.setdefault(short, ([], []))
        at = bisect_left(places, place)
        places.insert(at, place)
        names.insert(at, name)
        self._longest = max(self._longest, len(short))

    def own_names(self) -> dict[str, str]:
        """The short names that the text gives to one name only, each with it."""
        return {short: names[0] for short, (_, names) in self._given.items() if len({*names}) == 1}

    def hold(self, place: int) -> bool:
        """Whether a place lies within book marks: a law's own name may speak of an article."""
        at = bisect_left(self._starts, place) - 1
        return at >= 0 and place < self._starts[at] + len(self._all[at][2])

    def before(self, place: int) -> tuple[int, int, str] | None:
        """The last title that ends before a place: start, end, and the name it stands for."""
        at = bisect_right(self._ends, place) - 1
        if at < 0:
            return None
        start, end, name = self._all[at]
        return start, end, self._meant(name, start) or name

    def closed_at(self, place: int) -> tuple[int, int, str] | None:
        """The title whose marks close at a place, as `before` returns it; the article may stand in the note behind it."""
        at = bisect_left(self._starts, place) - 1
        if at < 0 or self._starts[at] + len(self._all[at][2]) + 2 != place:
            return None
        start, _, name = self._all[at]
        return start, place, self._meant(name, start) or name

    def beginning(self, place: int) -> tuple[int, str] | None:
        """The title that begins at a place: where it ends, and the name it stands for."""
        at = bisect_left(self._starts, place)
        if at == len(self._starts) or self._starts[at] != place:
            return None
        start, end, name = self._all[at]
        return end, self._meant(name, start) or name

    def given_ending(self, normal: str, end: int) -> tuple[int, str] | None:
        """The longest short name of the text's own that ends at a place: where it begins, and its title."""
        for length in range(min(self._longest, end), 1, -1):
            start = end - length
            meant = self._meant(normal[start:end], start)
            if meant is not None and (length > 3 or _begins(normal, start)):
                return start, meant
        return None

    def _meant(self, short: str, place: int) -> str | None:
        """What a short name stands for at a place: what was said of it last before."""
        given = self._given.get(short)
        if given is None:
            return None
        places, names = given
        at = bisect_right(places, place) - 1
        return names[at] if at >= 0 else None
