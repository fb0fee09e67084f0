"""Resets of every kind on a real interpreter, what each runs, and the way back when the link goes with it."""

import asyncio
import itertools
import os
import time
from pathlib import Path

import pytest

from devsession import connect
from devsession.board.board import Board
from devsession.board.rescue import rescue
from devsession.board.resets import Ran, Reset, read_start
from devsession.board.switches import Rung
from devsession.errors import (
    BoardSwappedError,
    DeadlineError,
    DeviceError,
    LinkClosedError,
    LinkLostError,
    RawReplError,
    RecoveryError,
    UsageError,
)
from devsession.links import link
from devsession.transport.wrapper import WrappedTransport

DEAF = "import micropython\nmicropython.kbd_intr(-1)\nprint('deaf')\nwhile True: pass\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "boot.py").write_text("print('booting')\n")
    (tmp_path / "main.py").write_text("print('main begins')\n")
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "main"),
    [(Reset.RAW_SOFT, Ran.SKIPPED), (Reset.SOFT, Ran.RAN), (Reset.MACHINE, Ran.RAN), (Reset.LINE, Ran.RAN)],
)
async def test_what_each_kind_runs(files: Path, kind: Reset, main: Ran):
    async with connect(f"sim:?root={files}") as board:
        await board.exec("x = 1")
        epoch = board.epoch
        report = await board.reset(kind)
        assert (report.kind, report.boot, report.main, report.reopened) == (kind, Ran.RAN, main, False)
        assert "booting" in report.printed
        assert ("main begins" in report.printed) == (main is Ran.RAN)
        assert board.epoch == epoch + 1
        with pytest.raises(DeviceError, match="NameError"):
            await board.eval("x")


@pytest.mark.parametrize("kind", [Reset.SOFT, Reset.MACHINE, Reset.LINE])
async def test_a_main_that_goes_on_is_interrupted_and_that_is_told(files: Path, kind: Reset):
    (files / "main.py").write_text("import time\nprint('main begins')\nwhile True: time.sleep(0.01)\n")
    async with connect(f"sim:?root={files}") as board:
        report = await board.reset(kind)
        assert (report.boot, report.main) == (Ran.RAN, Ran.INTERRUPTED)
        assert await board.eval("6 * 7") == 42


@pytest.mark.parametrize(("url", "name"), [("sim:", "main.py"), ("sim:circuitpython", "code.py")])
async def test_a_main_that_soon_ends_is_waited_for(tmp_path: Path, url: str, name: str):
    # Longer than the prompt of the REPL that was left takes to come, and the first silence of an attach.
    (tmp_path / name).write_text("import time\nprint('begun')\ntime.sleep(0.4)\nprint('done')\n")
    async with connect(f"{url}?root={tmp_path}") as board:
        report = await board.reset(Reset.SOFT)
        assert report.main is Ran.RAN
        assert "begun\r\ndone\r\n" in report.printed


@pytest.mark.parametrize("kind", [Reset.SOFT, Reset.MACHINE, Reset.LINE])
async def test_boot_leaves_main_alone_until_attach(files: Path, kind: Reset):
    (files / "main.py").write_text(
        "import time\nfor n in range(1000):\n print('tick', n)\n time.sleep(0.01)\n"
    )
    async with connect(f"sim:?root={files}") as board:
        epoch = board.epoch
        await board.boot(kind)
        assert board.is_listening
        assert board.epoch == epoch + 1
        first = await board.expect(r"tick (\d+)")
        again = await board.expect(r"tick (\d+)")
        assert int(again[1]) == int(first[1]) + 1
        with pytest.raises(UsageError, match="listened to"):
            await board.exec("1")
        await board.attach()
        assert await board.eval("n") > 0


async def test_absent_files_are_told(tmp_path: Path):
    async with connect(f"sim:?root={tmp_path}") as board:
        report = await board.reset(Reset.SOFT)
    assert (report.boot, report.main) == (Ran.ABSENT, Ran.ABSENT)


async def test_a_board_that_is_only_listened_to_is_not_disturbed(files: Path):
    (files / "main.py").write_text("import time\nwhile True:\n print('on')\n time.sleep(0.01)\n")
    async with connect(f"sim:?root={files}", listen=True) as board:
        for _ in range(5):
            await board.expect("on\r\n")
        assert b"KeyboardInterrupt" not in bytes(board.output)


