"""A directory of this side on the board."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devsession import CapabilityError, DeviceError, DeviceSession, Mount

DATA = random.Random(3).randbytes(20_000)


@pytest.fixture
async def mount(session: DeviceSession, tmp_path: Path) -> AsyncIterator[Mount]:
    (tmp_path / "data.bin").write_bytes(DATA)
    (tmp_path / "hil_module.py").write_text("answer = 42\n")
    try:
        yield await session.mount(tmp_path, writable=True)
    except CapabilityError as error:
        pytest.skip(error.message)


@pytest.mark.usefixtures("mount")
async def test_files_are_read_and_modules_imported(session: DeviceSession):
    await session.exec("with open('/remote/data.bin', 'rb') as f: d = f.read(); f.seek(-5, 2); e = f.read()")
    assert await session.eval("(len(d), sum(d), e)") == (len(DATA), sum(DATA), DATA[-5:])
    await session.exec("import hil_module")
    assert await session.eval("hil_module.answer") == 42
    assert await session.eval("sorted(__import__('os').listdir('/remote'))") == ["data.bin", "hil_module.py"]


async def test_files_are_written(session: DeviceSession, mount: Mount):
    await session.exec(
        "with open('/remote/new', 'wb') as f:\n for n in range(20): f.write(bytes(range(256)))"
    )
    assert (mount.local / "new").read_bytes() == bytes(range(256)) * 20
    with pytest.raises(DeviceError) as caught:
        await session.exec("open('/remote/none')")
    assert caught.value.errno == 2


async def test_it_ends(session: DeviceSession, mount: Mount):
    await mount.release()
    with pytest.raises(DeviceError):
        await session.exec("open('/remote/data.bin')")
