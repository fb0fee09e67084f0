"""Fuzz target: any requests, any bytes from the board, any cuts. Run it with `make fuzz`.

The engine may refuse with a ProtocolError and nothing else; and the same bytes cut in another way tell the same story.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["devsession"]):
    from transcripts import BANNER, merge

    from devsession.errors import ProtocolError
    from devsession.protocol.commands import Command
    from devsession.protocol.engine import Engine
    from devsession.protocol.messages import encode as message
    from devsession.protocol.records import Key, Kind, encode
    from devsession.protocol.values import parse

KEY = Key(0x123, 1)
PIECES = [
    BANNER,
    b"OK",
    b"\x04",
    b">",
    b">>> ",
    b"R\x01\x80\x00\x01",
    b"R\x00",
    b"\x01",
    encode(KEY, Kind.STARTED) + b"\r\n",
    encode(KEY, Kind.VALUE, b"42"),
    encode(KEY, Kind.ENDED),
    encode(Key(KEY.nonce, 0), Kind.ENDED),
    message(KEY.nonce, b"0,42"),
    message(0x99, b"0,42"),
    message(KEY.nonce, b"0,42")[:-3],
]


def request(engine: Engine, which: int, now: float) -> None:
    match which:
        case 0:
            engine.enter(now)
        case 1:
            engine.submit(Command(b"x" * 300, KEY))
        case 2:
            engine.submit(Command(b"x" * 300, KEY, paste=True))
        case 3:
            engine.submit(Command(b"x"))
        case 4:
            engine.interrupt(now)
        case 5:
            engine.soft_reset()
        case 6:
            engine.leave()


def play(steps: list[tuple[int, bytes]], size: int) -> tuple[list[object], bytes, object]:
    """Play the steps with the bytes cut into pieces of ``size``."""
    engine, now, events, written = Engine(), 0.0, [], b""
    for which, data in steps:
        try:
            request(engine, which, now)
        except ProtocolError as error:
            events.append(type(error))
        for start in range(0, len(data), size):
            try:
                events += engine.receive(data[start : start + size], now)
            except ProtocolError as error:
                events += [*engine.pending(), type(error)]
                break
            written += engine.outgoing()
        if which == 7:
            now += 1.0
            events += engine.tick(now)
        written += engine.outgoing()
    return merge(events), written, engine.state


def test_one_input(data: bytes) -> None:
    provider = atheris.FuzzedDataProvider(data)
    steps = []
    while provider.remaining_bytes():
        which = provider.ConsumeIntInRange(0, 9)
        piece = provider.ConsumeIntInRange(0, len(PIECES) * 2)
        steps.append((which, PIECES[piece] if piece < len(PIECES) else provider.ConsumeBytes(piece)))
    whole, bytewise = play(steps, 1 << 20), play(steps, 1)
    # Raw-paste sends what was granted so far: there the cut decides what is written, and so what comes next.
    if all(which != 2 for which, _ in steps):
        assert whole == bytewise, (steps, whole, bytewise)
    try:
        parse(data.decode("latin-1"))
    except ProtocolError:
        pass


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
