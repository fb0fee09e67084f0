"""Files of a board: whole or not at all, and known without asking as long as nothing can have changed them."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devsession.errors import DeviceError, RemoteProtocolError, SessionEndedError, UsageError
from devsession.session.files import paths
from devsession.session.files.file_access import PIECE_MOST
from devsession.session.files.metadata import KEPT, FileFacts, FileStat
from devsession.session.manager import DeviceSessionManager
from devsession.session.session import DeviceSession

ALL_BYTES = bytes(range(256))


@pytest.fixture
async def session(manager: DeviceSessionManager) -> AsyncIterator[DeviceSession]:
    async with manager.session("files") as made:
        yield made


async def append(session: DeviceSession, path: str, data) -> FileStat:
    async with session.files.open(path, "ab") as file:
        await file.write(data)
    return file.stat


# A file system in the board's memory; what it does wrong is in `fault`.
FAULTY = """
import os
fault = None
kept = {}
class File:
    def __init__(s, name, mode):
        s.name, s.at = name, 0
        if mode[0] == 'w': kept[name] = b''
        elif name not in kept: raise OSError(2)
    def read(s, n):
        s.at += n
        return kept[s.name][s.at - n:s.at]
    def seek(s, n): s.at = n
    def write(s, data):
        if fault == 'full':
            kept[s.name] += data[:10]
            raise OSError(28)
        kept[s.name] += data[:-1] if fault == 'short' else data
        return len(data)
    def close(s): pass
    def __enter__(s): return s
    def __exit__(s, *error): s.close()
class Files:
    def mount(s, readonly, mkfs): pass
    def umount(s): pass
    def open(s, path, mode): return File(path, mode)
    def stat(s, path):
        if path == '/': return (0x4000,) + (0,) * 9
        if path not in kept: raise OSError(2)
        return (0x8000, 0, 0, 0, 0, 0, len(kept[path]), 0, 5, 0)
    def ilistdir(s, path):
        if fault == 'liar': yield ('../../etc', 0x8000, 0, 1)
        for name in kept: yield (name[1:], 0x8000, 0, 0)
    def remove(s, path): del kept[path]
    def rename(s, old, new):
        if new in kept and fault in ('fat', 'torn'): raise OSError(17)
        if fault == 'torn': raise OSError(5)
        kept[new] = kept.pop(old)
