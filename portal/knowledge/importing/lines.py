"""From the lines of a text of law to its articles; what Markdown and Word documents share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from portal.knowledge.importing.makers import makers_in
from portal.knowledge.importing.texts import ArticleText, Unreadable
from portal.knowledge.models import LawLevel
from search_index import article_order, format_article_number, parse_article_number
from search_index.numerals import parse_numeral

_NUMERAL = "[零〇○一二三四五六七八九十百千]+"
# An article's own number is also written with figures, of full width too: 第１２条.
_COUNT = rf"(?:{_NUMERAL}|\d{{1,8}})"
_ARTICLE = re.compile(rf"(第{_COUNT}条(?:之{_COUNT})?)(?:\s+(.*))?", re.DOTALL)
# As misprints in published texts have it: a dash for 一, a space before 条, none after the number, or a colon.
_MISPRINT = re.compile(
    rf"(第[{_NUMERAL[1:-2]}\d－—―–\- ]+条(?:之{_COUNT})?)\s*[：:.．]?\s*(\S.*)", re.DOTALL
)
_HEADING = re.compile(rf"(第{_NUMERAL}(编|分编|章|节))\s*(.*)")
_HEADINGS_BEHIND = re.compile(
    rf"(?:\n\s*(?:第{_NUMERAL}(?:编|分编|章|节)(?:\s[^\n。；：，]{{1,40}})?|附\s*则))+\s*$"
)
_SEVERAL_HEADINGS = re.compile(rf"(?:^|\s)第{_NUMERAL}(?:编|分编|章|节)\s")
_ITEM = re.compile(r"([一二三四五六七八九十]+)、\s*(.*)", re.DOTALL)
_ANNEX = re.compile(r"(?:附件|附录|附表|附)(?:[一二三四五六七八九十]+|\d+)?[：:]?")
# With its title: 附件：收费标准; 附表一 处罚标准. What is listed (附件：1.收费标准 2.…) is none yet.
_NAMED_ANNEX = re.compile(
    r"(?:附件|附录|附表)\s*(?:(?:[一二三四五六七八九十]+|\d+)?\s*[：:]|(?:[一二三四五六七八九十]+|\d+)\s)"
    r"\s*[^\s\d一二三四五六七八九十。；，：:][^。；，：:]{0,50}"
)
_DATE = re.compile(r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日")
# Texts of the eighties and nineties write their dates out: 一九九○年八月一日.
_WRITTEN_DATE = re.compile(
    r"([一二][零〇○一二三四五六七八九]{3})年([一二三四五六七八九十]{1,2})月([一二三四五六七八九十]{1,3})日"
)
_EARLIEST_YEAR = 1900
_COMMENCEMENT = re.compile(
    r"本(法|条例|办法|规定|规则|细则|解释|决定|章程|通则|意见|批复|修正案)自(\d{4})年(\d{1,2})月(\d{1,2})日起?(?:施行|实施|生效)"
)
# What closes with such a line outside any article, and a paragraph of what it quotes: “第三条 ….
_OF_ITEMS = ("决定", "修正案", "批复", "意见")
_QUOTED = re.compile("“[^”\n]*")
_ADOPTED = re.compile("(?:通过|公布|发布|批准|修正|修订|施行|实施)[)）。]?$")
_AMENDED = re.compile("修正|修订|修改|决定》")
_MID_SENTENCE = "的、，。；：规第和或至及与所中之款项"
# What a reader takes for the number of an article, whatever signs or letters it is written with.
# Behind an opening quote it is what a decision puts into another law.
_LIKE_ARTICLE = re.compile(
    rf"[^\w“\"]{{0,4}}(第\s*[^\s第条條]{{1,12}}\s*[条條])(?![{_MID_SENTENCE}])"
)
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

RANKS = {"编": 1, "分编": 2, "章": 3, "节": 4}
LABEL_LENGTH = 60
# The longest article of all laws in force has a few thousand; what is longer is several, run together.
MOST_CHARACTERS = 100_000


def with_line_ends(text: str) -> str:
    """Return a text with the line ends of Windows and of old word processors as the usual ones."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def clean(text: str, line: int) -> str:
    """Return a line without invisible characters and outer space; raises Unreadable."""
    text = with_line_ends(text)
    found = _CONTROL.search(text)
    if found is not None:
        raise Unreadable(line, f"含有无法显示的字符（U+{ord(found.group()):04X}）")
    return re.sub(r"[^\S\n]", " ", text.translate(_INVISIBLE)).strip()


