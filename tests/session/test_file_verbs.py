"""The verbs of `session.files` that are those of os, pathlib and shutil, on a real interpreter."""

import asyncio
import hashlib
import os
import zlib
from collections.abc import AsyncIterator

import pytest

from devsession.errors import DeviceError, UsageError
from devsession.session.files.file_access import PIECE_MOST
from devsession.session.files.patterns import Patterns
from devsession.session.manager import DeviceSessionManager
from devsession.session.session import DeviceSession


@pytest.fixture
async def session(manager: DeviceSessionManager) -> AsyncIterator[DeviceSession]:
    async with manager.session("files") as made:
        yield made


@pytest.fixture
async def tree(session: DeviceSession) -> DeviceSession:
    files = session.files
    await files.mkdir("/lib/deep", parents=True)
    await files.mkdir("/library")
    for path in ("/main.py", "/lib/a.py", "/lib/b.mpy", "/lib/deep/c.py", "/library/d.py"):
        await files.write_text(path, path)
    return session


async def test_text_and_bytes(session: DeviceSession):
    files = session.files
    assert (await files.write_text("/t", "größe\n")).size == 8
    assert await files.read_text("/t") == "größe\n"
    assert await files.read_bytes("/t") == "größe\n".encode()
    await files.write_bytes("/t", b"\xff")
    with pytest.raises(UsageError, match="no UTF-8 text"):
        await files.read_text("/t")
    with pytest.raises(UsageError, match="str, not bytes"):
        await files.write_text("/t", b"x")  # type: ignore[arg-type]


async def test_directories_with_parents(session: DeviceSession):
    files = session.files
    await files.mkdir("/a/b/c", parents=True)
    assert (await files.stat("/a/b/c")).is_dir
    await files.mkdir("/a/b", exist_ok=True)
    await files.mkdir("/a/b/c/d", parents=True, exist_ok=True)
    for options in ({}, {"parents": True}):
        with pytest.raises(DeviceError) as caught:
            await files.mkdir("/a/b", **options)
        assert caught.value.errno == 17
    await files.write_bytes("/f", b"")
    with pytest.raises(DeviceError) as caught:
        await files.mkdir("/f", exist_ok=True)
    assert caught.value.errno == 17
    with pytest.raises(DeviceError):
        await files.mkdir("/f/x", parents=True)
    with pytest.raises(DeviceError) as caught:
        await files.rmtree("/none")
    assert caught.value.errno == 2
    with pytest.raises(UsageError, match="root stays"):
        await files.rmdir("/")


async def test_walking_and_globbing(tree: DeviceSession):
    files = tree.files
    walked = [tuple(folder) async for folder in files.walk("/")]
    assert walked == [
        ("/", ("lib", "library"), ("main.py",)),
        ("/lib", ("deep",), ("a.py", "b.mpy")),
        ("/lib/deep", (), ("c.py",)),
        ("/library", (), ("d.py",)),
    ]
    assert await files.listdir("/lib") == ("a.py", "b.mpy", "deep")
    for pattern, found in {
        "/*.py": ["/main.py"],
        "*.py": ["/main.py"],
        "/**/*.py": ["/lib/a.py", "/lib/deep/c.py", "/library/d.py", "/main.py"],
        "/lib/*.py": ["/lib/a.py"],
        "/lib/[ab].*": ["/lib/a.py", "/lib/b.mpy"],
        "/lib/[!a].*": ["/lib/b.mpy"],
        "/li?": ["/lib"],
        "/lib/a.py": ["/lib/a.py"],
        "/none/*": [],
        "/main.py/*": [],
    }.items():
        assert list(await files.glob(pattern)) == found, pattern
    for path, errno in {"/none": 2, "/main.py": 20}.items():
        with pytest.raises(DeviceError) as caught:
            _ = [folder async for folder in files.walk(path)]
        assert caught.value.errno == errno


async def test_a_tree_is_one_turn(metered):
    await metered.session.exec(
        "import os\nfor d in range(5):\n os.mkdir('/d%d' % d)\n"
        " for n in range(40):\n  with open('/d%d/f%d' % (d, n), 'w') as f: f.write('x' * n)"
    )
    metered.turns()
    assert sum([len(folder.files) async for folder in metered.files.walk("/")]) == 200
    assert metered.turns() == 2
    assert len(await metered.files.glob("/**/f*")) == 200
    assert metered.turns() == 1


async def test_a_tree_in_pages_where_the_heap_is_small():
    async with DeviceSessionManager.open("sim:?heap=220k") as manager, manager.session() as session:
        await session.exec(
            "for n in range(150):\n with open('/file%d' % n, 'w') as f: f.write('x' * n)\ndel n, f"
        )
        [folder] = [folder async for folder in session.files.walk("/")]
        assert sorted(folder.files) == sorted(f"file{n}" for n in range(150))
        # Less of the heap was taken for each page than where there is much of it.
        assert session.files._trees._share > 0


