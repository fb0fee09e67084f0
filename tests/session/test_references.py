"""Handles, variables, and parts of a board that a session gives back, on a real interpreter."""

import math

import pytest

from devsession.errors import DeviceError, UnrepresentableValueError, UsageError
from devsession.session.manager import DeviceSessionManager
from devsession.session.references import Ref


async def test_a_handle_reaches_what_lives_on_the_board(manager: DeviceSessionManager):
    async with manager.session() as session:
        await session.exec(
            "class Motor:\n def __init__(s): s.speed = 0; s.log = [1, 2]\n def go(s, n, up=1): s.speed = n * up; return s"
        )
        motor = await session.ref("Motor()")
        assert await motor.speed == 0
        with pytest.raises(UnrepresentableValueError):
            await motor.go(5)
        assert await motor.go(3, up=-1).speed == -3
        assert await motor.log[1] == 2
        other = await session.ref("Motor()")
        assert await other.speed == 0
        same = await session.ref(f"{motor.log!r}".partition(": ")[2].rstrip(">"))
        assert await same == [1, 2]
        await session.exec("def speed_of(m): return m.speed")
        speed_of = await session.ref("speed_of")
        assert await speed_of(motor) == -3
        assert await session.device.names() == ["Motor", "speed_of"]


async def test_one_turn_each(manager: DeviceSessionManager):
    async with manager.session() as session:
        ref = await session.ref("[1, [2, 3]]")
        before = manager.board._prompt.interpreter._number
        assert await ref[1][0] == 2
        assert await ref[1].index(3) == 1
        assert manager.board._prompt.interpreter._number == before + 2


async def test_a_released_handle_gives_its_object_back(manager: DeviceSessionManager):
    async with manager.session() as session:
        ref = await session.ref("bytearray(50000)")
        await session.exec("import gc; gc.collect()")
        before = await session.eval("gc.mem_free()")
        await ref.release()
        await ref.release()
        await session.exec("gc.collect()")
        assert await session.eval("gc.mem_free()") > before + 49000
        with pytest.raises(DeviceError, match="KeyError"):
            await ref[0]


async def test_variables(manager: DeviceSessionManager):
    async with manager.session() as session, manager.session() as other:
        for value in (3, 2.5, math.inf, "äö", b"\x00\xff", [1, (2, None)], {"a": {1}}):
            await session.device.define("x", value)
            assert await session.device.get("x") == value
        assert await session.device.is_defined("x")
        assert not await other.device.is_defined("x")
        assert await session.device.names() == ["x"]
        await session.device.delete("x")
        assert not await session.device.is_defined("x")
        with pytest.raises(UsageError, match="no name of a variable"):
            await session.device.define("x y", 1)
        with pytest.raises(UsageError):
            await session.device.define("x", object())
        with pytest.raises(UsageError):
            await session.device.define("x", print)


async def test_a_pin_is_an_input_again(manager: DeviceSessionManager):
    state = "__import__('machine').board_state()"
    async with manager.session() as session:
        pin = await session.part.pin(5, "OUT", value=1)
        assert await pin.value() == 1
        await pin.value(0)
        assert await pin.value() == 0
        driven = await session.eval(f"{state}")
    after = await manager.board.eval(f"{state}")
    assert driven != after
    assert isinstance(pin, Ref)


async def test_a_timer_is_stopped(manager: DeviceSessionManager):
    async with manager.session() as session:
        await session.exec("n = [0]\ndef tick(t): n[0] += 1; print('tick')")
        await session.part.timer("tick", period=5)
        await session.expect("tick")
        await session.expect("tick")
    await manager.board.exec("import time; time.sleep_ms(30)")
    end = manager.board.output.end
    await manager.board.exec("time.sleep_ms(50)")
    assert b"tick" not in manager.board.output.since(end)[1]


async def test_files_are_closed_and_temporary_ones_removed(manager: DeviceSessionManager):
    async with manager.session() as session:
        path = await session.part.temporary_file("/t.bin", b"\x00\x01\xff")
        file = await session.part.file(path, "rb")
        assert await file.read() == b"\x00\x01\xff"
        folder = await session.part.temporary_directory("/work")
        await session.exec(f"import os\nos.mkdir('{folder}/in')\nopen('{folder}/in/f', 'w').close()")
        assert sorted(await session.eval("os.listdir('/')")) == ["t.bin", "work"]
        assert "f" not in await session.device.names()
    assert await manager.board.eval("__import__('os').listdir('/')") == []