@pytest.mark.parametrize("start", [Board.reset, Board.boot, Board.catch])
async def test_a_board_that_was_not_opened_is_told_at_once(start):
    with pytest.raises(LinkClosedError, match="not attached"):
        await start(connect("sim:"))


async def test_a_kind_may_be_named_by_its_value(files: Path):
    async with connect(f"sim:?root={files}") as board:
        assert (await board.reset("soft")).kind is Reset.SOFT
        assert board.can("line")
        for refused in (board.reset, board.boot):
            with pytest.raises(UsageError, match="'hard' is no kind of reset") as caught:
                await refused("hard")
            assert "raw-soft, soft, machine, line, power" in (caught.value.hint or "")
        assert await board.eval("1") == 1


async def test_a_rescue_has_one_deadline():
    # A terminal at which nobody is.
    master, slave = os.openpty()
    try:
        async with connect(os.ttyname(slave), listen=True) as board:
            begun = time.monotonic()
            with pytest.raises(RawReplError):
                await rescue(board, 2.0)
            assert time.monotonic() - begun < 3.5
    finally:
        os.close(master)
        os.close(slave)


async def test_a_switch_that_is_not_there_is_told():
    async with connect("sim:") as board:
        with pytest.raises(UsageError, match="power hook"):
            await board.reset(Reset.POWER)
        with pytest.raises(UsageError, match="does not run main"):
            await board.boot(Reset.RAW_SOFT)
        assert await board.eval("1") == 1


async def test_a_board_without_machine_says_so():
    async with connect("sim:") as board:
        await board.exec("import sys\nsys.modules['machine'] = None")
        with pytest.raises(DeviceError, match="AttributeError"):
            await board.reset(Reset.MACHINE)
        assert await board.eval("1") == 1


class Cable(WrappedTransport):
    """A simulated board on a cable that its resets pull: USB of the chip's own. The next link goes to ``following``."""

    def __init__(self, url: str):
        super().__init__(link(url))

    async def reset_board(self) -> None:
        assert self._receiver is not None
        self._inner.abort()
        self._receiver.connection_lost(LinkLostError("the link was lost: reset", board=self.url))

    def connection_lost(self, error):
        pass


async def test_a_link_that_goes_with_the_reset_is_opened_anew(tmp_path: Path):
    opened = itertools.count()

    def reopen():
        # As a port that takes a moment to come back.
        if next(opened) < 3:
            return link("/dev/ttyACM99")
        return Cable(f"sim:?root={tmp_path}")

    async with Board(Cable(f"sim:?root={tmp_path}"), reopen=reopen) as board:
        report = await board.reset(Reset.LINE)
        assert report.reopened
        assert next(opened) == 4
        assert await board.eval("6 * 7") == 42


