"""Links through pyserial's URL handlers: their URLs, their failures, and servers that misbehave."""

import asyncio
import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from relay import listening
from serial import rfc2217
from test_descriptor import Inbox

from devsession.errors import (
    HostNotFoundError,
    LinkClosedError,
    LinkLostError,
    NegotiationError,
    PortRefusedError,
    UsageError,
)
from devsession.links import link
from devsession.transport.base import BARE_UART, CONTROLLED
from devsession.transport.pins import ESPRESSIF, Pins
from devsession.transport.remote_address import RemoteAddress
from devsession.transport.remote_port import RemoteTransport

# pyserial notices that a negotiation was cut off when its own limit passes.
THREADS_TIMEOUT = 10.0


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("asyncio_"):
            continue  # the loop's own, for names and for this test
        thread.join(THREADS_TIMEOUT)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("url", "identity"),
    [
        ("socket://Farm.Example:3000", "socket://farm.example:3000"),
        ("rfc2217://farm:03000?ign_set_control&timeout=1", "rfc2217://farm:3000"),
        ("RFC2217://[::1]:3000/", "rfc2217://[::1]:3000"),
        ("loop://", "loop://"),
    ],
)
def test_the_identity_is_the_url_in_its_one_form(url: str, identity: str):
    remote = link(url)
    assert remote.identity == identity
    assert remote.flow == (CONTROLLED if url == "loop://" else BARE_UART)


@pytest.mark.parametrize(
    "url",
    [
        "socket://farm",
        "socket://:3000",
        "socket://farm:0",
        "socket://farm:99999",
        "socket://farm:x",
        "socket://farm:3000/board",
        "socket://farm:3000?ign_set_control",
        "rfc2217://farm:3000?timeout=soon",
        "rfc2217://farm:3000?timeout=0",
        "loop://farm",
    ],
)
def test_urls_that_cannot_be_are_refused(url: str):
    with pytest.raises(UsageError):
        link(url)


async def test_nobody_listens_and_no_such_host():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for scheme in ("socket", "rfc2217"):
        with pytest.raises(PortRefusedError, match=f"port {port} of 127.0.0.1"):
            await RemoteTransport(f"{scheme}://127.0.0.1:{port}").open(Inbox())
        with pytest.raises(HostNotFoundError, match=r"no-such-host\.invalid"):
            await RemoteTransport(f"{scheme}://no-such-host.invalid:1").open(Inbox())


def test_a_host_out_of_reach_is_told_in_the_systems_words():
    address = RemoteAddress.parse("socket://farm:3000")
    error = OSError("Could not open port socket://farm:3000: timed out")
    error.__context__ = OSError(113, "No route to host")
    assert "farm cannot be reached: No route to host" in str(address.refusal(error))


