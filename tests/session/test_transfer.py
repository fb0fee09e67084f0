"""Moving files in one exec: on every kind of board, in every form, and whatever becomes of the two ends."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devsession.errors import DeadlineError, DeviceError, RemoteProtocolError, UsageError
from devsession.protocol.segments import Check, Coding
from devsession.session.files import transfer_code
from devsession.session.files.sources import Content
from devsession.session.files.transfer import Outgoing, Transfer, Wanted
from devsession.session.files.transfer_code import form_of
from devsession.session.manager import DeviceSessionManager
from devsession.session.session import DeviceSession

RANDOM = os.urandom(20_000)
TEXT = Path(__file__).read_bytes() * 3
EMULATED = pytest.mark.usefixtures("emulators")


@pytest.fixture
async def session(manager: DeviceSessionManager) -> AsyncIterator[DeviceSession]:
    async with manager.session() as session:
        yield session


def form_for(manager: DeviceSessionManager, heap: int = 200_000, **other: object):
    return form_of(manager.capabilities.model_copy(update=other), heap)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"binary_stdio": False},
        {"binary_stdio": False, "encodings": ("hex", "crc32")},
        {"hashes": ()},
        {"hashes": (), "encodings": ("base64",)},
        {"decompress": False},
    ],
    ids=["best", "base64", "hex", "crc32", "adler32", "plain"],
)
async def test_every_form_there_is(manager: DeviceSessionManager, other: dict[str, object]):
    found = form_for(manager, **other)
    assert found is not None
    transfer = Transfer(manager.board, *found)
    for data in (b"", b"\x02\x03\x04\x10", RANDOM, TEXT):
        await transfer.put([Outgoing("/file", Content(len(data), data), 7)], "a file")
        assert await transfer.get([Wanted("/file")], "a file") == [data]
    hashed = await manager.board.eval("__import__('hashlib').sha256(open('/file','rb').read()).digest()")
    assert hashed == hashlib.sha256(TEXT).digest()
    assert await transfer.get([Wanted("/file", 5, 10), Wanted("/file", len(TEXT))], "parts") == [
        TEXT[5:15],
        b"",
    ]


def test_what_a_board_can_decides(monkeypatch: pytest.MonkeyPatch):
    class Can:
        implementation = "micropython"
        binary_stdio, decompress = True, True
        encodings: tuple[str, ...] = ("base64", "hex", "crc32")
        hashes: tuple[str, ...] = ("sha256",)
        modules = ("deflate",)

    def best(heap: int = 200_000, wanted: Coding | None = None):
        return form_of(Can, heap, wanted)  # type: ignore[arg-type]

    form, kind = best()
    assert (form.coding, form.check, form.size, form.window) == (Coding.BINARY, Check.SHA256, 8192, 13)
    assert kind == "micropython deflate"
    assert best(wanted=Coding.HEX)[0].coding is Coding.HEX
    assert best(transfer_code.LEAST_HEAP - 1) is None
    small, _ = best(transfer_code.LEAST_HEAP)
    assert (small.size, small.window) == (2048, 11)
    Can.binary_stdio = False
    assert best()[0].coding is Coding.BASE64
    assert best(wanted=Coding.BINARY) is None
    Can.encodings, Can.hashes, Can.decompress = ("hex",), (), False
    form, _ = best()
    assert (form.coding, form.check, form.window) == (Coding.HEX, Check.ADLER32, 0)
    Can.encodings = ()
    assert best() is None


@EMULATED
@pytest.mark.parametrize("url", ["sim:mps2", "sim:microbit"])
async def test_other_boards(url: str):
    async with DeviceSessionManager.open(url) as manager, manager.session() as session:
        for data in (RANDOM[:1500], TEXT[:2000]):
            await session.files.write_bytes("file", data, in_place=url == "sim:microbit")
            session.files.invalidate()
            assert await session.files.read_bytes("file") == data


async def test_circuitpython_when_it_may_write(tmp_path: Path):
    (tmp_path / "boot.py").write_text("import storage\nstorage.remount('/', False)")
    async with (
        DeviceSessionManager.open(f"sim:circuitpython?root={tmp_path}") as manager,
        manager.session() as session,
    ):
        for data in (RANDOM, TEXT):
            await session.files.write_bytes("/file", data)
            session.files.invalidate()
            assert await session.files.read_bytes("/file") == data
    assert (tmp_path / "file").read_bytes() == TEXT


@EMULATED
async def test_what_it_costs_without_a_binary_stream(capsys: pytest.CaptureFixture[str]):
    from devsession.board.board import Board
    from devsession.links import link
    from devsession.transport.metering import MeteredTransport

    data = os.urandom(32 * 1024)
    wire = MeteredTransport(link("sim:mps2"))
    async with DeviceSessionManager(Board(wire)) as manager, manager.session() as session:
        await session.files.write_bytes("/file", data[:600])
        up = wire.meter.up
        await session.files.write_bytes("/file", data)
        up = (wire.meter.up - up) / len(data)
        session.files.invalidate()
        await session.files.read_bytes("/file")
        session.files.invalidate()
        down = wire.meter.down
        assert await session.files.read_bytes("/file") == data
        down = (wire.meter.down - down) / len(data)
    with capsys.disabled():
        print(f"\n  sim:mps2: put 32 KiB random {up:.3f} bytes a byte, get {down:.3f}")
    assert up <= 1.40
    assert down <= 1.40


async def test_a_coding_of_choice(session: DeviceSession):
    for coding in (*Coding, "hex", None):
        session.files.moving(coding=coding)
        await session.files.write_bytes("/file", RANDOM)
        session.files.invalidate()
        session.files.moving()
    assert await session.files.read_bytes("/file") == RANDOM
    with pytest.raises(UsageError, match="there are binary, base64, hex"):
        session.files.moving(coding="uu")


@EMULATED
async def test_a_coding_that_the_board_cannot_do():
    async with DeviceSessionManager.open("sim:mps2") as manager, manager.session() as session:
        session.files.moving(coding="binary")
        with pytest.raises(UsageError, match="cannot move files as binary"):
            await session.files.write_bytes("/file", RANDOM)


async def test_a_heap_that_is_smaller_than_was_thought():
    async with DeviceSessionManager.open("sim:?heap=200k") as manager:
        form, kind = form_for(manager, heap=32768 * 16)
        transfer = Transfer(manager.board, form, kind)
        data = os.urandom(100_000)
        await transfer.put([Outgoing("/file", Content(len(data), data), 7)], "a file")
        assert await transfer.get([Wanted("/file")], "a file") == [data]


async def test_a_source_that_fails_leaves_the_old_file_and_a_board_in_order(
    session: DeviceSession, tmp_path: Path
):
    await session.files.write_bytes("/file", b"old")
    local = tmp_path / "local"
    local.write_bytes(RANDOM)
    contents = session.files._contents
    transfer = await contents._transfer()
    assert transfer is not None
    local_content = Content(len(RANDOM), local)
    local.unlink()
    with pytest.raises(UsageError, match="No such file"):
        await transfer.put([Outgoing("/file", local_content, 7)], "a file")
    assert await session.files.read_bytes("/file") == b"old"
    assert await session.files.listdir("/") == ("file",)


async def test_ctrl_c_in_the_middle_is_a_clear_error(session: DeviceSession):
    await session.files.write_bytes("/file", b"old")
    writing = asyncio.create_task(session.files.write_bytes("/file", os.urandom(20_000_000)))
    await asyncio.sleep(0.2)
    assert session.board.interrupt()
    with pytest.raises(DeviceError, match="KeyboardInterrupt"):
        await writing
    assert await session.files.read_bytes("/file") == b"old"
    assert await session.files.listdir("/") == ("file",)


async def test_a_program_may_not_print_into_it(session: DeviceSession):
    data = os.urandom(300_000)
    await session.files.write_bytes("/file", data)
    session.files.invalidate()
    await session.exec(
        "import machine\nhits = []\n"
        "timer = machine.Timer(-1)\ntimer.init(period=1, callback=lambda t: (hits.append(1), print('tick')))"
    )
    try:
        for _ in range(5):
            try:
                assert await session.files.read_bytes("/file") == data
            except RemoteProtocolError as error:
                assert "damaged" in str(error)
    finally:
        await session.exec("timer.deinit()")
    assert await session.files.read_bytes("/file") == data


DISK = """
import vfs
class Disk:
 def __init__(s): s.data = bytearray(128 * 512)
 def readblocks(s, n, b, o=0): b[:] = s.data[n * 512 + o:n * 512 + o + len(b)]
 def writeblocks(s, n, b, o=0): s.data[n * 512 + o:n * 512 + o + len(b)] = b
 def ioctl(s, op, arg): return {4: 128, 5: 512, 6: 0}.get(op)
