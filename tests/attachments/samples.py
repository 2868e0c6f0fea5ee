"""Small true files of every accepted type, made byte by byte, and the tricks that are played with them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int = 2, height: int = 2, filling: bytes = b"") -> bytes:
    """A PNG whose header claims the given size; `filling` goes into a text chunk."""
    rows = zlib.compress(b"\x00\x00\x00\x00\x00\x00\x00" * 2)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + (chunk(b"tEXt", b"Comment\x00" + filling) if filling else b"")
        + chunk(b"IDAT", rows)
        + chunk(b"IEND")
    )


def gif(width: int = 1, height: int = 1) -> bytes:
    """A GIF of one frame."""
    return (
        b"GIF89a"
        + struct.pack("<HH", width, height)
        + b"\x80\x00\x00\x00\x00\x00\xff\xff\xff"
        + b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00\x3b"
    )


def segment(marker: int, data: bytes) -> bytes:
    """One JPEG segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg(width: int = 8, height: int = 8, comment: bytes = b"", trailer: bytes = b"") -> bytes:
    """A JPEG's skeleton: application data, tables, frame, scan, end; `trailer` follows the end, as phones do it."""
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    return (
        b"\xff\xd8"
        + segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
        + (segment(0xFE, comment) if comment else b"")
        + segment(0xDB, b"\x00" + bytes(64))
        + segment(0xC0, frame)
        + segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
        + b"\x12\x34\x56"
        + b"\xff\xd9"
        + trailer
    )


def riff(data: bytes) -> bytes:
    """A WebP container around one chunk."""
    return b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data


def webp(width: int = 3, height: int = 5, form: str = "extended") -> bytes:
    """A WebP in one of its three forms."""
    if form == "extended":
        body = b"\x00" * 4 + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        return riff(b"VP8X" + struct.pack("<I", len(body)) + body)
    if form == "lossless":
        bits = (width - 1) | ((height - 1) << 14)
        body = b"\x2f" + struct.pack("<I", bits) + bytes(7)
        return riff(b"VP8L" + struct.pack("<I", len(body)) + body)
    body = b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(4)
    return riff(b"VP8 " + struct.pack("<I", len(body)) + body)


def pdf(*objects: bytes, trailer: bytes = b"/Size 4 /Root 1 0 R") -> bytes:
    """A PDF of one empty page, with more objects and another trailer on request."""
    body = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
    every = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>",
        *objects,
    )
    for number, data in enumerate(every, 1):
        body += b"%d 0 obj\n%s\nendobj\n" % (number, data)
    return body + b"trailer\n<< " + trailer + b" >>\nstartxref\n0\n%%EOF\n"


def stream(data: bytes, dictionary: bytes = b"", *, packed: bool = False) -> bytes:
    """A stream object; `packed` compresses it and says so."""
    if packed:
        data = zlib.compress(data)
        dictionary += b" /Filter /FlateDecode"
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (dictionary, len(data), data)


def archive(text: str = "hello") -> bytes:
    """A small ZIP."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.txt", text)
    return buffer.getvalue()