async def test_what_does_not_speak_rfc2217_is_told():
    async def silent(reader, writer):
        await reader.read()

    async with listening(silent) as port:
        with pytest.raises(NegotiationError, match="does not speak RFC 2217") as caught:
            await RemoteTransport(f"rfc2217://127.0.0.1:{port}?timeout=0.3").open(Inbox())
        assert caught.value.hint is not None
        assert f"socket://127.0.0.1:{port}" in caught.value.hint


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
async def test_an_opening_that_is_given_up_cuts_the_connection(scheme: str):
    gone = asyncio.Event()

    async def silent(reader, writer):
        try:
            while await reader.read(100):
                pass
        finally:
            gone.set()

    async with listening(silent) as port:
        transport = RemoteTransport(f"{scheme}://127.0.0.1:{port}")
        opening = asyncio.create_task(transport.open(Inbox()))
        # Without a negotiation it is given up before the thread could say that it is open.
        await asyncio.sleep(0.2 if scheme == "rfc2217" else 0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await asyncio.wait_for(gone.wait(), THREADS_TIMEOUT)
        await transport.close(THREADS_TIMEOUT)
        with pytest.raises(LinkClosedError):
            transport.write(b"x")


async def test_the_last_words_come_before_the_loss():
    async def talkative(reader, writer):
        await reader.read(1)
        writer.write(b"last words" * 1000)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    async with listening(talkative) as port:
        inbox = Inbox()
        transport = RemoteTransport(f"socket://127.0.0.1:{port}")
        await transport.open(inbox)
        transport.write(b"?")
        await inbox.until(lambda: inbox.ends)
        assert inbox.data == b"last words" * 1000
        assert [type(end) for end in inbox.ends] == [LinkLostError]
        with pytest.raises(LinkLostError):
            transport.write(b"x")
        await transport.close()
        assert len(inbox.ends) == 1


async def test_a_peer_that_stopped_reading_does_not_hold_up_the_close():
    async def deaf(reader, writer):
        writer.transport.pause_reading()
        await asyncio.Event().wait()

    async with listening(deaf) as port:
        inbox = Inbox()
        transport = RemoteTransport(f"socket://127.0.0.1:{port}")
        await transport.open(inbox)
        transport.write(bytes(30_000_000))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await transport.drain()
        assert transport.unsent
        begun = time.monotonic()
        await transport.close(1.0)
        assert time.monotonic() - begun < 5
        await inbox.until(lambda: inbox.ends)
        assert inbox.ends == [None]


async def test_a_loop_brings_back_what_was_written():
    inbox = Inbox()
    transport = RemoteTransport("loop://")
    await transport.open(inbox)
    sent = bytes(range(256)) * 400
    transport.write(sent)
    await inbox.until(lambda: len(inbox.data) >= len(sent))
    assert inbox.data == sent
    await transport.drain()
    transport.write(bytes(1_000_000))
    transport.abort()
    await transport.close()
    assert inbox.ends == [None]


class Lines:
    """A serial port for pyserial's example server: it echoes, and writes down what becomes of its lines."""

    cts = dsr = ri = cd = False
    baudrate, bytesize, parity, stopbits, in_waiting = 9600, 8, "N", 1, 0

    def __init__(self) -> None:
        object.__setattr__(self, "set", [])

    def __setattr__(self, name: str, value: object) -> None:
        self.set.append((name, value))
        object.__setattr__(self, name, value)

    def reset_input_buffer(self) -> None:
        pass

    reset_output_buffer = reset_input_buffer


async def test_pyserials_own_server_has_its_lines_set():
    port_of_server = Lines()

    async def serve(reader, writer):
        manager = rfc2217.PortManager(port_of_server, writer)
        while data := await reader.read(1000):
            writer.write(b"".join(manager.escape(b"".join(manager.filter(data)))))

    async with listening(serve) as port:
        inbox = Inbox()
        transport = RemoteTransport(f"rfc2217://127.0.0.1:{port}", pins=Pins(pulse=ESPRESSIF))
        await transport.open(inbox)
        assert ("baudrate", 115200) in port_of_server.set
        assert transport.lines is not None
        sent = bytes(range(256)) * 400
        transport.write(sent)
        await inbox.until(lambda: len(inbox.data) >= len(sent))
        assert inbox.data == sent
        port_of_server.set.clear()
        await asyncio.to_thread(transport.lines.set, dtr=False, rts=True)
        await asyncio.to_thread(transport.lines.send_break, 0.01)
        assert port_of_server.set == [
            ("dtr", False),
            ("rts", True),
            ("break_condition", True),
            ("break_condition", False),
        ]
        port_of_server.set.clear()
        assert transport.can_reset
        await transport.reset_board()
        changes = [
            ("dtr", False),
            ("rts", True),
            ("dtr", False),
            ("rts", False),
            ("dtr", True),
            ("rts", True),
        ]
        assert port_of_server.set == changes
        await transport.close()
        with pytest.raises(LinkClosedError):
            transport.lines.set(dtr=True)
        assert inbox.ends == [None]


async def test_a_server_of_rfc2217_that_stopped_reading_does_not_hold_up_the_close():
    async def serve(reader, writer):
        manager = rfc2217.PortManager(Lines(), writer)
        while b"go" not in b"".join(manager.filter(await reader.read(1000))):
            await asyncio.sleep(0)
        writer.transport.pause_reading()
        writer.write(b"gone")
        await asyncio.Event().wait()

    async with listening(serve) as port:
        inbox = Inbox()
        transport = RemoteTransport(f"rfc2217://127.0.0.1:{port}")
        await transport.open(inbox)
        transport.write(b"go")
        await inbox.until(lambda: inbox.data == b"gone")
        transport.write(bytes(30_000_000))
        await transport.close(1.0)
        await inbox.until(lambda: inbox.ends)
        assert inbox.ends == [None]


@pytest.mark.parametrize(
    "said",
    [b"\xff\xf0", b"\xff\xfa\x2c\xff\xf0", random.Random(7).randbytes(4096).replace(b"\xff", b"\xff\xf0")],
)
async def test_a_server_of_nonsense_has_no_thread_print_a_traceback(
    said: bytes, monkeypatch: pytest.MonkeyPatch
):
    failures: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    before = set(threading.enumerate())

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await reader.read()
        writer.close()

    async with listening(talk) as port:
        remote = link(f"rfc2217://127.0.0.1:{port}?timeout=0.3")
        with pytest.raises(NegotiationError):
            await remote.open(Inbox())
        await remote.close()
    for thread in set(threading.enumerate()) - before:
        await asyncio.to_thread(thread.join, THREADS_TIMEOUT)
    assert not failures


async def test_a_server_that_goes_away_is_a_loss_with_rfc2217_too():
    async def serve(reader, writer):
        manager = rfc2217.PortManager(Lines(), writer)
        while b"bye" not in (said := b"".join(manager.filter(await reader.read(1000)))):
            assert said is not None
        writer.write(b"last words")
        await writer.drain()

    async with listening(serve) as port:
        inbox = Inbox()
        transport = RemoteTransport(f"rfc2217://127.0.0.1:{port}")
        await transport.open(inbox)
        transport.write(b"bye")
        await inbox.until(lambda: inbox.ends)
        assert [type(end) for end in inbox.ends] == [LinkLostError]
        await transport.close()