def require_text(text: str, label: str, line: int) -> None:
    """Check that an article has a text, and no endless one; raises Unreadable."""
    if not text:
        raise Unreadable(line, f"{label or '这一段'}没有文字")
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(
            line, f"{label or '这一段'}超过 {MOST_CHARACTERS // 10_000} 万字，不像一条"
        )


def heading_title(text: str) -> str:
    """Return a heading with single spaces: 第一章 总 则 is 第一章 总则."""
    numbered = _HEADING.fullmatch(text)
    if numbered is None:
        return _closed_up(text)
    return f"{numbered.group(1)} {_closed_up(numbered.group(3))}".strip()


def _name_of(title: str) -> str:
    """A heading without its number and spaces: 第一章 总则 is 总则."""
    numbered = _HEADING.fullmatch(title)
    return re.sub(r"\s", "", numbered.group(3) if numbered else title)


def heading_rank(text: str) -> int | None:
    """Return how deep a heading stands (编 1, 分编 2, 章 3, 节 4); None for another line."""
    found = _HEADING.fullmatch(text)
    if found is None or len(text) > LABEL_LENGTH or re.search(r"[。；]", text):
        return None
    return RANKS[found.group(2)]


def without_headings_behind(text: str, law: str) -> str:
    """Return an article without the headings of what follows it, which collections of articles leave there.

    The article of an amendment may end with the heading that it inserts.
    """
    if re.search("修正案|决定", law):
        return text
    return _HEADINGS_BEHIND.sub("", text)


def is_contents(text: str) -> bool:
    """True for a table of contents that got into one line."""
    return len(_SEVERAL_HEADINGS.findall(text)) > 1


def is_adoption(text: str) -> bool:
    """True for a line that says when and how a text was made: 2020年1月1日…通过."""
    plain = with_figures(text)
    return _DATE.match(plain) is not None and _ADOPTED.search(plain) is not None


def is_annex(text: str) -> bool:
    """True for the heading of an annex."""
    if _ANNEX.fullmatch(text.replace(" ", "")) is not None:
        return True
    return _NAMED_ANNEX.fullmatch(text) is not None


def plain_rank(text: str) -> int | None:
    """Return how deep a heading stands that nothing marks as one but its words; None for another line."""
    rank = heading_rank(text)
    if rank is None and (is_annex(text) or re.sub(r"\s", "", text) == "附则"):
        return 1
    return rank


def split_article(text: str, last: str = "") -> tuple[str, str] | None:
    """Return an article's number as written and its first paragraph; None for another line.

    A number with a misprint, or without a space behind it, begins an article only when it is the
    next one after `last` (canonical): 第三条规定的… is the middle of a sentence.
    """
    found = _ARTICLE.fullmatch(text)
    if found is not None:
        return found.group(1), (found.group(2) or "").strip()
    found = _MISPRINT.fullmatch(text)
    if found is not None and found.group(2)[0] not in _MID_SENTENCE:
        number = parse_article_number(re.sub("[－—―–-]", "一", found.group(1).replace(" ", "")))
        if number == str(int(last.partition("-")[0] or 0) + 1):
            return format_article_number(number), found.group(2)
    return None


