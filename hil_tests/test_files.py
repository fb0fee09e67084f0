"""Files of the board."""

import random
from collections.abc import AsyncIterator

import pytest

from devsession import DeviceError, DeviceSession

NAME = "hil_test.bin"


@pytest.fixture
async def files(session: DeviceSession) -> AsyncIterator[DeviceSession]:
    """A session on a board whose files can be written, which has none of the test's names before and behind it."""
    try:
        await session.files.write_bytes(NAME, b"")
    except DeviceError as error:
        if error.errno != 30:
            raise
        pytest.skip("its file system is read-only: the host has it as a drive")
    await session.files.remove(NAME)
    yield session
    if await session.files.exists(NAME):
        await session.files.remove(NAME)


async def test_every_byte_comes_back(files: DeviceSession):
    for data in (b"", bytes(range(256)) * 3, random.Random(1).randbytes(1000)):
        written = await files.files.write_bytes(NAME, data, in_place=True)
        assert written.size == len(data)
        assert await files.files.read_bytes(NAME) == data


async def test_listing_and_removing(files: DeviceSession):
    assert NAME not in [entry.name for entry in await files.files.scandir()]
    await files.files.write_bytes(NAME, b"here")
    assert NAME in [entry.name for entry in await files.files.scandir()]
    assert (await files.files.stat(NAME)).size == 4
    await files.files.remove(NAME)
    assert not await files.files.exists(NAME)
    with pytest.raises(DeviceError):
        await files.files.read_bytes(NAME)


async def test_what_a_program_wrote_is_read(files: DeviceSession):
    await files.exec(f"f = open({NAME!r}, 'wb')\nf.write(b'from the board')\nf.close()")
    assert await files.files.read_bytes(NAME) == b"from the board"
    await files.files.write_bytes(NAME, b"from the host", in_place=True)
    assert await files.eval(f"open({NAME!r}, 'rb').read()") == b"from the host"


@pytest.mark.needs("os.rename")
async def test_a_file_is_replaced_in_one_step(files: DeviceSession):
    await files.files.write_bytes(NAME, b"old" * 100)
    assert (await files.files.write_bytes(NAME, b"new")).size == 3
    assert await files.files.read_bytes(NAME) == b"new"
    assert [entry.name for entry in await files.files.scandir() if entry.name.startswith(".devsession")] == []


@pytest.mark.needs("os.mkdir")
async def test_directories(files: DeviceSession):
    await files.files.mkdir("hil_test")
    try:
        await files.files.write_bytes(f"hil_test/{NAME}", b"inside")
        assert [entry.name for entry in await files.files.scandir("hil_test")] == [NAME]
        assert await files.files.read_bytes(f"hil_test/{NAME}") == b"inside"
    finally:
        await files.files.rmtree("hil_test")
    assert not await files.files.exists("hil_test")


async def test_files_outlive_a_soft_reset(files: DeviceSession):
    await files.files.write_bytes(NAME, b"kept")
    await files.board.soft_reset()
    assert await files.files.read_bytes(NAME) == b"kept"