async def test_hashes(session: DeviceSession):
    data = os.urandom(10_000)
    await session.files.write_bytes("/x", data)
    assert await session.files.hash("/x") == hashlib.sha256(data).hexdigest()
    assert await session.files.hash("/x", "md5") == hashlib.md5(data).hexdigest()
    assert await session.files.hash("/x", "crc32") == f"{zlib.crc32(data):08x}"
    with pytest.raises(UsageError, match="no hash"):
        await session.files.hash("/x", "sha0")
    for path, errno in {"/none": 2, "/": 21}.items():
        with pytest.raises(DeviceError) as caught:
            await session.files.hash(path)
        assert caught.value.errno == errno


async def test_disk_use(session: DeviceSession):
    before = await session.files.statvfs()
    assert 0 < before.free < before.total
    assert before.used + before.free == before.total


async def test_copying_on_the_board(metered):
    files = metered.files
    data = os.urandom(50_000)
    await metered.session.exec(
        f"import os\nwith open('/x', 'wb') as f:\n for _ in range(50): f.write({data[:1000]!r})"
    )
    sent = metered.sent
    await files.write_bytes("/y", b"old")
    assert (await files.copy("/x", "/y")).size == 50_000
    assert metered.sent - sent < 5_000
    assert await files.read_bytes("/y") == data[:1000] * 50
    assert await files.listdir("/") == ("x", "y")
    with pytest.raises(DeviceError) as caught:
        await files.copy("/none", "/z")
    assert caught.value.errno == 2
    with pytest.raises(DeviceError):
        await files.copy("/x", "/none/z")
    with pytest.raises(UsageError, match="copied to"):
        await files.copy("/x", "/./x")
    assert await files.listdir("/") == ("x", "y")
    assert await metered.session.device.names() == ["_", "f", "os"]


async def test_a_current_directory_for_each_session(manager: DeviceSessionManager):
    async with manager.session() as one, manager.session() as two:
        await one.files.mkdir("/sub/inner", parents=True)
        await one.files.chdir("sub")
        await one.files.write_bytes("x", b"1")
        assert await one.files.getcwd() == "/sub"
        assert await two.files.getcwd() == "/"
        assert await one.eval("__import__('os').getcwd()") == "/"
        assert await two.files.exists("/sub/x")
        assert not await two.files.exists("x")
        await one.files.chdir("inner/..")
        assert await one.files.getcwd() == "/sub"
        assert await one.files.glob("*") == ("/sub/inner", "/sub/x")
        for path, errno in {"none": 2, "x": 20}.items():
            with pytest.raises(DeviceError) as caught:
                await one.files.chdir(path)
            assert caught.value.errno == errno
        # A program's os.chdir moves those that never called chdir.
        await two.exec("import os; os.chdir('/sub/inner')")
        assert (await one.files.getcwd(), await two.files.getcwd()) == ("/sub", "/sub/inner")


# Open files


async def test_a_file_larger_than_a_piece_is_streamed(session: DeviceSession):
    lines = [f"line {n} ä\n" for n in range(2000)]
    async with session.files.open("/log", "w") as file:
        for line in lines:
            await file.write(line)
        # Nothing is under its name before it is whole.
        assert not await session.files.exists("/log")
    assert file.stat.size == len("".join(lines).encode())
    async with session.files.open("/log") as file:
        assert [line async for line in file] == lines
    async with session.files.open("/log", "rb") as file:
        assert await file.read(7) == b"line 0 "
        assert await file.readline() == "ä\n".encode()
        assert await file.read(PIECE_MOST * 2) == "".join(lines).encode()[10 : 10 + PIECE_MOST * 2]
        assert len(await file.read()) == file_size(lines) - 10 - PIECE_MOST * 2
        assert await file.read() == await file.readline() == await file.read(5) == b""
    async with session.files.open("/log", "a") as file:
        await file.write("end")
    assert (await session.files.read_text("/log")).endswith("ä\nend")


def file_size(lines: list[str]) -> int:
    return len("".join(lines).encode())


async def test_a_block_that_fails_leaves_the_old_file(session: DeviceSession):
    await session.files.write_bytes("/keep", b"old")
    with pytest.raises(ZeroDivisionError):
        async with session.files.open("/keep", "wb") as file:
            for _ in range(20):
                await file.write(os.urandom(PIECE_MOST))
            raise ZeroDivisionError
    assert await session.files.read_bytes("/keep") == b"old"
    assert await session.files.listdir("/") == ("keep",)

    async def write() -> None:
        async with session.files.open("/keep", "wb") as file:
            while True:
                await file.write(os.urandom(PIECE_MOST))

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.05)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await session.files.read_bytes("/keep") == b"old"
    assert await session.files.listdir("/") == ("keep",)