def runs_on(number: str, text: str) -> str | None:
    """Return the number of the next article where it begins within the text of this one; None without it."""
    if not number:
        return None
    count = int(number.partition("-")[0]) + 1
    following = format_article_number(str(count))
    if following not in text and f"第{count}条" not in text:
        return None
    begins = rf"[。；;”]\s*(?:{following}|第{count}条)\s(?!\s*[{_MID_SENTENCE}])"
    return following if re.search(begins, text) else None


def _closed_up(text: str) -> str:
    words = text.split()
    return "".join(words) if all(len(word) == 1 for word in words) else " ".join(words)


def day(written: Sequence[str | int], line: int | None) -> date:
    """Return the date of year, month and day; raises Unreadable for one that cannot be."""
    year, month, number = written
    try:
        found = date(int(year), int(month), int(number))
    except ValueError:
        raise Unreadable(line, f"日期“{year}年{month}月{number}日”不存在") from None
    if found.year < _EARLIEST_YEAR:
        raise Unreadable(line, f"日期“{year}年{month}月{number}日”早于 {_EARLIEST_YEAR} 年")
    return found


def with_figures(text: str) -> str:
    """Return a text in NFKC with its dates in figures: 二○○四年十月一日 is 2004年10月1日."""

    def figures(found: re.Match[str]) -> str:
        values = [parse_numeral(part) for part in found.groups()]
        if None in values:
            return found.group()
        return "{}年{}月{}日".format(*values)

    return _WRITTEN_DATE.sub(figures, unicodedata.normalize("NFKC", text))


# --- the title ---

_ORDER = re.compile(r"[^《》]{2,40}(?:令|公告)(?:[（(〔]?[^《》]{0,12}第?[^《》]{1,8}号[）)〕]?)?")
_HANDED_ON = re.compile(r".*(?:印发|发布|公布|颁布|转发)《.+》.{0,8}的(?:通知|公告|决定)")
_EDITION = re.compile(r"\s*[（(](\d{4})年?(?:修正|修订|修改)(?:本|版|文本)?[）)]$")


def law_title(written: str, line: int | None) -> tuple[str, int | None]:
    """Return a law's name, and the year of the edition where the title tells it: 公司法（2018年修正）.

    Raises Unreadable for the order or the notice by which a text was made public.
    """
    if _ORDER.fullmatch(written):
        reason = f"开头的“{written[:30]}”是公布令，不是法律名称，请把法律名称之前的内容删去"
        raise Unreadable(line, reason)
    if _HANDED_ON.fullmatch(written):
        reason = f"开头的“{written[:30]}”是印发通知，不是法律名称，请把法律名称之前的内容删去"
        raise Unreadable(line, reason)
    if len(written) > 300:
        raise Unreadable(line, "标题超过 300 字")
    edition = _EDITION.search(written)
    if edition is None:
        return written, None
    return written[: edition.start()], int(edition[1])


# --- what stands above the text ---


@dataclass(slots=True)
class Preamble:
    """What the lines between title and text say: adoption, amendments, commencement, repeal."""

    newest: date | None = None
    commencement: date | None = None
    repealed: date | None = None
    issuing_body: str | None = None
    # Whoever made it or a later edition of it.
    makers: list[str] = field(default_factory=list)
    # The days of the amendments that went into the text, in order, the first adoption left out.
    amended: list[date] = field(default_factory=list)
    _amending: bool = False

    def earlier_amendments(self, version_date: date) -> tuple[date, ...]:
        """The days of the amendments before the one that made this version.

        Its own is the last in the header, also where the version bears the day of its publication.
        """
        days = {day for day in self.amended if day < version_date and day != self.newest}
        return tuple(sorted(days))

    def read(self, text: str, line: int) -> None:
        """Take one line in; raises Unreadable for a date that does not exist."""
        plain = with_figures(text).strip("() ")
        for part in re.split(r"(?:根据|;|\s{2,})", plain):
            days = [day(found, line) for found in _DATE.findall(part)]
            if not days:
                continue
            ending = part.rstrip(" )。")
            if ending.endswith(("废止", "失效")):
                self.repealed = days[-1]
                continue
            if ending.endswith(("施行", "实施", "生效")) and len(days) == 1:
                self.commencement = days[0]
                continue
            if ending.endswith(("施行", "实施", "生效")):
                self.commencement = days.pop()
            if _AMENDED.search(part):
                self.amended.append(max(days))
            elif self._amending and ending.endswith("批准"):
                # Adopted by one assembly and approved by another: it is complete on the later day.
                self.amended[-1] = max(days)
            self._amending = _AMENDED.search(part) is not None
            self.newest = max([*days, *([self.newest] if self.newest else [])])
            makers = makers_in(part)
            self.makers += makers
            self.issuing_body = "、".join(makers) or self.issuing_body


