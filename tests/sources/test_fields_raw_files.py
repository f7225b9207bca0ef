"""Stored raw files: what is whole, what is not, and what becomes of single bad lines (faults 41-46, 60)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.sources.raw_lines import (
    BadNumber,
    ReadLimits,
    UnreadableFile,
    parse_record,
    read_json_lines,
    read_line_item_pages,
)


def blob(folder: Path, *lines: bytes, end: bytes = b"\n") -> Path:
    path = folder / "part-0.json.gz"
    path.write_bytes(gzip.compress(end.join(lines) + end))
    return path


def test_lines_are_numbered_as_they_stand_and_empty_ones_left_out(tmp_path):
    path = blob(tmp_path, b'\xef\xbb\xbf{"A": 1}', b"", b'{"a": "x"}', b"   ", b'{"a": null}', end=b"\r\n")
    found = [(record.line_no, record.fields) for record in read_json_lines(path)]
    assert found == [(1, {"a": 1}), (3, {"a": "x"}), (5, {"a": None})]


def test_a_file_of_several_members_and_without_a_last_newline(tmp_path):
    path = tmp_path / "p.gz"
    path.write_bytes(gzip.compress(b'{"a":1}\n{"a"') + gzip.compress(b":2}\n") + gzip.compress(b'{"a":3}'))
    assert [int(record.fields["a"]) for record in read_json_lines(path)] == [1, 2, 3]


def test_a_file_that_was_inflated_on_the_way(tmp_path):
    path = tmp_path / "p.gz"
    path.write_bytes(b'{"a":1}\n')
    assert len(list(read_json_lines(path))) == 1


def test_an_empty_part_has_no_lines(tmp_path):
    for content in (b"", gzip.compress(b"")):
        (tmp_path / "p.gz").write_bytes(content)
        assert list(read_json_lines(tmp_path / "p.gz")) == []


@pytest.mark.parametrize("cut", [1, 4, 8, 20])
def test_a_cut_file_is_refused(tmp_path, cut):
    path = blob(tmp_path, *(json.dumps({"n": n}).encode() for n in range(500)))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(UnreadableFile) as caught:
        list(read_json_lines(path))
    assert caught.value.code == "truncated"


@pytest.mark.parametrize("rubbish", [b"rubbish", b"this is not the second member of a gzip file"])
def test_rubbish_behind_the_data_is_refused(tmp_path, rubbish):
    path = blob(tmp_path, b'{"a":1}')
    path.write_bytes(path.read_bytes() + rubbish)
    with pytest.raises(UnreadableFile):
        list(read_json_lines(path))


def test_a_changed_byte_is_refused(tmp_path):
    path = blob(tmp_path, b'{"a":1}')
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)
    with pytest.raises(UnreadableFile) as caught:
        list(read_json_lines(path))
    assert caught.value.code == "not_gzip"


def test_bombs_stop_at_the_limits(tmp_path):
    path = tmp_path / "p.gz"
    path.write_bytes(gzip.compress((b'{"a": "' + b"x" * 100_000 + b'"}\n') * 250))
    with pytest.raises(UnreadableFile, match="inflates to more"):
        list(read_json_lines(path, ReadLimits(ratio=150)))
    with pytest.raises(UnreadableFile, match="inflates to more"):
        list(read_json_lines(path, ReadLimits(bytes_out=1_000_000)))
    path = blob(tmp_path, b'{"a": "' + b"x" * 500_000 + b'"}')
    with pytest.raises(UnreadableFile, match="a line of more than 200,000 bytes"):
        list(read_json_lines(path, ReadLimits(line_bytes=200_000)))
    assert len(list(read_json_lines(path))) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a": "\xff"}', "not valid UTF-8"),
        (b'{"a": 1', "not one JSON object"),
        (b'{"a": 1} {"a": 2}', "not one JSON object: Extra data"),
        (b"[1]", "not a JSON object"),
        (b'{"a": 1, "a": 2}', "the name 'a' occurs twice"),
        (b'{"Subtotal": 1, "subTotal": 2}', "the name 'subTotal' occurs twice"),
        (b'{"a": {"b": 1, "b": 2}}', "the name 'b' occurs twice"),
        (b'{"a": "x\\u0000y"}', "a value holds the character NUL"),
        (b'{"a": "x\x00y"}', "not one JSON object"),
        (b'{"a": "\\ud800"}', "a value holds half of a surrogate pair"),
        (b'{"a": ' + b"[" * 32 + b"]" * 32 + b"}", "nested deeper than 32 levels"),
        (b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested deeper than 32 levels"),
    ],
)
def test_why_a_line_cannot_be_read(text, expected):
    record = parse_record(text, 1)
    assert record.fields is None
    assert record.reason.startswith(expected)
    assert record.raw == text


def test_thirty_two_levels_are_fine():
    assert parse_record(b'{"a": ' + b"[" * 31 + b"]" * 31 + b"}", 1).reason == ""


def test_text_that_only_looks_like_an_escaped_nul_is_fine():
    assert parse_record(b'{"a": "\\\\u0000"}', 1).fields == {"a": "\\u0000"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "1" * 40, "1e-21", "0." + "1" * 40])
def test_a_number_beyond_the_gate_spoils_its_field_not_its_line(number):
    fields = parse_record(f'{{"a": {number}, "b": 1.10}}'.encode(), 1).fields
    assert isinstance(fields["a"], BadNumber)
    assert str(fields["b"]) == "1.10"


def test_items_of_a_page_keep_their_own_text(tmp_path):
    path = tmp_path / "page.json"
    path.write_bytes(b'\xef\xbb\xbf{"totalCount": 9, "items": [{"a": 1.50}, 7, {"a": 1, "A": 2}], "links": {}}')
    first, second, third = read_line_item_pages([path])
    assert (first.line_no, first.raw, str(first.fields["a"])) == (1, b'{"a": 1.50}', "1.50")
    assert second.reason == "not a JSON object"
    assert third.reason == "the name 'A' occurs twice"


def test_items_are_numbered_through_all_pages(tmp_path):
    for name in ("1", "2"):
        (tmp_path / name).write_bytes(b'{"items": [{"a": 1}, {"a": 2}]}')
    found = read_line_item_pages([tmp_path / "1", tmp_path / "2"])
    assert [record.line_no for record in found] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "page",
    [
        b'{"items": [{"a": 1}',
        b"",
        b"<html>busy</html>",
        b'{"code": 2000}',
        b'{"items": {}}',
        b'{"items": [], "items": [{"a": 1}]}',
        b"[" * 100_000,
    ],
)
def test_a_page_that_is_not_whole_is_refused(tmp_path, page):
    path = tmp_path / "page.json"
    path.write_bytes(page)
    with pytest.raises(UnreadableFile):
        list(read_line_item_pages(path))


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=300), max_size=20))
def test_what_goes_in_comes_out(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("blob") / "p.gz"
    path.write_bytes(b"".join(gzip.compress(json.dumps({"a": text}).encode() + b"\n") for text in texts))
    found = list(read_json_lines(path))
    kept = [text for text in texts if "\0" not in text]
    assert [record.fields["a"] for record in found if record.fields] == kept
    assert len(found) == len(texts)


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(text):
    record = parse_record(text, 1)
    assert (record.fields is None) == bool(record.reason)
