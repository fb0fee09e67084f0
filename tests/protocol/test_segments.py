"""The stream of files to a board: what is sent can be undone, and holds no byte that the raw REPL acts on."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devsession.protocol import segments
from devsession.protocol.segments import Check, Coding, Form, heading

ACTED_ON = set(b"\x02\x03\x04")
FORMS = [
    Form(coding, Check.SHA256, size, window)
    for coding in Coding
    for size, window in ((512, 0), (512, 9), (32768, 15))
]


def undone(form: Form, sent: bytes) -> bytes:
    """What firmware_helpers/put.py makes of segments."""
    found = b""
    while sent:
        length, sent = int(sent[:4], 16), sent[4:]
        data, sent = sent[: length & 0x7FFF], sent[length & 0x7FFF :]
        if form.coding is Coding.BINARY:
            for number in b"\x02\x03\x04\x10":
                data = data.replace(bytes((16, number + 64)), bytes((number,)))
        else:
            data = form.decode(data)
        found += zlib.decompress(data, -form.window) if length > 0x7FFF else data
    return found


@pytest.mark.parametrize("form", FORMS, ids=repr)
@given(data=st.binary(max_size=600) | st.binary(min_size=1, max_size=3).map(lambda part: part * 150))
def test_segments_can_be_undone_and_hold_nothing_that_is_acted_on(form: Form, data: bytes):
    data = data[: form.piece]
    sent = b"".join(form.segments(data))
    assert undone(form, sent) == data
    assert not ACTED_ON & set(sent)


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_no_segment_is_longer_than_its_length_can_say(form: Form):
    for data in (b"\x03" * form.piece, bytes(range(256)) * (form.piece // 256), bytes(form.piece)):
        sent = list(form.segments(data))
        assert all(len(segment) <= segments.MOST + 4 for segment in sent)
        assert undone(form, b"".join(sent)) == data


def test_what_is_not_worth_it_is_not_deflated():
    form = Form(Coding.BINARY, Check.SHA256, 4096, 12)
    (noise,) = form.segments(bytes(range(256)) * 1)
    assert int(noise[:4], 16) < 0x8000
    (text,) = form.segments(b"the same again and again " * 100)
    assert int(text[:4], 16) > 0x8000
    assert len(text) < 100


def test_a_heading_has_a_sum_of_all_that_it_says():
    made = heading("/lib/a.py", 1234, 0xABCDEF01)
    assert made[4:] == b"000004d2abcdef01/lib/a.py"
    assert int(made[:4], 16) == sum(made[4:]) & 0xFFFF


@given(data=st.binary(max_size=200), split=st.integers(0, 200))
def test_checks_do_not_depend_on_the_split(data: bytes, split: int):
    for check in Check:
        whole, parts = check.begin(), check.begin()
        whole.update(data)
        parts.update(data[:split])
        parts.update(data[split:])
        assert whole.digest() == parts.digest()
    assert whole.digest() == b"%08x" % zlib.adler32(data)