def level_of(title: str, issuing_body: str | None) -> LawLevel | None:
    """Return a text's rank by its title and who made it; None when neither tells."""
    body = issuing_body or ""
    if title.startswith("中华人民共和国宪法"):
        return LawLevel.CONSTITUTION
    if title.startswith(("最高人民法院", "最高人民检察院")) or body.startswith("最高人民"):
        return LawLevel.JUDICIAL_INTERPRETATION
    if body.startswith("全国人民代表大会"):
        return LawLevel.LAW
    if body == "国务院":
        return LawLevel.ADMINISTRATIVE_REGULATION
    if "人民代表大会" in body:
        return LawLevel.LOCAL_REGULATION
    return None


# --- what the text says about itself ---


def commencement_of(articles: Iterable[ArticleText], line: int | None = None) -> date | None:
    """Return the first day in force that the text itself names (本法自…起施行), None without one.

    Without a number it is the closing line of a decision or a reply; what is quoted there is another's.
    """
    for article in reversed(list(articles)):
        text = article.text if article.number else _QUOTED.sub("", article.text)
        found = _COMMENCEMENT.search(with_figures(re.sub(r"\s", "", text)))
        if found is not None and not article.number and found[1] not in _OF_ITEMS:
            continue
        if found is not None:
            try:
                return day(found.groups()[1:], line)
            except Unreadable as error:
                raise Unreadable(error.line, f"{article.label}：{error.reason}") from None
    return None


def gaps(articles: Iterable[ArticleText]) -> list[str]:
    """Return the numbers that are missing between the articles, as written."""
    bases = sorted({int(a.number.partition("-")[0]) for a in articles if a.number})
    missing = []
    for before, after in pairwise(bases):
        missing += [format_article_number(str(number)) for number in range(before + 1, after)]
    return missing


# --- the articles ---


@dataclass(slots=True)
class _Open:
    number: str
    label: str
    chapter: tuple[str, ...]
    line: int
    paragraphs: list[str] = field(default_factory=list)


