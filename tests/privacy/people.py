"""A person whose data is planted everywhere, in the many ways people write it, and the eye that finds it again."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote

from tests.factories import people

FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
FILLER = "事情的经过是这样的，去年冬天我们签了合同，对方一直没有付款。" * 3


class Person:
    """A made-up person with a rare name, and numbers with right check digits."""

    def __init__(self, name: str = "欧阳翎翾") -> None:
        self.name = name
        self.phone = "13952864071"
        self.id_number = people.id_number()

    def ways(self) -> dict[str, dict[str, str]]:
        """Return name, phone and ID number in each way of writing."""
        number, phone = self.id_number, self.phone
        return {
            "plain": {"name": self.name, "phone": phone, "id": number},
            "separated": {
                "name": f"{self.name[:2]} {self.name[2:]}",
                "phone": f"+86 {phone[:3]}-{phone[3:7]}-{phone[7:]}",
                "id": f"{number[:6]} {number[6:10]} {number[10:14]} {number[14:]}",
            },
            "wide": {
                "name": f"{self.name[:2]}　{self.name[2:]}",
                "phone": phone.translate(FULL_WIDTH),
                "id": number.translate(FULL_WIDTH),
            },
        }

    def text(self, way: str, most: int, turn: int) -> str:
        """Return a text of at most `most` characters: a long one with everything, or as much as fits, taking turns."""
        written = self.ways()[way]
        whole = (
            f"我叫{written['name']}，{FILLER}身份证号{written['id']}，{FILLER}"
            f"电话{written['phone']}请联系{written['name']}。"
        )
        for candidate in (whole, "，".join(written.values())):
            if len(candidate) <= most:
                return candidate
        fitting = [value for value in written.values() if len(value) <= most]
        return fitting[turn % len(fitting)] if fitting else self.name[:most]

    def found_in(self, output: str) -> dict[str, str]:
        """Return what of the person stands in `output`, with the line, whatever the way or the encoding."""
        found = {}
        for line in output.splitlines():
            for reading in _readings(line):
                folded = "".join(
                    sign for sign in unicodedata.normalize("NFKC", reading) if sign.isalnum()
                )
                for kind, value in (
                    ("name", self.name),
                    ("phone", self.phone),
                    ("id", self.id_number[:17]),
                ):
                    if value in folded:
                        found.setdefault(kind, line)
        return found


def _readings(line: str) -> set[str]:
    """The line as it stands, and as it reads once its escapes are undone: %E6…, \\u6b27, UTF-8 read as Latin-1."""
    readings = {line, unquote(line)}
    readings |= {text.encode("latin-1", "ignore").decode("utf-8", "ignore") for text in readings}
    if "\\u" in line or "\\x" in line:
        escaped = line.encode("ascii", "ignore").decode("unicode_escape", "ignore")
        readings |= {escaped, escaped.encode("latin-1", "ignore").decode("utf-8", "ignore")}
    return readings