async def test_another_board_in_its_place_is_refused(tmp_path: Path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with Board(
        Cable(f"sim:?root={tmp_path}/one"), reopen=lambda: Cable(f"sim:?root={tmp_path}/two")
    ) as board:
        with pytest.raises(BoardSwappedError, match="another board"):
            await board.reset(Reset.LINE)


async def test_a_link_that_cannot_be_opened_anew_stays_lost(tmp_path: Path):
    async with Board(Cable(f"sim:?root={tmp_path}")) as board:
        with pytest.raises(LinkLostError):
            await board.reset(Reset.LINE)


async def test_a_board_that_does_not_come_back_is_told_in_time(tmp_path: Path):
    async with Board(Cable(f"sim:?root={tmp_path}"), reopen=lambda: link("/dev/ttyACM99")) as board:
        with pytest.raises(DeadlineError, match="come back"):
            await board.reset(Reset.LINE, timeout=0.5)


async def test_a_hung_board_is_reset_from_outside(tmp_path: Path):
    (tmp_path / "main.py").write_text(DEAF)
    async with connect(f"sim:?root={tmp_path}", listen=True) as board:
        await board.expect("deaf")
        (tmp_path / "main.py").write_text("")
        report = await board.reset(Reset.LINE)
        assert report.main is Ran.RAN
        assert await board.eval("6 * 7") == 42


@pytest.mark.parametrize("limit", [Rung.HARD, Rung.POWER])
async def test_the_ladder_ends_where_the_policy_says(limit: Rung, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("devsession.board.recovery.STOP_LIMIT", 0.3)
    monkeypatch.setattr("devsession.board.recovery.RUNG_LIMIT", 1.5)
    thrown = []
    target = connect("sim:", recovery=limit, power=lambda: thrown.append(1))
    async with target as board:
        epoch = board.epoch
        with pytest.raises(DeadlineError) as caught:
            await board.exec(DEAF, timeout=0.2)
        assert caught.value.reset
        assert board.epoch == epoch + 1
        assert await board.eval("6 * 7") == 42
        assert not thrown


async def test_the_ladder_names_every_rung(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("devsession.board.recovery.STOP_LIMIT", 0.2)
    monkeypatch.setattr("devsession.board.recovery.RUNG_LIMIT", 0.4)

    class Buttonless(WrappedTransport):
        can_reset = False  # type: ignore[assignment]

    thrown: list[str] = []

    async def power() -> None:
        thrown.append("cycled")

    async with Board(Buttonless(link("sim:")), recovery=Rung.POWER, power=power) as board:
        with pytest.raises(RecoveryError) as caught:
            await board.exec(DEAF, timeout=0.2)
        assert caught.value.tried == (
            "Ctrl-C for 0.2 s",
            "entering the raw REPL for 0.4 s",
            "a soft reset for 0.4 s",
            "the power hook for 0.4 s",
        )
        assert thrown == ["cycled"]
        with pytest.raises(RecoveryError):
            await board.exec("1")


async def test_a_bare_connection_resets_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("devsession.board.recovery.STOP_LIMIT", 0.2)
    monkeypatch.setattr("devsession.board.recovery.RUNG_LIMIT", 0.4)
    async with connect("sim:") as board:
        with pytest.raises(RecoveryError) as caught:
            await board.exec(DEAF, timeout=0.2)
        assert caught.value.tried == ("Ctrl-C for 0.2 s", "entering the raw REPL for 0.4 s")
        assert "Rung.PROMPT" in str(caught.value)
        await board.reset(Reset.LINE)
        assert await board.eval("1") == 1


async def test_a_cancelled_reset_leaves_a_usable_board(files: Path):
    async with connect(f"sim:?root={files}") as board:
        (files / "boot.py").write_text("import time\nprint('slow')\ntime.sleep(30)\n")
        task = asyncio.create_task(board.soft_reset())
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await board.eval("6 * 7") == 42


CUT = b'Traceback (most recent call last):\r\n  File "%s", line 2, in <module>\r\nKeyboardInterrupt: \r\n'


@pytest.mark.parametrize(
    ("kind", "firmware", "files", "printed", "ran"),
    [
        (Reset.SOFT, "micropython", ["boot.py", "main.py"], b"", (Ran.RAN, Ran.RAN)),
        (Reset.SOFT, "micropython", ["boot.py", "main.py"], CUT % b"main.py", (Ran.RAN, Ran.INTERRUPTED)),
        (Reset.SOFT, "micropython", ["boot.py", "main.py"], CUT % b"boot.py", (Ran.INTERRUPTED, Ran.SKIPPED)),
        (Reset.RAW_SOFT, "micropython", ["main.py"], b"", (Ran.ABSENT, Ran.SKIPPED)),
        (Reset.MACHINE, "circuitpython", ["code.py"], CUT % b"code.py", (Ran.ABSENT, Ran.INTERRUPTED)),
        (Reset.MACHINE, "circuitpython", ["boot.py", "main.py"], b"", (Ran.RAN, Ran.RAN)),
        (Reset.SOFT, "circuitpython", ["boot.py", "code.py", "main.py"], b"", (Ran.SKIPPED, Ran.RAN)),
        (Reset.RAW_SOFT, "circuitpython", ["boot.py", "code.py"], b"", (Ran.SKIPPED, Ran.SKIPPED)),
        (Reset.MACHINE, "micropython", ["code.py"], b"", (Ran.ABSENT, Ran.ABSENT)),
        (Reset.MACHINE, "micropython", [], CUT % b"main.py", (Ran.ABSENT, Ran.ABSENT)),
    ],
)
def test_what_a_start_tells(
    kind: Reset, firmware: str, files: list[str], printed: bytes, ran: tuple[Ran, Ran]
):
    assert read_start(kind, firmware, files, printed) == ran
