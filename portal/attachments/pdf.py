"""A reasonable look into a PDF: is it whole, can it be read without a password, does it act by
itself?

No parser of the whole format: names are looked for outside of content streams, and inside of object
streams, which hold compressed objects. What cannot be looked into is refused.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from portal.attachments.errors import RefusedFile
from portal.attachments.limits import MEBIBYTE

# Unpacked object streams, one and all together: enough for a thesis, far from what fills the
# memory.
_MOST_UNPACKED = 8 * MEBIBYTE
_MOST_UNPACKED_TOGETHER = 32 * MEBIBYTE
_END = rb"(?=[\s/<>\[\]()%{}]|$)"
_ACTIVE = re.compile(
    rb"/(?:JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|XFA|ImportData|SubmitForm)" + _END
)
# No stream's contents hold an object; but who writes the word "stream" into a comment hides objects
# in what follows.
_OBJECT = re.compile(rb"obj" + _END)
_ENCRYPTED = re.compile(rb"/Encrypt" + _END)
_OBJECT_STREAM = re.compile(rb"/ObjStm" + _END)
_FLATE = re.compile(rb"/Filter\s*\[?\s*/(?:FlateDecode|Fl)\s*\]?\s*(?:/(?!DecodeParms\b)|>>)")
_FILTER = re.compile(rb"/Filter" + _END)
_STREAM = re.compile(rb"\bstream\r?\n")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")

_LOCKED = "这个 PDF 设了密码或加密，工作人员打不开。"
_ACTS = "这个 PDF 带有脚本、可执行动作或嵌入的文件，为了安全不能接收。"
_BROKEN = "这个 PDF 不完整或者已经损坏。"
_REPRINT = "请用“打印—另存为 PDF”重新生成一份后上传。"


def check(content: bytes) -> None:
    """Raise RefusedFile when the PDF is broken, encrypted, or carries scripts, launch actions or
    embedded files.
    """
    if b"%%EOF" not in content[-1024:]:
        raise RefusedFile(_BROKEN, code="file_broken", next_step=_REPRINT)
    allowance = _MOST_UNPACKED_TOGETHER
    for structure, data in _sections(content):
        plain = _unescape(structure)
        _refuse(plain)
        if data is not None and _OBJECT.search(data):
            _refuse(_unescape(data))
        if data is not None and _OBJECT_STREAM.search(_dictionary(plain)):
            unpacked = _unpack(_dictionary(plain), data, min(_MOST_UNPACKED, allowance))
            allowance -= len(unpacked)
            _refuse(_unescape(unpacked))


def _refuse(text: bytes) -> None:
    if _ENCRYPTED.search(text):
        raise RefusedFile(_LOCKED, code="pdf_encrypted", next_step="请去掉密码后重新导出，再上传。")
    if _ACTIVE.search(text):
        raise RefusedFile(_ACTS, code="pdf_active", next_step=_REPRINT)


def _sections(content: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield the text before each stream with the stream's bytes, and last the text after the last
    one with None.
    """
    position = 0
    while (match := _STREAM.search(content, position)) is not None:
        end = content.find(b"endstream", match.end())
        if end < 0:
            raise RefusedFile(_BROKEN, code="file_broken", next_step=_REPRINT)
        yield content[position : match.start()], content[match.end() : end]
        position = end + len(b"endstream")
    yield content[position:], None


def _dictionary(structure: bytes) -> bytes:
    """Return the object that a stream belongs to: the text from the last `obj` on."""
    return structure[structure.rfind(b" obj") + 1 :]


def _unescape(text: bytes) -> bytes:
    """Undo `#xx`, by which a name can be written in disguise."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), text) if b"#" in text else text


def _unpack(dictionary: bytes, data: bytes, most: int) -> bytes:
    if not _FILTER.search(dictionary):
        return data
    if not _FLATE.search(dictionary):
        raise RefusedFile(_BROKEN, code="file_broken", next_step=_REPRINT)
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(data, most)
    except zlib.error as error:
        raise RefusedFile(_BROKEN, code="file_broken", next_step=_REPRINT) from error
    if unpacker.unconsumed_tail:
        raise RefusedFile("这个 PDF 展开后太大。", code="pdf_too_large", next_step=_REPRINT)
    return unpacked
