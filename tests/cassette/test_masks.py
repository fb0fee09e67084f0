"""Secrets are taken out of a stream, however it is cut, and records stay records."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devsession.cassette.masks import MaskedStream, Masks
from devsession.errors import UsageError
from devsession.protocol import records
from devsession.protocol.buffer import ReceiveBuffer
from devsession.protocol.records import Key, Kind
from devsession.protocol.source import literal

KEY = Key(0x1234, 7)


def masked(masks: list, pieces: list[bytes], *, board: bool = True) -> tuple[bytes, str]:
    stream = MaskedStream(Masks(masks), records=board)
    cells = [cell for piece in pieces for cell in stream.feed(piece)] + stream.feed(b"", final=True)
    return b"".join(cell for cell, _ in cells), "".join("x" if hidden else "." for _, hidden in cells)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.lists(st.integers(0, 500), max_size=12))
def test_a_masked_record_is_still_accepted_however_it_is_cut(places: list[int]):
    payload = b"['hunter2',12345,'\\xc3\\xa4']"
    data = b"OK\x1e" + records.encode(KEY, Kind.VALUE, payload) + b"after hunter2\x04>"
    result, _ = masked(["hunter2", "12345"], cut(data, places))
    assert b"hunter2" not in result
    buffer = ReceiveBuffer()
    buffer.append(result)
    plain, found = records.scan(buffer, KEY)
    assert plain == b"OK\x1e"
    assert found == records.Record(
        Kind.VALUE, payload.replace(b"hunter2", b"*******").replace(b"12345", b"11111")
    )
    assert bytes(buffer) == b"after *******\x04>"


@pytest.mark.parametrize("secret", ["\xff\xff", "~~~~~~~~~~~~~~~~", "\x01"])
def test_a_check_may_change_its_length(secret: str):
    for rest in range(0, 400, 7):
        payload = secret.encode() + b"a" * rest
        result, _ = masked([secret], [records.encode(KEY, Kind.VALUE, payload)])
        buffer = ReceiveBuffer()
        buffer.append(result)
        assert isinstance(records.scan(buffer, KEY)[1], records.Record)


def test_a_record_that_was_damaged_stays_damaged():
    data = records.encode(KEY, Kind.VALUE, b"'hunter2'").replace(b"hunter2", b"hunter2", 1)
    broken = data[:-3] + b"0\x1f"
    buffer = ReceiveBuffer()
    buffer.append(masked(["hunter2"], [broken])[0])
    assert isinstance(records.scan(buffer, KEY)[1], records.Damaged)


@pytest.mark.parametrize("secret", ['pass"word', "back\\slash", "tab\tbed", "schön", "it's"])
def test_a_text_is_found_in_programs_and_values(secret: str):
    for shown in (secret.encode(), literal(secret + " and more text").encode(), repr(secret).encode()):
        result, hidden = masked([secret], [b"<" + shown + b">"], board=False)
        assert hidden.count("x") >= len(secret)
        assert secret.encode() not in result


def test_bytes_and_patterns():
    assert masked([b"\xe6\x01"], [b"a\xe6\x01b b'\\xe6\\x01'"])[0] == b"a**b b'********'"
    assert masked([re.compile(r"id=\w+")], [b"id=ab", b"c1 x"])[0] == b"******* x"
    assert masked([re.compile(rb"\xe6.")], [b"\xe6", b"\x01b"])[0] == b"**b"


def test_what_may_be_the_beginning_of_a_secret_is_not_given_away_at_the_end():
    assert masked(["hunter2"], [b"password hunt"])[0] == b"password ****"


@pytest.mark.parametrize("mask", ["", b"", re.compile("x*")])
def test_a_mask_of_nothing_is_refused(mask: object):
    with pytest.raises(UsageError, match="mask"):
        Masks([mask])  # type: ignore[list-item]
