"""What is taken and what is refused, told from bytes."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.attachments import inspection, names
from portal.attachments.errors import RefusedFile, RefusedType
from portal.attachments.models import MediaType
from portal.core.errors import DomainError
from tests.attachments import samples

GOOD = {
    "jpg": samples.jpeg(),
    "jpeg": samples.jpeg(comment="照片".encode()),
    "png": samples.png(),
    "gif": samples.gif(),
    "webp": samples.webp(),
    "pdf": samples.pdf(),
}


@pytest.mark.parametrize("extension", GOOD)
def test_true_files_are_taken(extension):
    found = inspection.check(GOOD[extension], extension=extension, declared="")
    assert found is inspection.EXTENSIONS[extension]
    assert inspection.check(GOOD[extension], extension=extension, declared=found.value) is found


@pytest.mark.parametrize("form", ["extended", "lossless", "lossy"])
def test_every_form_of_webp_is_measured(form):
    assert inspection.measure_webp(samples.webp(37, 51, form)) == inspection.Size(37, 51)


def test_every_picture_is_measured():
    assert inspection.measure_png(samples.png(300, 200)) == inspection.Size(300, 200)
    assert inspection.measure_gif(samples.gif(40, 30)) == inspection.Size(40, 30)
    assert inspection.measure_jpeg(samples.jpeg(640, 480)) == inspection.Size(640, 480)


def test_a_photo_with_a_second_picture_behind_it_is_taken():
    photo = samples.jpeg(trailer=samples.jpeg() + b"MotionPhoto_Data\x00\x00ftypmp42")
    assert inspection.check(photo, extension="jpg", declared="image/jpeg") is MediaType.JPEG


def test_fill_bytes_and_restart_markers_between_segments_are_no_fault():
    photo = samples.jpeg()
    assert inspection.measure_jpeg(photo[:2] + b"\xff\xff\x01" + photo[2:]) == inspection.Size(8, 8)


@pytest.mark.parametrize(
    ("content", "extension", "declared", "code"),
    [
        (b"", "png", "image/png", "file_empty"),
        (b"MZ\x90\x00" + bytes(100), "png", "image/png", "file_type_refused"),
        (b"hello", "pdf", "application/pdf", "file_type_refused"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "svg", "", "file_type_refused"),
        (samples.archive(), "docx", "", "file_type_refused"),
        (b"\n" + samples.pdf(), "pdf", "", "file_type_refused"),
        (samples.png(), "jpg", "", "file_type_mismatch"),
        (samples.png(), "", "", "file_type_mismatch"),
        (samples.png(), "exe", "image/png", "file_type_mismatch"),
        (samples.png(), "png", "image/jpeg", "file_type_mismatch"),
        (samples.png(), "png", "text/html", "file_type_mismatch"),
        (samples.pdf(), "pdf", "image/png", "file_type_mismatch"),
    ],
)
def test_what_is_not_what_it_says_is_refused(content, extension, declared, code):
    with pytest.raises(DomainError) as refused:
        inspection.check(content, extension=extension, declared=declared)
    assert refused.value.code == code
    assert "。" in refused.value.message
    assert refused.value.next_step


@pytest.mark.parametrize("alias", ["image/jpg", "image/pjpeg", "application/octet-stream", ""])
def test_old_names_of_a_type_and_no_name_at_all_are_taken(alias):
    assert inspection.check(samples.jpeg(), extension="jpg", declared=alias) is MediaType.JPEG


def test_people_are_told_the_way_out_of_a_common_format():
    with pytest.raises(RefusedType) as refused:
        inspection.check(b"\x00\x00\x00\x18ftypheic", extension="heic", declared="image/heic")
    assert "JPG" in refused.value.next_step


@pytest.mark.parametrize(
    "content",
    [
        samples.png() + samples.archive(),
        samples.png() + b"x",
        samples.webp() + b"more",
        samples.jpeg(trailer=samples.archive()),
        samples.jpeg(trailer=b"Rar!\x1a\x07\x01\x00"),
        samples.jpeg(comment=b"<script>alert(1)</script>"),
        samples.jpeg(comment=b"<?php system($_GET['c']); ?>"),
        samples.jpeg(comment=b"%PDF-1.4 1 0 obj"),
        samples.jpeg(trailer=b"<!DOCTYPE html><html><body>"),
        samples.png(filling=b"<svg onload=alert(1)>"),
        samples.pdf() + samples.archive() + b"%%EOF",
    ],
)
def test_a_file_with_two_faces_is_refused(content):
    found = inspection.sniff(content)
    extension = next(name for name, kind in inspection.EXTENSIONS.items() if kind is found)
    with pytest.raises(RefusedFile) as refused:
        inspection.check(content, extension=extension, declared="")
    assert refused.value.code == "file_two_faced"


@pytest.mark.parametrize(
    ("content", "extension"),
    [
        (samples.png()[:-12], "png"),
        (samples.png()[:20], "png"),
        (b"\x89PNG\r\n\x1a\n" + samples.chunk(b"IDAT", b"x") + samples.chunk(b"IEND"), "png"),
        (samples.png(0, 5), "png"),
        (samples.gif()[:-1], "gif"),
        (b"GIF89a\x3b", "gif"),
        (samples.webp()[:-2], "webp"),
        (samples.webp()[:20], "webp"),
        (samples.riff(b"ABCD" + struct.pack("<I", 20) + bytes(20)), "webp"),
        (samples.jpeg()[:-2], "jpg"),
        (samples.jpeg()[:30], "jpg"),
        (b"\xff\xd8\xff\xe0\x00\x01" + bytes(20), "jpg"),
        (b"\xff\xd8\xff\xe0\x00\x02\x00\x00\x00\x00\x00", "jpg"),
        (samples.jpeg().replace(b"\xff\xc0", b"\xff\xc4"), "jpg"),
        (samples.pdf().replace(b"%%EOF", b""), "pdf"),
        (samples.pdf(b"<< /Length 5 >>\nstream\nabc"), "pdf"),
    ],
)
def test_a_broken_file_is_refused(content, extension):
    with pytest.raises(RefusedFile) as refused:
        inspection.check(content, extension=extension, declared="")
    assert refused.value.code == "file_broken"


@pytest.mark.parametrize(
    ("content", "extension"),
    [
        (samples.png(100_000, 10), "png"),
        (samples.png(19_000, 19_000), "png"),
        (samples.gif(65_535, 65_535), "gif"),
        (samples.jpeg(30_000, 30_000), "jpg"),
        (samples.webp(16_777_216, 2), "webp"),
    ],
)
def test_a_picture_that_would_fill_the_memory_is_refused(content, extension):
    with pytest.raises(RefusedFile) as refused:
        inspection.check(content, extension=extension, declared="")
    assert refused.value.code == "image_too_large"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (samples.pdf(trailer=b"/Size 4 /Root 1 0 R /Encrypt 9 0 R"), "pdf_encrypted"),
        (samples.pdf(b"<< /S /JavaScript /JS (app.alert) >>"), "pdf_active"),
        (
            samples.pdf(b"<<>> % stream\n1 0 obj <</S/JavaScript/JS(a)>> endobj\n% endstream\n"),
            "pdf_active",
        ),
        (
            samples.pdf(b"<<>> % stream\n1 0 obj <</S/Java#53cript/JS(a)>> endobj\n% endstream\n"),
            "pdf_active",
        ),
        (samples.pdf(b"<< /S /J#61vaScript >>"), "pdf_active"),
        (samples.pdf(b"<< /S /Launch /F (cmd.exe) >>"), "pdf_active"),
        (samples.pdf(b"<</Names<</EmbeddedFiles 9 0 R>>>>"), "pdf_active"),
        (samples.pdf(b"<< /AcroForm << /XFA 9 0 R >> >>"), "pdf_active"),
        (
            samples.pdf(samples.stream(b"<</S/JavaScript>>", b"/Type /ObjStm", packed=True)),
            "pdf_active",
        ),
        (samples.pdf(samples.stream(b"<</S/JavaScript>>", b"/Type /ObjStm")), "pdf_active"),
        (
            samples.pdf(samples.stream(b"<</S/JavaScript>>", b"/Type /Obj#53tm", packed=True)),
            "pdf_active",
        ),
        (
            samples.pdf(samples.stream(b"", b"/Type /XRef /Encrypt 9 0 R", packed=True)),
            "pdf_encrypted",
        ),
        (
            samples.pdf(samples.stream(b"41>", b"/Type /ObjStm /Filter /ASCIIHexDecode")),
            "file_broken",
        ),
        (samples.pdf(samples.stream(b"no", b"/Type /ObjStm /Filter /FlateDecode")), "file_broken"),
        (
            samples.pdf(samples.stream(bytes(20 << 20), b"/Type /ObjStm", packed=True)),
            "pdf_too_large",
        ),
    ],
)
def test_a_pdf_that_is_locked_or_acts_by_itself_is_refused(content, code):
    with pytest.raises(RefusedFile) as refused:
        inspection.check(content, extension="pdf", declared="application/pdf")
    assert refused.value.code == code


def test_object_streams_cannot_unpack_without_end_by_being_many():
    one = samples.stream(bytes(7 << 20), b"/Type /ObjStm", packed=True)
    with pytest.raises(RefusedFile) as refused:
        inspection.check(samples.pdf(*[one] * 6), extension="pdf", declared="")
    assert refused.value.code == "pdf_too_large"


def test_the_same_words_inside_page_contents_are_no_action():
    content = samples.pdf(
        samples.stream(b"(/JavaScript) Tj /JS /Launch"),
        samples.stream(b"<< /Font /JSong >>", b"/Type /ObjStm", packed=True),
        b"<< /OpenAction [3 0 R /Fit] >>",
    )
    assert inspection.check(content, extension="pdf", declared="") is MediaType.PDF


def test_random_pixels_of_full_size_are_not_taken_for_something_else():
    noise = random.Random(7).randbytes(9 << 20)
    photo = samples.jpeg(trailer=noise)
    assert inspection.check(photo, extension="jpg", declared="") is MediaType.JPEG
    scanned = samples.pdf(samples.stream(noise.replace(b"endstream", b"")))
    assert inspection.check(scanned, extension="pdf", declared="") is MediaType.PDF


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_bytes_at_all_make_the_check_fail_otherwise_than_by_refusing(data):
    extension = data.draw(st.sampled_from(sorted(GOOD)))
    content = bytearray(GOOD[extension])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for variant in (bytes(content), bytes(content[:cut])):
        try:
            found = inspection.check(variant, extension=extension, declared="")
        except DomainError:
            continue
        assert found is inspection.EXTENSIONS[extension]


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("合同.pdf", "合同.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\票据.JPG", "票据.JPG"),
        ("a\x00b\r\n.png", "ab.png"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("  .hidden  ", "hidden"),
        ("", "附件"),
        ("...", "附件"),
        ("/", "附件"),
        (".png", "png"),
        ("CON.png", "附件-CON.png"),
        ("nul", "附件-nul"),
        ('a"<>|?*:b.gif', "ab.gif"),
        ("a\udce5b.png", "ab.png"),
        ("x" * 300 + ".jpeg", "x" * 95 + ".jpeg"),
        ("y" * 300, "y" * 100),
        ("e\u0301.png", "é.png"),
        (" \u3000 .pdf", "pdf"),
    ],
)
def test_names_are_cleaned(name, cleaned):
    assert names.clean(name) == cleaned


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a.PDF", "pdf"), ("a.tar.gz", "gz"), ("a", ""), (".png", ""), ("a.图片", ""), ("a.", "")],
)
def test_the_extension_is_told_from_the_cleaned_name(name, extension):
    assert names.extension_of(name) == extension


@given(st.text(max_size=300))
def test_a_cleaned_name_is_one_safe_component(name):
    cleaned = names.clean(name)
    assert 0 < len(cleaned) <= 100
    assert not set(cleaned) & set('/\\\x00\r\n"<>|?*:')
    assert cleaned not in (".", "..")
    cleaned.encode()