async def test_a_block_that_is_cancelled_at_its_end_leaves_the_old_file(session: DeviceSession):
    await session.files.write_bytes("/keep", b"old")

    async def write() -> None:
        async with session.files.open("/keep", "wb") as file:
            await file.write(bytes(50_000_000))
            ending.set()

    ending = asyncio.Event()
    writing = asyncio.create_task(write())
    await ending.wait()
    await asyncio.sleep(0.05)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await session.files.read_bytes("/keep") == b"old"
    assert await session.files.listdir("/") == ("keep",)
    assert not session.files._metadata.open


async def test_what_is_open_for_writing_is_nobody_elses(session: DeviceSession):
    async with session.files.open("/x", "wb") as file:
        await file.write(b"1")
        for call in (
            session.files.read_bytes("/x"),
            session.files.write_bytes("/x", b"2"),
            session.files.remove("/x"),
        ):
            with pytest.raises(UsageError, match="open for writing"):
                await call
        with pytest.raises(UsageError, match="open for writing"):
            async with session.files.open("/x", "w"):
                pass
    assert await session.files.read_bytes("/x") == b"1"


async def test_what_cannot_be_opened(session: DeviceSession):
    with pytest.raises(UsageError, match="opened with one of"):
        session.files.open("/x", "r+")
    with pytest.raises(DeviceError) as caught:
        async with session.files.open("/none"):
            pass
    assert caught.value.errno == 2
    with pytest.raises(DeviceError) as caught:
        async with session.files.open("/none/x", "wb") as file:
            for _ in range(20):
                await file.write(bytes(PIECE_MOST))
    assert caught.value.errno == 2
    async with session.files.open("/x", "w") as file:
        with pytest.raises(UsageError, match="takes text"):
            await file.write(b"x")
        with pytest.raises(UsageError, match="not open for reading"):
            await file.read()
        await file.write("y")
    async with session.files.open("/x") as file:
        with pytest.raises(UsageError, match="not open for writing"):
            await file.write("x")
    await session.files.write_bytes("/x", b"a\xff")
    with pytest.raises(UsageError, match="no UTF-8"):
        async with session.files.open("/x") as file:
            await file.read()


# What is known


async def test_dropping_one_path_leaves_others_known(metered):
    files = metered.files
    for name in ("lib", "library"):
        await files.mkdir(f"/{name}")
        await files.write_bytes(f"/{name}/x", b"1")
    await metered.files.scandir("/lib")
    await metered.files.scandir("/library")
    metered.turns()
    files.invalidate("/lib")
    await files.stat("/library/x")
    await files.listdir("/library")
    assert metered.turns() == 0
    await files.stat("/lib/x")
    assert metered.turns() == 1
    await files.listdir("/lib")
    assert metered.turns() == 1
    await files.rmtree("/lib")
    metered.turns()
    await files.stat("/library/x")
    assert metered.turns() == 0


async def test_how_often_something_was_known_is_told(metered):
    files = metered.files
    before = files.known
    for _ in range(4):
        assert not await files.exists("/none")
    assert (files.known.hits - before.hits, files.known.misses - before.misses) == (3, 1)
    assert 0 < files.known.rate < 1


async def test_names_that_fat_takes_for_one(metered):
    files = metered.files
    assert not await files.exists("/README.TXT")
    await files.write_bytes("/readme.txt", b"1")
    metered.turns()
    # On this file system it is another file, but that is for the board to tell.
    assert not await files.exists("/README.TXT")
    assert metered.turns() == 1


@pytest.mark.parametrize(
    ("patterns", "path", "is_dir", "expected"),
    [
        (["*.pyc"], "a/b.pyc", False, True),
        (["*.pyc"], "a/b.py", False, False),
        (["build"], "a/build/x", False, True),
        (["build/"], "build", False, False),
        (["build/"], "build", True, True),
        (["build/"], "a/build/x.py", False, True),
        (["/build"], "a/build", True, False),
        (["/build"], "build/x", False, True),
        (["docs/*.txt"], "docs/a.txt", False, True),
        (["docs/*.txt"], "docs/sub/a.txt", False, False),
        (["docs/**/*.txt"], "docs/a/b/c.txt", False, True),
        (["docs/**"], "docs/a/b", False, True),
        (["a?c"], "abc", False, True),
        (["a?c"], "a/c", False, False),
        (["[a-c].py"], "b.py", False, True),
        (["a.b"], "aXb", False, False),
        ([], "anything", False, False),
    ],
)
def test_patterns(patterns: list[str], path: str, is_dir: bool, expected: bool):
    assert Patterns(patterns).match(path, is_dir=is_dir) is expected


def test_what_is_no_pattern():
    for pattern in ("", "/", "[z-a]"):
        with pytest.raises(UsageError):
            Patterns([pattern])
    with pytest.raises(UsageError, match="several"):
        Patterns("*.py")
