"""Encodings: said, marked, or recognised; never silently something else."""

import codecs

import pytest

from cti.replay.decoding import decoded, text_encoding, unreadable

CHINESE = "主叫,被叫,通话时长\n01000000001,95598,呼入\n"
WESTERN = "id;agent\n1;Löwe\n2;Éric Müller\n3;Åsa\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (CHINESE.encode(), "utf-8"),
        (codecs.BOM_UTF8 + CHINESE.encode(), "utf-8"),
        (codecs.BOM_UTF16_LE + CHINESE.encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + CHINESE.encode("utf-16-be"), "utf-16-be"),
        (codecs.BOM_UTF32_LE + CHINESE.encode("utf-32-le"), "utf-32-le"),
        (CHINESE.encode("gb18030"), "gb18030"),
    ],
)
def test_what_is_marked_or_recognised(content: bytes, encoding: str) -> None:
    assert decoded(content) == (CHINESE, encoding)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le", "cp850"])
def test_what_the_mapping_says_is_so(encoding: str) -> None:
    assert decoded(WESTERN.encode(encoding), encoding) == (WESTERN, encoding)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_a_western_text_is_never_read_as_chinese(encoding: str) -> None:
    text, used = decoded(WESTERN.encode(encoding))
    assert used == "utf-8"
    assert [unreadable(line) for line in text.splitlines()] == [False, True, True, True]


def test_a_spoilt_line_of_an_utf_8_file_does_not_make_it_another_encoding() -> None:
    lines = [f"{number},呼入客户服务".encode() for number in range(5)]
    lines[2] = "2,呼入".encode("gb18030")
    text, used = decoded(b"\n".join(lines))
    assert used == "utf-8"
    assert [unreadable(line) for line in text.splitlines()] == [False, False, True, False, False]


@pytest.mark.parametrize("spoilt", [b"\xff", b"\xc4", b"\x810"])
def test_a_spoilt_line_of_a_gb18030_file_suffers_alone(spoilt: bytes) -> None:
    lines = [f"{number},呼入客户服务".encode("gb18030") for number in range(5)]
    lines[2] += spoilt
    text, used = decoded(b"\n".join(lines))
    assert used == "gb18030"
    assert [line for line in text.splitlines() if not unreadable(line)] == [f"{n},呼入客户服务" for n in (0, 1, 3, 4)]


@pytest.mark.parametrize(
    ("content", "said", "text"),
    [
        ("1,呼\ufffd".encode(), None, "1,呼\ufffd"),
        (codecs.BOM_UTF16_LE + "1,\ufffd".encode("utf-16-le"), None, "1,\ufffd"),
        ("1,\ufffd".encode("gb18030"), "gb18030", "1,\ufffd"),
    ],
)
def test_a_replacement_character_of_the_file_s_own_is_sound(content: bytes, said: str | None, text: str) -> None:
    assert decoded(content, said)[0] == text
    assert not unreadable(text)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "big5", "cp1252", "shift_jis", "ascii"])
def test_bytes_that_fit_no_character_are_unreadable(encoding: str) -> None:
    text, _ = decoded(b"1,a\n2,\x81\xff\n3,b", encoding)
    assert [unreadable(line) for line in text.splitlines()] == [False, True, False]


def test_half_a_surrogate_pair_is_unreadable_however_it_came() -> None:
    assert unreadable(decoded(b"+3AE-", "utf-7")[0])
    assert not unreadable("\U0001f600")


@pytest.mark.parametrize("name", ["latin-2000", "base64", "rot13", "punycode", "idna"])
def test_what_is_no_text_encoding_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"no such text encoding: {name}"):
        text_encoding(name)