class ArticleBuilder:
    """Puts articles together from headings and paragraphs, in the order in which they come.

    Text without a number becomes a passage of its own: an annex under its heading, a decision's
    items (一、), a preamble. With `items`, numbers inside belong to what a decision quotes.
    """

    def __init__(self, *, part: str | None = None, items: bool = False) -> None:
        self._base: tuple[str, ...] = (part,) if part else ()
        self._path: list[tuple[int, str]] = []
        self._items = items
        self._open: _Open | None = None
        self._done: list[ArticleText] = []
        self._lines: dict[str, int] = {}
        self._unread: tuple[str, int] | None = None
        # Headings that have no text yet, by their name alone.
        self._bare: dict[str, tuple[str, int]] = {}
        self.last = ""

    def heading(self, text: str, rank: int, line: int) -> None:
        """A heading; `rank` grows with depth."""
        self._close()
        self._note_unread(text, line)
        while self._path and self._path[-1][0] >= rank:
            self._path.pop()
        title = heading_title(text)
        self._path.append((rank, title))
        self._bare[_name_of(title)] = (title, rank)

    def lists(self, text: str) -> bool:
        """True where the headings stand together above the text, and a line bears the name of one of them."""
        return re.sub(r"\s", "", text) in self._bare

    def paragraph(self, text: str, line: int) -> None:
        """A line of text; raises Unreadable."""
        found = None if self._items else split_article(text, self.last)
        if found is not None and not self._in_annex():
            self._begin(found[0], found[1], line)
            return
        listed = self._bare.get(re.sub(r"\s", "", text))
        if listed is not None and listed != (self._path[-1][1], self._path[-1][0]):
            # The headings stand together above the text, and within it only their names.
            self.heading(*listed, line)
            return
        self._note_unread(text, line)
        item = _ITEM.fullmatch(text) if self._items else None
        if item is not None:
            self._close()
            self._open = _Open("", f"{item.group(1)}、", self._chapter(), line, [item.group(2)])
        elif self._open is None:
            self._open = _Open("", "", self._chapter(), line, [text])
        else:
            self._open.paragraphs.append(text)

    def finish(self, line: int) -> tuple[ArticleText, ...]:
        """Return the articles; raises Unreadable when there are none (`line` is the last one)."""
        self._close()
        if not self._done:
            raise Unreadable(line, "到文件末尾也没有正文")
        if self._unread is not None and not self._items:
            # Within the article before it, it would answer no citation, and nobody would be told.
            written, line = self._unread
            raise Unreadable(line, f"“{written}”像是条文序号，但是读不出来")
        numbered = any(article.label for article in self._done)
        if not numbered:
            whole = "\n".join(a.text for a in self._done)
            require_text(whole, "全文", line)
            return (ArticleText(0, "", "全文", (), whole),)
        labelled = []
        for article in self._done:
            label = article.label or (article.chapter[-1] if article.chapter else "前言")
            labelled.append(
                ArticleText(
                    article.position,
                    article.number,
                    label[:LABEL_LENGTH],
                    article.chapter,
                    article.text,
                )
            )
        return tuple(labelled)

    def _note_unread(self, text: str, line: int) -> None:
        found = _LIKE_ARTICLE.match(text)
        if found is not None and self._unread is None and not self._in_annex():
            self._unread = found.group(1), line

    def _in_annex(self) -> bool:
        return bool(self._path) and is_annex(self._path[-1][1])

    def _chapter(self) -> tuple[str, ...]:
        return self._base + tuple(title for _, title in self._path)

    def _begin(self, written: str, text: str, line: int) -> None:
        self._close()
        number = parse_article_number(written)
        if not number:
            raise Unreadable(line, f"条文序号“{written}”无法识别")
        if number in self._lines:
            # Where the numbers begin anew, another text does.
            another = "；文件里像是有两部法律，请分成两个文件" if number == "1" else ""
            before = f"前一处在第 {self._lines[number]} 行（段）"
            raise Unreadable(line, f"{written}重复，{before}{another}")
        if self.last and article_order(number) < article_order(self.last):
            before = format_article_number(self.last)
            raise Unreadable(line, f"{written}排在{before}之后，次序不对")
        self._lines[number] = line
        self.last = number
        label = format_article_number(number)
        self._open = _Open(number, label, self._chapter(), line, [text] if text else [])

    def _close(self) -> None:
        piece, self._open = self._open, None
        if piece is None:
            return
        for _, title in self._path:
            self._bare.pop(_name_of(title), None)
        text = "\n".join(piece.paragraphs).strip()
        require_text(text, piece.label, piece.line)
        following = runs_on(piece.number, text)
        if following is not None:
            reason = f"{following}没有另起一行，接在{piece.label}的文字后面，请分行"
            raise Unreadable(piece.line, reason)
        self._done.append(
            ArticleText(len(self._done), piece.number, piece.label, piece.chapter, text)
        )
