"""Bytes that are not JSON are told apart, with the place."""

import pytest

from cti.gateway.reading import Unread, read_items
from cti.web.body import parse
from cti.web.refusal import Refusal


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        (b"", "unparsable", "line 1"),
        (b'{"a":1', "unparsable", "line 1 column 6"),
        (b'{"a":1}{', "unparsable", "trailing"),
        (b'{"a":NaN}', "unparsable", "column 6"),
        (b'{"a":-Infinity}', "unparsable", "column 7"),
        (b'\xef\xbb\xbf{"a":1}', "bad_encoding", "offset 0"),
        (b'{"a":"\xffb"}', "bad_encoding", "0xff at offset 6"),
        (b'"\xed\xa0\x80"', "bad_encoding", "offset 1"),
        (b'"\\ud800"', "unparsable", "line 1"),
        (b"[" * 100_000, "unparsable", "recursion"),
        (b'{"a":' * 100_000, "unparsable", "recursion"),
        (b"1" * 100_000, "unparsable", "out of range"),
    ],
)
def test_unreadable_bodies_name_the_place(body: bytes, code: str, place: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse(body)
    assert caught.value.code == code
    assert place in caught.value.detail


def test_the_last_of_two_equal_names_stands() -> None:
    assert parse(b'{"a":1,"a":2}') == {"a": 2}


def test_lines_are_judged_one_by_one() -> None:
    arrived = read_items("application/x-ndjson", [], b'{"id":"1"}\r\n\n  \n{"id":\n[3]', 10)
    assert arrived.items[0] == {"id": "1"}
    assert isinstance(arrived.items[1], Unread)
    assert arrived.items[2] == [3]
    assert not arrived.single


def test_wrong_utf8_in_a_line_is_the_whole_body_s_fault() -> None:
    with pytest.raises(Refusal, match="offset 12"):
        read_items("application/x-ndjson", [], b'{"id":"1"}\n"\xff"\n', 10)


@pytest.mark.parametrize("media", ["application/x-ndjson", "application/cloudevents-batch+json"])
def test_a_batch_is_bounded(media: str) -> None:
    body = b"1\n" * 11 if media.endswith("ndjson") else b"[" + b",".join([b"1"] * 11) + b"]"
    with pytest.raises(Refusal, match="batch_too_large"):
        read_items(media, [], body, 10)


def test_binary_mode_is_percent_decoded() -> None:
    headers = [("ce-id", "a%20b%E7%94%B5"), ("ce-specversion", "1.0")]
    item = read_items("application/json", headers, b'{"x":1}', 10).items[0]
    assert item == {"id": "a b电", "specversion": "1.0", "datacontenttype": "application/json", "data": {"x": 1}}


@pytest.mark.parametrize(
    "headers",
    [
        [("ce-id", "%FF")],
        [("ce-id", "a"), ("ce-id", "b")],
        [("ce-data", "{}")],
        [("ce-", "x")],
        [("ce-id", "\udcff")],
    ],
)
def test_binary_headers_that_cannot_be_used_are_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(Refusal, match="bad_header"):
        read_items("application/json", headers, b"", 10)
