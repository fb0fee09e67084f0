"""Handles, variables, and parts of a board that a session gives back, on a real interpreter."""

import asyncio
import math
import operator

import pytest

from devsession.errors import DeviceError, DeviceResetError, UnrepresentableValueError, UsageError
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
        with pytest.raises(UsageError, match="released"):
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


async def test_a_temporary_file_takes_no_files_place(manager: DeviceSessionManager):
    await manager.board.exec("with open('/main.py', 'w') as f: n = f.write('print(1)')")
    async with manager.session() as session:
        await session.exec("f = 5")
        with pytest.raises(DeviceError, match="EEXIST") as caught:
            await session.part.temporary_file("/main.py", b"x")
        assert caught.value.errno == 17
        assert await session.part.temporary_file("/other.py", b"x") == "/other.py"
        await session.files.remove("/other.py")
        assert await session.eval("f") == 5
    assert await manager.board.eval("__import__('os').listdir('/')") == ["main.py"]
    assert await manager.board.eval("open('/main.py').read()") == "print(1)"


async def test_a_temporary_file_that_cannot_be_written_leaves_nothing(manager: DeviceSessionManager):
    async with manager.session() as session:
        with pytest.raises(DeviceError):
            await session.part.temporary_file("/nowhere/t", b"x")
        assert session.resources == ()
        writing = asyncio.create_task(session.part.temporary_file("/t", bytes(100_000)))
        while not session.resources:
            await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert [held.type for held in session.resources] == ["temporary file"]
    assert await manager.board.eval("__import__('os').listdir('/')") == []


async def test_temporary_files_are_found_again_from_another_directory(manager: DeviceSessionManager):
    async with manager.session() as session:
        assert await session.part.temporary_file("t", b"x") == "t"
        await session.part.temporary_directory("work")
        await session.exec("import os; os.mkdir('/other'); os.chdir('/other')")
    assert await manager.board.eval("__import__('os').listdir('/')") == ["other"]


async def test_a_handle_is_neither_iterated_over_nor_assigned_to(manager: DeviceSessionManager):
    async with manager.session() as session:
        ref = await session.ref("[1, 2]")
        with pytest.raises(TypeError):
            1 in ref  # noqa: B015 - that it raises is what counts
        with pytest.raises(TypeError):
            list(ref)
        with pytest.raises(TypeError):
            list(ref[0].x)
        for change in (
            lambda: setattr(ref, "x", 5),
            lambda: setattr(ref.x, "_session", 5),
            lambda: delattr(ref, "x"),
            lambda: operator.setitem(ref, 0, 5),
            lambda: operator.delitem(ref, 0),
        ):
            with pytest.raises(UsageError, match="exec, or give the handle to a method"):
                change()
        assert await ref.copy() == [1, 2]


async def test_a_handle_that_went_with_a_reset(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.method
        def first(items: list[int]) -> int:
            return items[0]

        ref = await session.ref("[1, 2]")
        call = ref.copy()
        assert await first(ref) == 1
        await manager.board.soft_reset()
        other = await session.ref("[3]")
        for use in (lambda: ref[0], lambda: call, lambda: first(ref), lambda: other.index(ref)):
            with pytest.raises(DeviceResetError, match="the object of this handle"):
                await use()
        assert await other[0] == 3
        await ref.release()
        await ref.release()


@pytest.mark.parametrize(
    "use",
    [
        *(lambda s, text=text: s.ref(text) for text in ("1;2", "x=1", "1\n2", "", None)),
        lambda s: s.part.pin(2, None),
        lambda s: s.part.pin(2, "OUT; x"),
        lambda s: s.part.timer("lambda t: 0", period="x"),
        lambda s: s.part.timer("lambda t: 0", period=0),
        lambda s: s.part.timer("lambda t: 0", period=True),
        lambda s: s.part.timer("lambda t: 0", period=10, number="1"),
        lambda s: s.part.timer(lambda _t: 0, period=10),
        lambda s: s.part.timer("x = 1", period=10),
        lambda s: s.part.timer(None, period=10),
        lambda s: s.part.file(""),
        lambda s: s.part.temporary_file("/t", "text"),
        lambda s: s.part.temporary_directory(5),
    ],
)
async def test_what_cannot_be_meant_is_not_sent(metered, use):
    before = metered.sent
    with pytest.raises(UsageError):
        await use(metered.session)
    assert metered.sent == before


async def test_a_callback_may_be_any_expression(manager: DeviceSessionManager):
    async with manager.session() as session:
        await session.part.timer("lambda t: print('tick')  # often", period=5)
        await session.expect("tick")


async def test_a_pin_whose_making_was_cancelled_is_given_back(manager: DeviceSessionManager):
    await manager.board.exec("import machine")
    async with manager.session() as session:
        await session.exec("import machine\nclass Thing:\n def off(self): machine.off = True\n")
        await session.exec("def late():\n machine.made = t = Thing()\n return t")
        making = asyncio.create_task(Ref.make(session, "late()", "{0}.off()"))
        await asyncio.sleep(0)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        assert [held.type for held in session.resources] == ["reference"]
    made, off = await manager.board.eval("(hasattr(machine, 'made'), hasattr(machine, 'off'))")
    assert made == off


async def test_what_could_not_be_made_is_not_held(manager: DeviceSessionManager):
    async with manager.session() as session:
        with pytest.raises(DeviceError, match="ZeroDivisionError"):
            await session.ref("1/0")
        assert session.resources == ()
