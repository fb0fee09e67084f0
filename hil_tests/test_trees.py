"""Trees of files to a board and back, and what is told of them."""

import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devsession import DeviceError, DeviceSession

# Small enough for the smallest board, and in several pieces there.
DATA = {"hil_a.py": b"A = 1\n", "hil_b.bin": random.Random(2).randbytes(700), "hil_empty": b""}


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "local"
    folder.mkdir()
    for name, data in DATA.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
async def writable(session: DeviceSession) -> AsyncIterator[DeviceSession]:
    """A session on a board whose files can be written, which has none of the test's names before and behind it."""
    await _tidy(session)
    try:
        await session.files.write_bytes("hil_empty", b"")
    except DeviceError as error:
        if error.errno != 30:
            raise
        pytest.skip("its file system is read-only: the host has it as a drive")
    await _tidy(session)
    yield session
    await _tidy(session)


async def _tidy(session: DeviceSession) -> None:
    for stat in await session.files.scandir():
        if stat.name.startswith("hil_"):
            await (session.files.rmtree if stat.is_dir else session.files.remove)(stat.path)


async def test_a_tree_is_compared_and_sent_where_it_differs(
    writable: DeviceSession, local: Path, tmp_path: Path
):
    files = writable.files
    # What else is on the board is none of the test's business.
    others = set(await files.listdir("/"))
    plan = await files.sync(local, "/")
    assert sorted(plan.send) == sorted(DATA)
    assert {path.partition("/")[0] for path in (*plan.extra, *plan.ignored)} == others
    assert (await files.sync(local, "/")).is_empty
    (local / "hil_a.py").write_bytes(b"A = 2\n")
    assert dict((await files.sync(local, "/")).send) == {"hil_a.py": 6}
    for name, data in {**DATA, "hil_a.py": b"A = 2\n"}.items():
        await files.get(f"/{name}", tmp_path / name)
        assert (tmp_path / name).read_bytes() == data
        assert await files.hash(name) == hashlib.sha256(data).hexdigest()
    assert sorted(await files.glob("hil_*")) == [
        stat.path for stat in await files.scandir() if "hil_" in stat.name
    ]


async def test_streaming_and_copying_on_the_board(writable: DeviceSession):
    files = writable.files
    lines = [f"line {n}\n" for n in range(60)]
    async with files.open("hil_log", "w") as file:
        for line in lines:
            await file.write(line)
    assert (await files.copy("hil_log", "hil_copy")).size == len("".join(lines))
    async with files.open("hil_copy") as file:
        assert [line async for line in file] == lines


@pytest.mark.needs("os.mkdir")
async def test_directories_of_a_tree(writable: DeviceSession, local: Path, tmp_path: Path):
    files = writable.files
    (local / "deep/er").mkdir(parents=True)
    (local / "deep/er/x").write_bytes(b"x")
    await files.mkdir("/hil_tree", exist_ok=True)
    await files.write_bytes("/hil_tree/old", b"1")
    plan = await files.sync(local, "/hil_tree", delete=True)
    assert plan.delete == ("old",)
    assert (await files.sync(local, "/hil_tree", delete=True)).is_empty
    await files.get("/hil_tree", tmp_path / "back")
    assert (tmp_path / "back/deep/er/x").read_bytes() == b"x"
    assert {path.name: path.read_bytes() for path in (tmp_path / "back").iterdir() if path.is_file()} == DATA
    assert (await files.statvfs("/hil_tree")).total > 0
    await files.chdir("/hil_tree/deep")
    assert await files.listdir("er") == ("x",)
    await files.chdir("/")
    await files.rmtree("/hil_tree")
    assert not await files.exists("/hil_tree/deep")
