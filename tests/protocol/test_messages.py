"""Messages anywhere in a stream, in arbitrary pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transcripts import BANNER, cut, merge

from devsession.errors import RemoteProtocolError
from devsession.protocol.commands import Command
from devsession.protocol.engine import Engine
from devsession.protocol.events import Accepted, Emitted, Event, Finished, Output, Stray, Told
from devsession.protocol.messages import MOST, Message, MessageFilter, encode
from devsession.protocol.records import Key, Kind, Record
from devsession.protocol.records import encode as record
from devsession.protocol.states import State

KEY = Key(0x12345678, 7)
STARTED = b"OK" + record(KEY, Kind.STARTED) + b"\n"
ENDED = record(KEY, Kind.ENDED) + b"\x04\x04>"
payloads = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40).map(str.encode)
places = st.lists(st.integers(0, 3000), max_size=12)
# What could be taken for the beginning of a message.
noise = st.one_of(
    st.binary(max_size=30),
    st.integers(1, 16).map(lambda size: encode(KEY.nonce, b"0,'x'")[:size] + b"\n"),
    st.builds(encode, st.integers(0, 1000), payloads),
    st.sampled_from([b"\x1e" * 7, b"\x1f", b"\x04\x04>", b"\x1e12345678.0.M5.", b"\x1e12345678.0.Mfff."]),
).filter(lambda printed: b"\x1e12345678.0" not in printed or printed.endswith(b"\n"))


def at_prompt() -> Engine:
    engine = Engine()
    engine.enter(0.0)
    engine.receive(BANNER, 0.0)
    return engine


def told(engine: Engine, chunks: list[bytes]) -> list[Event]:
    events: list[Event] = []
    for chunk in chunks:
        try:
            events += engine.receive(chunk, 0.0)
        except RemoteProtocolError:
            events.append(Stray(b"broken"))
    return merge(events)


def emitted(events: list[Event]) -> list[bytes | None]:
    return [event.payload for event in events if isinstance(event, Emitted)]


def printed(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Output))


@given(st.lists(st.tuples(noise, payloads, st.integers(0, 40)), max_size=5), places)
def test_a_message_may_come_anywhere(parts: list[tuple[bytes, bytes, int]], where: list[int]):
    engine = at_prompt()
    engine.submit(Command(b"x", KEY))
    whole = record(KEY, Kind.VALUE, b"'a value that is printed in pieces'")
    stream, plain = bytearray(), bytearray()
    for before, payload, place in parts:
        # A line end: what a program prints may be a beginning that a message within it would hide.
        stream += before + b"\n" + whole[:place] + encode(KEY.nonce, payload) + whole[place:]
        plain += before + b"\n"
    events = told(engine, cut(STARTED + bytes(stream) + ENDED, where))
    assert emitted(events) == [payload for _, payload, _ in parts]
    assert printed(events) == plain
    values = [event.record for event in events if isinstance(event, Told)]
    assert values[:-1] == [Record(Kind.VALUE, b"'a value that is printed in pieces'")] * len(parts)
    assert isinstance(events[-1], Finished)


@given(st.lists(st.one_of(noise, st.builds(encode, st.just(KEY.nonce), payloads)), max_size=8), places)
def test_any_cuts_tell_the_same_story(pieces: list[bytes], where: list[int]):
    data = b"".join(pieces)
    stories = []
    for chunks in ([data], cut(data, where), [bytes([byte]) for byte in data]):
        idle, busy = at_prompt(), at_prompt()
        busy.submit(Command(b"x", KEY))
        stories.append(
            (
                told(idle, [*chunks, b"\n"]),
                told(busy, [STARTED, *chunks, b"\n", ENDED]),
            )
        )
    assert stories[0] == stories[1] == stories[2]


@given(payloads, payloads, st.integers(0, 60), places)
def test_a_message_within_a_message(outer: bytes, inner: bytes, place: int, where: list[int]):
    whole = encode(KEY.nonce, outer)
    data = whole[:place] + encode(KEY.nonce, inner) + whole[place:]
    events = told(at_prompt(), cut(data, where))
    first = [inner, outer] if place < len(whole) else [outer, inner]
    assert emitted(events) == first
    assert not [event for event in events if isinstance(event, Stray)]


def test_half_a_message_is_output_as_soon_as_something_else_comes():
    engine = at_prompt()
    half = encode(KEY.nonce, b"0,'lost'")[:-3]
    assert engine.receive(half, 0.0) == []
    assert engine.receive(b"\n", 0.0) == [Stray(half + b"\n")]
    assert engine.receive(b"\x1e", 0.0) == []
    engine.submit(Command(b"x", KEY))
    assert engine.receive(b"OK", 0.0) == [Stray(b"\x1e"), Accepted()]
    assert engine.state is State.ACCEPTED


def test_what_is_held_back_is_bounded():
    filtered = MessageFilter()
    kept = b"".join(found for found in filtered.feed(b"\x1e" * 100_000) if isinstance(found, bytes))
    assert len(kept) > 99_990
    endless = b"\x1e1.0.M3e7." + b"x" * (MOST + 5)
    assert list(filtered.feed(endless)) == [b"\x1e"]
    assert b"".join(found for found in filtered.feed(b"y") if isinstance(found, bytes)).endswith(b"xy")
    assert list(filtered.feed(b"plain")) == [b"plain"]


def test_the_longest_message():
    data = encode(KEY.nonce, b"x" * MOST)
    assert list(MessageFilter().feed(data)) == [Message(data, KEY.nonce, b"x" * MOST)]


def test_messages_of_others_are_output_of_a_program_and_of_nobody_else():
    foreign, damaged = encode(0x99, b"0,1"), encode(KEY.nonce, b"0,1").replace(b"0,1", b"0,2")
    engine = at_prompt()
    assert engine.receive(foreign, 0.0) == [Emitted(0x99, b"0,1")]
    engine.submit(Command(b"x", KEY))
    assert merge(engine.receive(STARTED + foreign + damaged + b"!", 0.0))[2:] == [
        Output(foreign),
        Emitted(KEY.nonce, None),
        Output(b"!"),
    ]


@pytest.mark.parametrize(
    "size", range(1, len(b"R\x01\x80\x00\x01" + encode(1, b"0,1")) + 1), ids=lambda size: f"cut{size}"
)
def test_a_message_between_the_grants_of_a_paste(size: int):
    engine = at_prompt()
    engine.outgoing()
    engine.submit(Command(b"x" * 300, KEY, paste=True))
    assert engine.outgoing() == b"\x05A\x01"
    data = b"R\x01\x1e\x00" + encode(1, b"0,1") + b"\x01"
    events = engine.receive(data[:size], 0.0) + engine.receive(data[size:], 0.0)
    assert events == [Emitted(1, b"0,1")]
    assert engine.outgoing() == b"x" * 60