os.mount(Files(), '/ram')
"""


@pytest.fixture
async def faulty(session: DeviceSession) -> AsyncIterator[DeviceSession]:
    await session.exec(FAULTY)
    await session.files.write_bytes("/ram/keep", b"old")
    yield session
    await session.exec("os.umount('/ram')")


# What they do


async def test_bytes_come_back_as_they_went(session: DeviceSession):
    for data in (b"", b"x", ALL_BYTES, ALL_BYTES * 50, os.urandom(3 * PIECE_MOST), bytes(PIECE_MOST)):
        stat = await session.files.write_bytes("/data.bin", data)
        assert (stat.path, stat.name, stat.size, stat.is_dir) == ("/data.bin", "data.bin", len(data), False)
        assert await session.files.read_bytes("/data.bin") == data
    assert await session.device.names() == []
    assert [stat.name for stat in await session.files.scandir("/")] == ["data.bin"]


async def test_every_kind_of_buffer_is_taken_and_text_is_not(session: DeviceSession):
    await session.files.write_bytes(PurePosixPath("/a"), bytearray(b"12"))
    await append(session, "/a", memoryview(b"34"))
    assert await session.files.read_bytes("/a") == b"1234"
    with pytest.raises(UsageError, match="bytes, not text"):
        await session.files.write_bytes("/a", "text")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="bytes, not int"):
        await session.files.write_bytes("/a", 5)  # type: ignore[arg-type]


async def test_appending_in_pieces(session: DeviceSession):
    data = os.urandom(PIECE_MOST + 100)
    await append(session, "/log", b"begin ")
    stat = await append(session, "/log", data)
    assert stat.size == 6 + len(data)
    assert await session.files.read_bytes("/log") == b"begin " + data


async def test_directories(session: DeviceSession):
    files = session.files
    await files.mkdir("/a")
    await files.mkdir("/a/b")
    await files.write_bytes("/a/b/one", b"1")
    await files.write_bytes("/a/two", b"22")
    assert [(stat.path, stat.is_dir, stat.size) for stat in await files.scandir("/a")] == [
        ("/a/b", True, 0),
        ("/a/two", False, 2),
    ]
    with pytest.raises(DeviceError) as caught:
        await files.mkdir("/a")
    assert caught.value.errno == 17
    with pytest.raises(DeviceError):
        await files.rmdir("/a")
    await files.rename("/a/two", "/a/b/three")
    assert [stat.name for stat in await files.scandir("/a/b")] == ["one", "three"]
    await files.remove("/a/b/one")
    await files.rmtree("/a")
    assert await files.scandir("/") == ()
    assert await session.device.names() == []
    with pytest.raises(UsageError, match="root stays"):
        await files.rmtree("/")


async def test_what_is_not_there(session: DeviceSession):
    for _ in range(2):
        assert not await session.files.exists("/none")
        for ask in (
            session.files.stat,
            session.files.read_bytes,
            session.files.remove,
            session.files.scandir,
        ):
            with pytest.raises(DeviceError) as caught:
                await ask("/none")
            assert caught.value.errno == 2
    with pytest.raises(DeviceError) as caught:
        await session.files.write_bytes("/none/file", b"1")
    assert caught.value.errno == 2


async def test_relative_paths_follow_the_board(session: DeviceSession):
    await session.files.mkdir("/sub")
    await session.files.write_bytes("x", b"root")
    await session.exec("import os; os.chdir('/sub')")
    await session.files.write_bytes("./x", b"sub")
    assert await session.files.read_bytes("/x") == b"root"
    assert await session.files.read_bytes("/sub/../sub//x") == b"sub"
    assert [stat.path for stat in await session.files.scandir()] == ["/sub/x"]


async def test_what_a_program_calls_its_own_is_not_used(session: DeviceSession):
    await session.exec("def open(*a): raise ValueError('the valve')\nlen = dir = str = os = open")
    await session.files.write_bytes("/x", ALL_BYTES)
    assert await session.files.read_bytes("/x") == ALL_BYTES
    assert (await session.files.scandir("/"))[0].size == 256


@given(name=st.text(min_size=1, max_size=40).filter(lambda text: not {"/", "\0"} & set(text)))
@settings(max_examples=200)
def test_what_the_board_lists_never_leads_anywhere_else(name: str):
    if name in {".", ".."}:
        with pytest.raises(RemoteProtocolError):
            paths.name_from_board(name, "sim:")
    else:
        assert paths.name_from_board(name, "sim:") == name


def test_hostile_names_are_refused():
    for name in ("", ".", "..", "a/b", "/etc/passwd", "../x", "a\0b", None, 5, b"x"):
        with pytest.raises(RemoteProtocolError, match="no file's name"):
            paths.name_from_board(name, "sim:")


async def test_a_board_that_lists_a_way_out_is_not_believed(faulty: DeviceSession):
    await faulty.exec("fault = 'liar'\nreal = Files.stat\nFiles.stat = lambda s, p: (0x8000,) + (0,) * 9")
    with pytest.raises(RemoteProtocolError, match="no file's name"):
        await faulty.files.scandir("/ram")


async def test_no_path_is_an_error_before_a_byte_is_sent(metered):
    for path in ("", "a\0b", "x" * 256, "/a/" + "ä" * 128, "\ud800", 5, b"x", None):
        with pytest.raises(UsageError):
            await metered.files.write_bytes(path, b"")  # type: ignore[arg-type]
    assert metered.turns() == 0
    await metered.files.write_bytes("/" + "ä" * 127, b"1")


async def test_a_session_that_has_ended_has_no_files(manager: DeviceSessionManager):
    async with manager.session() as session:
        await session.files.write_bytes("/x", b"1")
        await session.files.stat("/x")
    with pytest.raises(SessionEndedError):
        await session.files.stat("/x")


# What a broken write leaves


async def test_no_room_leaves_the_old_file_whole(faulty: DeviceSession):
    await faulty.exec("fault = 'full'")
    for data in (b"new", b"new" * PIECE_MOST):
        with pytest.raises(DeviceError) as caught:
            await faulty.files.write_bytes("/ram/keep", data)
        assert caught.value.errno == 28
        assert "in_place=True" in str(caught.value)
        assert await faulty.files.read_bytes("/ram/keep") == b"old"
        assert [stat.name for stat in await faulty.files.scandir("/ram")] == ["keep"]


async def test_a_cancelled_write_leaves_the_old_file_whole(session: DeviceSession):
    await session.files.write_bytes("/keep", b"old")
    writing = asyncio.create_task(session.files.write_bytes("/keep", os.urandom(20_000_000)))
    await asyncio.sleep(0.2)
    assert not writing.done()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await session.files.read_bytes("/keep") == b"old"
    assert [stat.name for stat in await session.files.scandir("/")] == ["keep"]


async def test_a_short_write_is_noticed(faulty: DeviceSession):
    await faulty.exec("fault = 'short'")
    for in_place in (False, True):
        with pytest.raises(DeviceError, match="not all of 3 bytes"):
            await faulty.files.write_bytes("/ram/keep", b"new", in_place=in_place)
        assert await faulty.files.read_bytes("/ram/keep") == (b"ne" if in_place else b"old")
        assert [stat.name for stat in await faulty.files.scandir("/ram")] == ["keep"]


async def test_heap_that_others_took_meanwhile(faulty: DeviceSession):
    await faulty.exec(
        "class Greedy(File):\n def write(s, data):\n  if len(data) > 200: raise MemoryError\n  return super().write(data)\n"
        "Files.open = lambda s, path, mode: Greedy(path, mode)"
    )
    with pytest.raises(DeviceError, match="MemoryError"):
        await faulty.files.write_bytes("/ram/keep", bytes(1000))
    assert await faulty.files.read_bytes("/ram/keep") == b"old"
    await faulty.exec("class Greedy(Greedy):\n pass\ntries = []\n")
    await faulty.exec(
        "def write(s, data):\n tries.append(0)\n if len(tries) == 1: raise MemoryError\n return File.write(s, data)\n"
        "Greedy.write = write\nFiles.open = lambda s, path, mode: Greedy(path, mode)"
    )
    assert (await faulty.files.write_bytes("/ram/keep", b"new" * 300)).size == 900
    assert await faulty.files.read_bytes("/ram/keep") == b"new" * 300


async def test_a_file_system_that_does_not_rename_over(faulty: DeviceSession):
    await faulty.exec("fault = 'fat'")
    stat = await faulty.files.write_bytes("/ram/keep", b"newer")
    assert (stat.size, stat.mtime) == (5, 5)
    assert await faulty.files.read_bytes("/ram/keep") == b"newer"
    assert [stat.name for stat in await faulty.files.scandir("/ram")] == ["keep"]


@pytest.mark.parametrize("size", [3, 1200])
async def test_one_content_is_there_whatever_fails_where_the_old_one_has_to_go_first(
    faulty: DeviceSession, size: int
):
    await faulty.files.write_bytes("/ram/other", bytes(size))
    data = bytes(size)
    for put in (
        lambda: faulty.files.write_bytes("/ram/keep", data),
        lambda: faulty.files.copy("/ram/other", "/ram/keep"),
    ):
        await faulty.exec("fault = ''\nkept['/keep'] = b'old'\nfault = 'torn'")
        with pytest.raises(DeviceError) as caught:
            await put()
        assert caught.value.errno == 5, caught.value.traceback
        # The old one is gone by then: the new one is under the name that it had meanwhile.
        assert await faulty.eval("'/keep' in kept") is False
        left = await faulty.eval("[(name, len(kept[name])) for name in kept if name != '/other']")
        assert [size for name, size in left if name.startswith("/.devsession-")] == [size]
        await faulty.exec("for name in list(kept):\n if name != '/other': del kept[name]")


async def test_little_heap_means_small_pieces():
    async with DeviceSessionManager.open("sim:?heap=200k") as manager, manager.session() as session:
        await session.exec("hog = bytearray(20000)")
        data = os.urandom(5000)
        await session.files.write_bytes("/x", data)
        assert await session.files.read_bytes("/x") == data


@pytest.mark.parametrize("heap", [4000, 20000, 100_000, 2_000_000])
async def test_boards_without_raw_paste(manager: DeviceSessionManager, heap: int):
    async with manager.session() as session:
        await session.files.exists("/")
        manager.board._prompt.interpreter.raw_paste = False
        manager.board._prompt.interpreter.free_heap = heap
        manager._commons.files.facts = FileFacts(manager._commons.files.facts.functions, heap)
        for data in (bytes(7000), b"\\" * 7000, os.urandom(7000)):
            await session.files.write_bytes("/x", data)
            assert await session.files.read_bytes("/x") == data


async def test_a_piece_that_is_too_much_is_read_in_halves(session: DeviceSession):
    await session.files.write_bytes("/x", ALL_BYTES * 20)
    await session.exec(
        "import builtins, sys\nclass Little:\n def __init__(s, f): s.f = f\n def close(s): s.f.close()\n def seek(s, n): s.f.seek(n)\n"
        " def read(s, n):\n  if n > 100: raise MemoryError\n  return s.f.read(n)\n"
        "class Builtins: pass\nb = Builtins()\nb.open = lambda p, m, o=open: Little(o(p, m))\nsys.modules['builtins'] = b"
    )
    assert await session.files.read_bytes("/x") == ALL_BYTES * 20


async def test_writers_and_readers_of_one_file_never_see_half(manager: DeviceSessionManager):
    one, two = (bytes([n]) * (3 * PIECE_MOST) for n in (1, 2))
    async with manager.session() as a, manager.session() as b:
        await a.files.write_bytes("/x", one)

        async def read() -> None:
            for _ in range(5):
                assert await b.files.read_bytes("/x") in (one, two)

        async def write() -> None:
            for data in (two, one, two):
                await a.files.write_bytes("/x", data)

        await asyncio.gather(read(), write())


# What is known without asking


async def test_what_things_cost(metered):
    files = metered.files
    await files.write_bytes("/x", b"data")
    assert metered.turns() == 1
    assert (await files.stat("/x")).size == 4
    assert metered.turns() == 0
    assert await files.read_bytes("/x") == b"data"
    assert metered.turns() == 1
    await files.scandir("/")
    assert metered.turns() == 1
    await files.scandir("/")
    await files.stat("/x")
    assert metered.turns() == 0
    assert not await files.exists("/y")
    assert metered.turns() == 1
    assert not await files.exists("/y")
    assert metered.turns() == 0
    await files.write_bytes("/y", b"123")
    metered.turns()
    assert [(stat.name, stat.size) for stat in await files.scandir("/")] == [("x", 4), ("y", 3)]
    assert await files.exists("y")
    assert metered.turns() == 0
    await files.remove("/x")
    metered.turns()
    assert [stat.name for stat in await files.scandir("/")] == ["y"]
    assert not await files.exists("/x")
    assert metered.turns() == 0


async def test_programs_of_anybody_end_what_is_known(metered):
    files, session, board = metered.files, metered.session, metered.manager.board
    grow = "import os\nwith open('/x', 'ab') as f: f.write(b'1')\ndel f"
    await files.write_bytes("/x", b"")
    async with metered.manager.session() as other:
        started = other.start(grow)
        for size, program in enumerate(
            (
                started.result(),
                session.exec(grow),
                other.run(grow),
                board.exec(grow),
                board.run(grow),
                session.eval("exec(\"with open('/x', 'ab') as f: f.write(b'1')\")"),
            ),
            1,
        ):
            await program
            assert (await other.files.stat("/x")).size == size
            assert (await files.stat("/x")).size == size
            assert [stat.size for stat in await files.scandir("/")] == [size]
        metered.turns()
        # All sessions know the same.
        await other.files.stat("/x")
        assert metered.turns() == 0


async def test_a_reset_ends_what_is_known(metered):
    await metered.files.write_bytes("/x", b"1")
    await metered.manager.board.reset()
    metered.turns()
    assert await metered.files.exists("/x")
    assert metered.turns() > 0


async def test_what_a_listener_starts_counts_as_a_program(metered):
    manager = metered.manager
    await metered.files.write_bytes("/x", b"")
    begun: list[asyncio.Task[object]] = []

    def listener(_: object) -> None:
        if not begun:
            begun.append(
                asyncio.get_running_loop().create_task(
                    manager.board.exec("with open('/x', 'wb') as f: f.write(b'12345')")
                )
            )

    manager.state_changed.add(listener)
    metered.session.files.invalidate()
    await metered.files.stat("/x")
    manager.state_changed.remove(listener)
    await begun[0]
    assert (await metered.files.stat("/x")).size == 5


async def test_refresh_forgets(metered, tmp_path: Path):
    await metered.files.write_bytes("/x", b"1")
    metered.turns()
    metered.files.invalidate()
    await metered.files.stat("/x")
    assert metered.turns() == 1


async def test_concurrent_changes_are_never_hidden(manager: DeviceSessionManager):
    async def write(session: DeviceSession, size: int) -> None:
        await session.files.write_bytes("/x", bytes(size))
        await session.files.stat("/x")

    async with manager.session() as one, manager.session() as two:
        for round_ in range(20):
            await asyncio.gather(
                write(one, round_), write(two, 100 + round_), one.files.exists("/x"), two.files.scandir("/")
            )
            truth = await manager.board.eval("__import__('os').stat('/x')[6]")
            known = (await one.files.stat("/x")).size
            assert known == truth


async def test_many_files_are_listed_page_by_page(session: DeviceSession):
    await session.exec("for i in range(600): open('/f%03d' % i, 'w').close()\ndel i")
    names = [stat.name for stat in await session.files.scandir("/")]
    assert names == [f"f{n:03}" for n in range(600)]


# A board without directories

FLAT = """
import os, sys
class Flat:
    def __init__(s, o): s.listdir, s.remove, s.size, s.uname = o.listdir, o.remove, lambda n: o.stat(n)[6], None
