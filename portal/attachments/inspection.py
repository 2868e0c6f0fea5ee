"""Is this file what it says it is, and nothing else? Decided from its bytes; no image is decoded,
no document opened.

The type comes from the content alone and must agree with the name's extension and with the declared
content type. A file that two programs would read as two different things (a picture that is also an
archive or a web page) is refused.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from portal.attachments import pdf
from portal.attachments.errors import RefusedFile, RefusedType
from portal.attachments.limits import MOST_PIXELS, MOST_SIDE
from portal.attachments.models import MediaType

EXTENSIONS: dict[str, MediaType] = {
    "jpg": MediaType.JPEG,
    "jpeg": MediaType.JPEG,
    "jpe": MediaType.JPEG,
    "jfif": MediaType.JPEG,
    "png": MediaType.PNG,
    "gif": MediaType.GIF,
    "webp": MediaType.WEBP,
    "pdf": MediaType.PDF,
}
# What clients send when they do not know, and old names of the same type.
_UNDECLARED = frozenset({"", "application/octet-stream"})
_ALIASES = {
    "image/jpg": MediaType.JPEG,
    "image/pjpeg": MediaType.JPEG,
    "image/x-png": MediaType.PNG,
    "application/x-pdf": MediaType.PDF,
}
# What people try most often, with the way out.
_HINTS = {
    "heic": "苹果手机的 HEIC 照片请先转成 JPG：设置—相机—格式，选“兼容性最佳”后重新拍照。",
    "heif": "HEIF 照片请先转成 JPG 后上传。",
    "doc": "Word 文档请另存为 PDF 后上传。",
    "docx": "Word 文档请另存为 PDF 后上传。",
    "wps": "WPS 文档请输出为 PDF 后上传。",
    "xls": "表格请另存为 PDF 后上传。",
    "xlsx": "表格请另存为 PDF 后上传。",
    "ppt": "演示文稿请另存为 PDF 后上传。",
    "pptx": "演示文稿请另存为 PDF 后上传。",
    "zip": "压缩包请解开，把里面的图片或 PDF 逐个上传。",
    "rar": "压缩包请解开，把里面的图片或 PDF 逐个上传。",
    "mp4": "目前不能上传视频，请截取画面上传图片。",
    "mp3": "目前不能上传录音，请在文字里说明录音内容。",
    "txt": "文字请直接填写在内容里，不必上传。",
}
_BROKEN = "文件不完整或者已经损坏。"
_TWO_FACED = "文件里夹带了别的内容，为了安全不能接收。"


@dataclass(frozen=True)
class Size:
    """Picture size in pixels."""

    width: int
    height: int


def check(content: bytes, *, extension: str, declared: str) -> MediaType:
    """Return the type of `content`.

    `extension` is that of the file's name, in lower case and without the dot; `declared` the
    content type that the client sent. Raises RefusedType when it is none of ours or they disagree,
    RefusedFile when it is broken, two-faced, too large in pixels, or a PDF that is encrypted or
    acts by itself.
    """
    if not content:
        raise RefusedFile(
            "这个文件是空的。", code="file_empty", next_step="请重新拍照或导出后上传。"
        )
    found = sniff(content)
    if found is None:
        raise RefusedType(next_step=_HINTS.get(extension))
    if EXTENSIONS.get(extension) is not found:
        shown = f"文件名的后缀是“{extension}”" if extension else "文件名没有后缀"
        raise RefusedType(
            f"{shown}，内容却是{found.label}，两者不一致。",
            code="file_type_mismatch",
            next_step="请把后缀改成与内容一致，或者重新导出后上传。",
        )
    if declared not in _UNDECLARED and _declared_type(declared) is not found:
        raise RefusedType(
            f"文件声明的类型与内容（{found.label}）不一致。",
            code="file_type_mismatch",
            next_step="请重新选择文件后上传。",
        )
    if found is MediaType.PDF:
        pdf.check(content)
        _refuse_archive(content)
        return found
    _check_pixels(_MEASURES[found](content))
    _refuse_second_face(content)
    return found


def sniff(content: bytes) -> MediaType | None:
    """Return the type told by the first bytes, None for all that we do not accept."""
    if content.startswith(b"\xff\xd8\xff"):
        return MediaType.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return MediaType.PNG
    if content.startswith((b"GIF87a", b"GIF89a")):
        return MediaType.GIF
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return MediaType.WEBP
    # Readers accept the header anywhere in the first kilobyte; a file that needs that hides
    # something else before it.
    if re.match(rb"%PDF-[12]\.\d", content):
        return MediaType.PDF
    return None


def _declared_type(declared: str) -> MediaType | None:
    if declared in _ALIASES:
        return _ALIASES[declared]
    return next((known for known in MediaType if known.value == declared), None)


def _check_pixels(size: Size) -> None:
    if not (size.width and size.height):
        raise RefusedFile(_BROKEN, code="file_broken")
    if max(size.width, size.height) > MOST_SIDE or size.width * size.height > MOST_PIXELS:
        raise RefusedFile(
            f"图片的尺寸（{size.width}×{size.height} 像素）太大。",
            code="image_too_large",
            next_step="请缩小图片，或者重新拍照后上传。",
        )


def measure_png(content: bytes) -> Size:
    """Walk the chunks of a PNG; raises RefusedFile unless IHDR comes first and nothing follows
    IEND.
    """
    position, size = 8, None
    while position + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        if size is None:
            if kind != b"IHDR" or length != 13 or position + 25 > len(content):
                break
            size = Size(*struct.unpack_from(">II", content, position + 8))
        position += 12 + length
        if kind == b"IEND":
            if position != len(content):
                raise RefusedFile(_TWO_FACED, code="file_two_faced")
            return size
    raise RefusedFile(_BROKEN, code="file_broken")


def measure_gif(content: bytes) -> Size:
    """Read the screen size of a GIF; raises RefusedFile when its last byte is not the trailer."""
    if len(content) < 14 or content[-1:] != b"\x3b":
        raise RefusedFile(_BROKEN, code="file_broken")
    return Size(*struct.unpack_from("<HH", content, 6))


def measure_webp(content: bytes) -> Size:
    """Read the canvas size of a WebP; raises RefusedFile when the RIFF length is not the file's."""
    if len(content) < 30:
        raise RefusedFile(_BROKEN, code="file_broken")
    length = struct.unpack_from("<I", content, 4)[0] + 8
    if length > len(content):
        raise RefusedFile(_BROKEN, code="file_broken")
    if length < len(content):
        raise RefusedFile(_TWO_FACED, code="file_two_faced")
    kind = content[12:16]
    if kind == b"VP8X":
        return Size(
            1 + int.from_bytes(content[24:27], "little"),
            1 + int.from_bytes(content[27:30], "little"),
        )
    if kind == b"VP8L" and content[20] == 0x2F:
        bits = struct.unpack_from("<I", content, 21)[0]
        return Size(1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF))
    if kind == b"VP8 " and content[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", content, 26)
        return Size(width & 0x3FFF, height & 0x3FFF)
    raise RefusedFile(_BROKEN, code="file_broken")


# Start of frame in its many codings; C4, C8 and CC in the same range are tables.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})


def measure_jpeg(content: bytes) -> Size:
    """Walk the segments of a JPEG to its frame; raises RefusedFile when there is none or the
    picture never ends.

    Phones put a second picture or a short film after the end, so what follows it is not refused by
    itself.
    """
    position, size = 2, None
    while position + 4 <= len(content):
        if content[position] != 0xFF:
            break
        marker = content[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in _BARE:
            position += 2
            continue
        (length,) = struct.unpack_from(">H", content, position + 2)
        if length < 2:
            break
        if marker in _FRAMES and position + 9 <= len(content):
            height, width = struct.unpack_from(">HH", content, position + 5)
            size = Size(width, height)
        if marker == 0xDA:
            if size is None or content.find(b"\xff\xd9", position + 2 + length) < 0:
                break
            return size
        position += 2 + length
    raise RefusedFile(_BROKEN, code="file_broken")


_MEASURES = {
    MediaType.PNG: measure_png,
    MediaType.GIF: measure_gif,
    MediaType.WEBP: measure_webp,
    MediaType.JPEG: measure_jpeg,
}

# Long enough not to turn up by chance in ten megabytes of compressed pixels.
_MARKUP = re.compile(
    rb"<script[\s>/]|<!doctype\s|<html[\s>]|<svg[\s>]|<iframe[\s>]|<\?php\s|<body[\s>]|javascript:",
    re.IGNORECASE,
)
_ARCHIVES = (b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")


def _refuse_second_face(content: bytes) -> None:
    if b"%PDF-" in content[:1024] or _MARKUP.search(content):
        raise RefusedFile(_TWO_FACED, code="file_two_faced")
    _refuse_archive(content)


def _refuse_archive(content: bytes) -> None:
    if ends_in_zip(content) or any(mark in content for mark in _ARCHIVES):
        raise RefusedFile(_TWO_FACED, code="file_two_faced")


def ends_in_zip(content: bytes) -> bool:
    """True when an archive program would find a ZIP directory at the end: a record with entries
    whose offsets lie inside.
    """
    tail = content[-(22 + 65535) :]
    position = tail.rfind(b"PK\x05\x06")
    while position >= 0:
        record = tail[position : position + 22]
        if len(record) == 22:
            entries, size, offset = struct.unpack_from("<HII", record, 10)
            if entries and 0 < size < len(content) and offset < len(content):
                return True
        position = tail.rfind(b"PK\x05\x06", 0, position)
    return False