disk = Disk()
vfs.KIND.mkfs(disk)
vfs.mount(vfs.KIND(disk), '/disk')
"""


@pytest.mark.parametrize("kind", ["VfsFat", "VfsLfs2"])
async def test_real_file_systems(metered, kind: str):
    await metered.session.exec(DISK.replace("KIND", kind))
    old = os.urandom(20_000)
    for data in (b"older", bytes(20_000), old):
        assert (await metered.files.write_bytes("/disk/file", data)).size == len(data)
    # No room for both: it says so before the content is sent, but for what is granted at once.
    sent = metered.sent
    with pytest.raises(DeviceError) as caught:
        await metered.files.write_bytes("/disk/file", os.urandom(46_000))
    assert caught.value.errno == 28
    assert "in_place=True" in str(caught.value)
    assert metered.sent - sent < 40_000
    assert await metered.files.read_bytes("/disk/file") == old
    new = os.urandom(40_000)
    await metered.files.write_bytes("/disk/file", new, in_place=True)
    metered.files.invalidate()
    assert await metered.files.read_bytes("/disk/file") == new
    assert await metered.files.listdir("/disk") == ("file",)


async def test_a_board_that_reads_no_more_is_told_by_its_silence(session: DeviceSession):
    await session.files.write_bytes("/file", RANDOM)
    session.files.moving(patience=0.3)
    # A file system that takes its time. While it does nothing is read, Ctrl-C neither.
    await session.exec(
        "import builtins, time\nclass Hanging:\n def __init__(s, f): s.f = f\n def write(s, b): time.sleep(1)\n"
        " def __getattr__(s, n): return getattr(s.f, n)\n"
        "builtins.open = lambda p, m='r', o=open: Hanging(o(p, m)) if 'w' in m else o(p, m)"
    )
    with pytest.raises(DeadlineError, match=r"putting /file stood still for 0.3 s"):
        await session.files.write_bytes("/file", RANDOM * 10)
    session.files.moving()
    assert await session.files.read_bytes("/file") == RANDOM


@pytest.mark.parametrize("reading", [True, False], ids=["reading", "writing"])
async def test_a_transfer_may_be_cancelled_at_any_moment(session: DeviceSession, reading: bool):
    data = os.urandom(1_000_000)
    await session.files.write_bytes("/file", data)
    for step in range(60):
        session.files.invalidate()
        moving = session.files.read_bytes("/file") if reading else session.files.write_bytes("/file", data)
        task = asyncio.create_task(moving)
        await asyncio.sleep(step % 20 / 1000)
        task.cancel()
        async with asyncio.timeout(4):
            await asyncio.wait([task])
        assert await session.eval("6*7") == 42
    assert await session.files.listdir("/") == ("file",)
    assert await session.files.read_bytes("/file") == data
