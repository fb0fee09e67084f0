"""Ports that come and go, in a folder that stands for /dev; what a USB device tells of itself is made up, all else is real."""

import asyncio
import contextlib
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from serial.tools import list_ports as pyserial

from devsession import PortAdded, PortRemoved, watch_ports
from devsession.transport import watch

ENOUGH = 10


@pytest.fixture
def dev(tmp_path: Path, monkeypatch) -> Path:
    """Whatever file stands here is a port of a board with a serial number of its own."""

    def comports():
        nothing = dict.fromkeys(("location", "manufacturer", "product", "interface"))
        return [
            SimpleNamespace(device=str(path), vid=0x2E8A, pid=5, serial_number="E6" + path.name, **nothing)
            for path in tmp_path.iterdir()
        ]

    monkeypatch.setattr(pyserial, "comports", comports)
    monkeypatch.setattr(watch, "_DEVICES", str(tmp_path))
    return tmp_path


@pytest.fixture(params=["told", "polled"])
def source(request, monkeypatch):
    """Once where the system tells, once where it does not."""
    if request.param == "polled":
        monkeypatch.setattr(watch, "_changes", watch._Changes)
        monkeypatch.setattr(watch, "POLL_INTERVAL", 0.01)
    return request.param


async def of(events):
    async with asyncio.timeout(ENOUGH):
        event = await anext(events)
    return type(event), Path(event.port.path).name


async def test_what_is_there_comes_first_and_then_what_happens(dev, source):
    (dev / "ttyACM0").touch()
    (dev / "ttyACM1").touch()
    async with contextlib.aclosing(watch_ports()) as events:
        assert await of(events) == (PortAdded, "ttyACM0")
        assert await of(events) == (PortAdded, "ttyACM1")
        (dev / "ttyACM2").touch()
        assert await of(events) == (PortAdded, "ttyACM2")
        (dev / "ttyACM0").unlink()
        assert await of(events) == (PortRemoved, "ttyACM0")
        (dev / "ttyACM0").touch()
        assert await of(events) == (PortAdded, "ttyACM0")


async def test_a_port_that_was_gone_between_two_looks_is_told(dev, source):
    (dev / "ttyACM0").touch()
    async with contextlib.aclosing(watch_ports()) as events:
        assert await of(events) == (PortAdded, "ttyACM0")
        (dev / "new").touch()
        (dev / "new").replace(dev / "ttyACM0")
        assert await of(events) == (PortRemoved, "ttyACM0")
        assert await of(events) == (PortAdded, "ttyACM0")


async def test_a_port_is_told_when_it_may_be_opened(dev, source, monkeypatch):
    allowed = set()
    monkeypatch.setattr(watch, "_usable", lambda path: path in allowed)
    monkeypatch.setattr(watch, "USABLE_LIMIT", ENOUGH * 2)
    (dev / "ttyACM9").touch()
    port = dev / "ttyACM0"
    async with contextlib.aclosing(watch_ports()) as events:
        # What was there before is as it is.
        assert await of(events) == (PortAdded, "ttyACM9")
        coming = asyncio.ensure_future(of(events))
        port.touch(0o000)
        done, _ = await asyncio.wait([coming], timeout=watch.SETTLE * 3)
        assert not done
        allowed.add(str(port))
        port.chmod(0o660)
        assert await coming == (PortAdded, "ttyACM0")


async def test_a_port_that_never_may_be_opened_is_told_all_the_same(dev, source, monkeypatch):
    monkeypatch.setattr(watch, "_usable", lambda _: False)
    monkeypatch.setattr(watch, "USABLE_LIMIT", 0.05)
    (dev / "ttyACM9").touch()
    async with contextlib.aclosing(watch_ports()) as events:
        assert await of(events) == (PortAdded, "ttyACM9")
        (dev / "ttyACM0").touch()
        assert await of(events) == (PortAdded, "ttyACM0")


async def test_a_port_that_left_before_it_could_be_opened_is_never_told(dev, source, monkeypatch):
    monkeypatch.setattr(watch, "_usable", lambda path: path.endswith("ttyACM1"))
    (dev / "ttyACM9").touch()
    async with contextlib.aclosing(watch_ports()) as events:
        assert await of(events) == (PortAdded, "ttyACM9")
        coming = asyncio.ensure_future(of(events))
        (dev / "ttyACM0").touch()
        await asyncio.sleep(watch.SETTLE * 2)
        (dev / "ttyACM0").unlink()
        (dev / "ttyACM1").touch()
        assert await coming == (PortAdded, "ttyACM1")


async def test_devices_that_never_fall_silent_hold_nobody_up(dev, monkeypatch):
    monkeypatch.setattr(watch, "SETTLE_LIMIT", 0.2)

    async def restless():
        while True:
            (dev / "ttyACM0").touch()
            os.chmod(dev / "ttyACM0", 0o600)
            await asyncio.sleep(watch.SETTLE / 10)

    async with contextlib.aclosing(watch_ports()) as events:
        noise = asyncio.ensure_future(restless())
        assert await of(events) == (PortAdded, "ttyACM0")
        (dev / "ttyACM1").touch()
        assert await of(events) == (PortAdded, "ttyACM1")
        noise.cancel()
        await asyncio.wait([noise])


async def test_cancelling_ends_it(dev, source):
    async def watching():
        async for _ in watch_ports():
            seen.set()

    seen = asyncio.Event()
    (dev / "ttyACM0").touch()
    task = asyncio.ensure_future(watching())
    await asyncio.wait_for(seen.wait(), ENOUGH)
    task.cancel()
    await asyncio.wait([task], timeout=ENOUGH)
    assert task.cancelled()


async def test_where_the_system_refuses_the_ports_are_looked_at(dev, monkeypatch):
    monkeypatch.setattr(watch, "_DEVICES", str(dev / "missing"))
    monkeypatch.setattr(watch, "POLL_INTERVAL", 0.01)
    async with contextlib.aclosing(watch_ports()) as events:
        (dev / "ttyACM0").touch()
        assert await of(events) == (PortAdded, "ttyACM0")
