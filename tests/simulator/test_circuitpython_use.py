"""CircuitPython as devsession's users have it: every verb, on a simulated board."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from circuit import WAITING

from devsession import (
    CapabilityError,
    DeadlineError,
    DeviceError,
    DeviceResetError,
    DeviceSessionManager,
    Reset,
    connect,
    link,
    probe,
)
from devsession.board.board import Board
from devsession.board.rescue import rescue
from devsession.board.resets import Ran
from devsession.transport.fault_plan import Fault, FaultKind
from devsession.transport.faults import FaultyTransport
from devsession.transport.recording import Direction

URL = "sim:circuitpython"
WRITABLE = "sim:circuitpython?drive=off"


async def test_programs_values_errors_and_exit_codes():
    async with connect(URL) as board:
        assert (await board.exec("print('A\\x04B\\x04C>Dzz')")).output == "A\x04B\x04C>Dzz\n"
        value = [1, "a", b"\0", None, {"k": 0.1}, float("inf"), 1 << 70]
        assert await board.eval("[1, 'a', b'\\x00', None, {'k': 0.1}, float('inf'), 1 << 70]") == value
        with pytest.raises(DeviceError, match="ZeroDivisionError") as caught:
            await board.exec("def f():\n  1/0\nf()")
        assert [frame.line for frame in caught.value.frames] == [3, 2]
        assert (await board.run("raise SystemExit(3)")).exit_code == 3
        assert (await board.exec("print('x' * 100_000)")).output == "x" * 100_000 + "\n"
        # By raw-paste.
        assert await board.eval(f"len({'y' * 50_000!r})") == 50_000


async def test_within_one_attach_all_stays():
    async with connect(URL) as board:
        await board.exec("x = 1")
        with pytest.raises(DeadlineError):
            await board.exec("while True: pass", timeout=0.3)
        with pytest.raises(DeviceError):
            await board.exec("1/0")
        assert (await board.run("raise SystemExit")).exit_code == 0
        assert (await board.eval("x"), board.epoch) == (1, 0)


async def test_detaching_ends_the_epoch_and_attaching_goes_on():
    async with connect(URL) as board:
        await board.exec("x = 1")
        await board.detach()
        assert board.epoch == 1
        await board.attach()
        # No error: it was to be expected.
        assert await board.eval("'x' in globals()") is False


async def test_a_program_that_resets_the_board_is_told():
    async with connect(URL) as board:
        for code in (
            "import supervisor\nsupervisor.reload()",
            "import microcontroller\nmicrocontroller.reset()",
        ):
            with pytest.raises(DeviceResetError, match="while the program ran"):
                await board.exec(code)
            assert await board.eval("6 * 7") == 42


@pytest.mark.parametrize(
    ("kind", "boot", "main"),
    [
        (Reset.RAW_SOFT, Ran.SKIPPED, Ran.SKIPPED),
        (Reset.SOFT, Ran.SKIPPED, Ran.RAN),
        (Reset.MACHINE, Ran.RAN, Ran.RAN),
        (Reset.LINE, Ran.RAN, Ran.RAN),
    ],
)
async def test_resets(tmp_path: Path, kind: Reset, boot: Ran, main: Ran):
    (tmp_path / "boot.py").write_text("")
    (tmp_path / "code.py").write_text("print('code')")
    (tmp_path / "main.py").write_text("print('main')")
    async with connect(f"{URL}?root={tmp_path}") as board:
        await board.exec("x = 1")
        report = await board.reset(kind)
        assert (report.boot, report.main) == (boot, main)
        assert ("code\r\n" in report.printed) == (main is Ran.RAN)
        assert "\x1b]0" not in report.printed
        assert await board.eval("'x' in globals()") is False


async def test_a_program_that_goes_on_is_stopped_by_a_reset_and_by_attaching(tmp_path: Path):
    (tmp_path / "code.py").write_text("print('on')\nwhile True: pass")
    async with connect(f"{URL}?root={tmp_path}") as board:
        assert await board.eval("6 * 7") == 42
        report = await board.reset(Reset.SOFT)
        assert report.main is Ran.INTERRUPTED
        assert await board.eval("6 * 7") == 42


async def test_boot_and_watch(tmp_path: Path):
    (tmp_path / "code.py").write_text("print('ready', 5)")
    async with connect(f"{URL}?root={tmp_path}") as board:
        await board.boot(Reset.SOFT)
        assert (await board.expect(r"ready (\d+)")).match[1] == "5"
        await board.expect("Press any key")
        await board.attach()
        assert await board.eval("6 * 7") == 42


async def test_listening_interrupts_nothing():
    async with connect(URL, listen=True) as board:
        await board.expect("to reload")
        assert board.output.since(0)[1].endswith(WAITING)
        await board.attach()
        assert await board.eval("6 * 7") == 42


async def test_what_the_probe_finds_is_what_the_interpreter_says():
    async with connect(URL) as board:
        capabilities = await probe(board)
        told = await board.eval(
            "(lambda s,os,m,b,st:(s.implementation[0],s.implementation[1][:3],s.version,s.platform,os.uname()[4],"
            "bytes(m.cpu.uid),m.cpu.frequency,b.board_id,st.getmount('/').readonly))"
            "(*[__import__(n) for n in ('sys','os','microcontroller','board','storage')])"
        )
        modules = (await board.exec("help('modules')")).output
    assert told == (
        capabilities.implementation,
        capabilities.version,
        capabilities.sys_version,
        capabilities.platform,
        capabilities.machine,
        bytes.fromhex(capabilities.unique_id or ""),
        capabilities.frequency,
        capabilities.build,
        capabilities.read_only,
    )
    assert capabilities.modules is not None
    *lines, _ = modules.splitlines()
    assert set(capabilities.modules) == set(" ".join(lines).split())
    assert (capabilities.keeps_vm, capabilities.raw_paste, capabilities.binary_stdio) == (False, True, False)
    assert (capabilities.hashes, capabilities.compress, capabilities.decompress) == (
        ("sha1", "sha256"),
        False,
        True,
    )
    assert capabilities.unknown == {}
    assert str(capabilities) == "CircuitPython 9.2.1 on Simulated Board with unix port"
    with pytest.raises(CapabilityError, match="threads"):
        capabilities.require("sha256", "threads")


async def test_sessions_methods_events_and_variables():
    async with (
        DeviceSessionManager.open(URL) as manager,
        manager.session("a") as first,
        manager.session("b") as second,
    ):
        await first.exec("x = 1")
        await second.exec("x = 2")
        assert (await first.eval("x"), await second.eval("x")) == (1, 2)

        @manager.method
        def double(n: int) -> int:
            return 2 * n

        @first.method
        def counted(n: int):
            for each in range(n):
                yield double(each) + x  # noqa: F821 - the session's

        assert await double(21) == 42
        assert [each async for each in counted(3)] == [1, 3, 5]
        await first.device.define("y", [1.5])
        assert await first.device.get("y") == [1.5]
        async with first.events() as events:
            await first.exec("devsession_helper.emit({'n': 1})")
            assert (await anext(events)).value == {"n": 1}
        # All is sent anew to a new virtual machine.
        await manager.board.soft_reset()
        assert await double(2) == 4
        assert await second.eval("'x' in globals()") is False


async def test_what_it_lacks_is_told():
    async with DeviceSessionManager.open(URL) as manager, manager.session() as session:

        @session.thread
        def wait(stop):
            pass

        with pytest.raises(DeviceError, match="no module named '_thread'"):
            await wait()

        @session.method
        async def nothing():
            pass

        with pytest.raises(DeviceError, match="no module named 'asyncio'"):
            await nothing()


async def test_files_can_be_read_and_writing_says_what_to_do():
    async with DeviceSessionManager.open(URL) as manager, manager.session() as session:
        assert (await session.files.read_bytes("/boot_out.txt")).startswith(b"Adafruit CircuitPython 9.2.1")
        assert (await session.files.stat("/boot_out.txt")).size > 80
        for _ in range(2):
            with pytest.raises(DeviceError, match="Read-only filesystem") as caught:
                await session.files.write_bytes("/a.bin", b"abc")
            assert "storage.remount" in str(caught.value)
            assert caught.value.errno == 30
        assert not await session.files.exists("/a.bin")


async def test_files_of_a_writable_board():
    data = bytes(range(256)) * 20
    async with DeviceSessionManager.open(WRITABLE) as manager, manager.session() as session:
        await session.files.write_bytes("/a.bin", data)
        assert await session.files.read_bytes("/a.bin") == data
        assert await session.eval("__import__('os').listdir()") == ["a.bin", "boot_out.txt"]
        # Deflated, it refers to what is far behind.
        text = "".join(f"line {n}\n" for n in range(2000))
        await session.files.write_text("/a.txt", text)
        assert await session.files.read_text("/a.txt") == text
        assert await session.files.hash("/a.txt") == hashlib.sha256(text.encode()).hexdigest()


async def test_rescue_and_diagnosis(tmp_path: Path):
    (tmp_path / "code.py").write_text("while True: pass")
    (tmp_path / "boot.py").write_text("import storage\nstorage.remount('/', False)")
    async with connect(f"{URL}?root={tmp_path}", listen=True) as board:
        assert (await rescue(board)).renamed == {"code.py": "code.py.off"}
    assert (tmp_path / "code.py.off").exists()
    (tmp_path / "boot.py").unlink()
    async with connect(f"{URL}?root={tmp_path}", listen=True) as board:
        (tmp_path / "code.py").write_text("")
        with pytest.raises(DeviceError, match="Read-only filesystem"):
            await rescue(board)


def devsession(*arguments: str, typed: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "devsession", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout


def test_on_the_command_line():
    assert devsession("-b", URL, "exec", "print(6*7)") == "42\n"
    assert devsession("exec", "-b", URL, "import board; print(board.board_id)") == "simulated_board\n"
    info = json.loads(devsession("-b", URL, "info", "--json"))
    assert (info["implementation"], info["keeps_vm"]) == ("circuitpython", False)
    assert "CircuitPython 9.2.1" in devsession("-b", URL, "doctor")
    assert devsession("-b", URL, "rtc").startswith("20")


@pytest.mark.parametrize("step", [1, 2, 7])
async def test_titles_that_come_in_pieces_are_taken_out(tmp_path: Path, step: int):
    (tmp_path / "code.py").write_text("print('code')")
    (tmp_path / "repl.py").write_text("print('repl')")
    cuts = [Fault(FaultKind.SPLIT, Direction.DOWN, at) for at in range(1, 1200, step)]
    async with Board(FaultyTransport(link(f"{URL}?root={tmp_path}"), cuts)) as board:
        assert await board.eval("6 * 7") == 42
        printed = (await board.reset(Reset.SOFT)).printed
        assert "repl.py output:\r\nrepl\r\n" in printed
        assert "\x1b]" not in printed
        assert "\N{SNAKE}" not in printed
