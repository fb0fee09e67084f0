"""Records among arbitrary output, in arbitrary pieces."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transcripts import BANNER, cut, merge

from devsession.errors import RemoteProtocolError
from devsession.protocol import records
from devsession.protocol.buffer import ReceiveBuffer
from devsession.protocol.commands import Command
from devsession.protocol.engine import Engine
from devsession.protocol.events import Ending, Event, Finished, Output, Started, Told
from devsession.protocol.records import Damaged, Key, Kind, Record, Stale, encode, scan
from devsession.protocol.states import State

KEY = Key(0x12345678, 7)
payloads = st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=60).map(str.encode)
# Output with everything that could be taken for a record: other keys, halves, marks.
forgeries = st.one_of(
    st.binary(max_size=40),
    st.builds(
        lambda nonce, number: encode(Key(nonce, number), Kind.ENDED),
        st.integers(0, 1000),
        st.just(KEY.number),
    ),
    st.integers(1, 14).map(lambda size: encode(KEY, Kind.VALUE, b"4")[:size] + b"\n"),
    st.sampled_from([b"\x1e", b"\x1f", b"\x04", b"\x04\x04>", b">>> ", BANNER, b"OK", b"\x1e12345678."]),
)
# A whole header with our nonce is what no program can print: hypothesis learns it from this file.
_OURS = re.compile(rb"\x1e12345678\.[0-9a-f]{1,8}\.[A-Z][0-9a-f]{1,7}\.")
outputs = st.lists(forgeries, max_size=6).map(b"".join).filter(lambda output: not _OURS.search(output))


def running(key: Key = KEY) -> Engine:
    engine = Engine()
    engine.enter(0.0)
    engine.receive(BANNER, 0.0)
    engine.submit(Command(b"x", key))
    engine.receive(b"OK" + encode(key, Kind.STARTED) + b"\n", 0.0)
    return engine


@given(outputs, payloads, outputs, st.lists(st.integers(0, 500), max_size=12))
def test_any_output_in_any_pieces(before: bytes, payload: bytes, after: bytes, places: list[int]):
    # A forged beginning that a real record completes is cut off by a byte that no header has.
    stream = (
        before
        + b"\n"
        + encode(KEY, Kind.VALUE, payload)
        + after
        + b"\n"
        + encode(KEY, Kind.ENDED)
        + b"\x04\x04>"
    )
    engine = running()
    events: list[Event] = []
    for chunk in cut(stream, places):
        events += engine.receive(chunk, 0.0)
    told = [event.record for event in events if isinstance(event, Told)]
    printed = b"".join(event.data for event in events if isinstance(event, Output))
    assert told == [Record(Kind.VALUE, payload), Record(Kind.ENDED, b"")]
    assert printed == before + b"\n" + after + b"\n"
    assert isinstance(events[-1], Finished)
    assert events[-1].ending is Ending.REPORTED


@given(
    st.lists(st.tuples(outputs, st.integers(0, 6)), max_size=4), st.lists(st.integers(0, 500), max_size=12)
)
def test_late_records_are_neither_output_nor_answers(late: list[tuple[bytes, int]], places: list[int]):
    stream = b"".join(output + b"\n" + encode(Key(KEY.nonce, number), Kind.ENDED) for output, number in late)
    engine = running()
    events: list[Event] = []
    for chunk in cut(stream + encode(KEY, Kind.ENDED) + b"\x04\x04>", places):
        events += engine.receive(chunk, 0.0)
    merged = merge(events)
    assert [event for event in merged if isinstance(event, Told)] == [Told(Record(Kind.ENDED, b""))]
    assert b"".join(event.data for event in merged if isinstance(event, Output)) == b"".join(
        o + b"\n" for o, _ in late
    )


@given(st.binary(max_size=200), st.lists(st.integers(0, 300), max_size=10))
def test_any_bytes_at_the_prompt_do_no_harm(noise: bytes, places: list[int]):
    engine = Engine()
    engine.enter(0.0)
    engine.receive(BANNER, 0.0)
    for chunk in cut(noise, places):
        engine.receive(chunk, 0.0)
    assert engine.state is State.READY
    engine.submit(Command(b"x", KEY))
    events = engine.receive(
        b"OK" + encode(KEY, Kind.STARTED) + b"\n" + encode(KEY, Kind.ENDED) + b"\x04\x04>", 0.0
    )
    assert Started(cooked=False, note=b"") in events
    assert isinstance(events[-1], Finished)


@given(payloads, st.integers(0, 80), st.integers(1, 255))
def test_a_changed_byte_in_a_payload_is_noticed(payload: bytes, place: int, change: int):
    record = bytearray(encode(KEY, Kind.VALUE, b"'" + payload))
    start = bytes(record).index(b".", bytes(record).index(b"V")) + 1
    place = start + place % (len(payload) + 1)
    record[place] ^= change
    buffer = ReceiveBuffer()
    buffer.append(bytes(record))
    assert isinstance(scan(buffer, KEY)[1], Damaged)


def test_a_lost_byte_fails_the_engine_until_it_enters_again():
    engine = running()
    whole = encode(KEY, Kind.VALUE, b"'lost and found'")
    with pytest.raises(RemoteProtocolError, match="damaged"):
        engine.receive(whole.replace(b"lost", b"lst") + encode(KEY, Kind.ENDED), 0.0)
    assert engine.state is State.FAILED
    assert engine.receive(b"anything", 0.0) == []
    engine.enter(1.0)
    engine.receive(b"\r\n" + BANNER, 1.0)
    assert engine.state is State.READY


def test_a_late_record_says_whose_it_is():
    buffer = ReceiveBuffer()
    buffer.append(encode(Key(KEY.nonce, 3), Kind.VALUE, b"1"))
    assert scan(buffer, KEY) == (b"", Stale(3))


def test_an_oversize_record_is_output():
    header = f"\x1e{KEY.nonce:x}.{KEY.number:x}.V{records.MAX_PAYLOAD + 1:x}.".encode()
    buffer = ReceiveBuffer()
    buffer.append(header + b"\n")
    assert scan(buffer, KEY) == (header + b"\n", None)


def test_the_buffer_is_bounded_and_does_not_search_twice():
    buffer = ReceiveBuffer(limit=10)
    buffer.append(b"abcde")
    assert buffer.find(b"ef") == -1
    buffer.append(b"f")
    assert buffer.find(b"ef") == 4
    with pytest.raises(RemoteProtocolError):
        buffer.append(b"123456")
    assert bytes(buffer) == b"abcdef"