sys.modules['os'] = Flat(os)
"""


async def test_a_board_with_names_and_sizes_only(metered):
    files = metered.files
    await metered.session.exec(FLAT)
    metered.manager._commons.files.facts = None
    data = os.urandom(2 * PIECE_MOST + 1)
    stat = await files.write_bytes("x", data)
    assert (stat.path, stat.size, stat.mtime, stat.is_dir) == ("x", len(data), None, False)
    assert await files.read_bytes("/x") == data
    metered.turns()
    assert await files.scandir() == (await files.stat("x"),) == await files.scandir("/")
    assert metered.turns() == 1
    with pytest.raises(UsageError, match="cannot rename"):
        await files.write_bytes("x", b"new")
    assert (await files.write_bytes("x", b"new", in_place=True)).size == 3
    assert await files.read_bytes("x") == b"new"
    for call in (
        append(metered.session, "x", b"1"),
        files.mkdir("d"),
        files.rmdir("d"),
        files.rename("x", "y"),
    ):
        with pytest.raises(UsageError, match="os has no"):
            await call
    with pytest.raises(UsageError, match="no directories"):
        await files.stat("d/x")
    with pytest.raises(DeviceError) as caught:
        await files.stat("none")
    assert caught.value.errno == 2
    with pytest.raises(DeviceError):
        await files.read_bytes("none")
    await files.remove("x")
    assert not await files.exists("x")


async def test_what_is_known_is_bounded(metered):
    for n in range(KEPT + 10):
        with metered.manager._commons.files.looking() as look:
            look.age = metered.manager._commons.files._age
            metered.manager._commons.files.saw(look, f"/{n}", None)
    assert len(metered.manager._commons.files._stats) <= KEPT
    assert not await metered.files.exists(f"/{KEPT + 9}")
    assert metered.turns() == 0
