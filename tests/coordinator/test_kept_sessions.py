"""What is kept of sessions on disk: across a regular end, and across SIGKILL."""

import asyncio
import math
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from serving import served

from devsession.coordinator.coordinator import MultiSessionCoordinator
from devsession.coordinator.states import CoordinatedState
from devsession.errors import SessionError, UnknownNameError

State = CoordinatedState
NAME = f"kept-{os.getpid()}"
TEN = Path(__file__).with_name("ten_sessions.py")


def children(pid: int) -> list[int]:
    """Return the processes under one, the deepest last."""
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*found, *(deeper for child in found for deeper in children(child))]


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_a_regular_end_hibernates(tmp_path: Path):
    store = tmp_path / "sessions.db"
    async with MultiSessionCoordinator({"alpha": "sim:"}, store=store) as coordinator:
        await coordinator.create("kept")
        await coordinator.send("x = [1, 0.5]\nprint('said')\ndef f(): pass")
        await coordinator.create("running")
        await coordinator.send("y = 7\nprint('go')\nwhile True: pass", "running", wait=False)
        while "go" not in coordinator.get("running").buffer.text:
            await coordinator.get("running").buffer.changed()
        await coordinator.create("gone")
        await coordinator.close("gone")
        coordinator.rename("kept", "renamed")
    async with MultiSessionCoordinator({"alpha": "sim:"}, store=store) as coordinator:
        assert [(one.name, one.state) for one in coordinator.list()] == [
            ("renamed", State.HIBERNATED),
            ("running", State.HIBERNATED),
        ]
        session = coordinator.get("renamed")
        assert session.buffer.text == "said\n"
        assert session.hibernation is not None
        assert list(session.hibernation.left) == ["f"]
        assert await coordinator.resume("renamed") == {}
        assert (await coordinator.run("x", "renamed")).value == [1, 0.5]
        await coordinator.resume("running")
        assert (await coordinator.run("y", "running")).value == 7
        await coordinator.close("renamed")
    async with MultiSessionCoordinator({"alpha": "sim:"}, store=store) as coordinator:
        assert [one.name for one in coordinator.list()] == ["running"]


async def test_a_killed_program_leaves_ten_sessions(tmp_path: Path):
    store = tmp_path / "sessions.db"
    with served(NAME):
        argv = [sys.executable, TEN, store, NAME]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert program.stdout.readline()
            below = children(program.pid)
            assert below
            program.kill()
        async with MultiSessionCoordinator(
            {"lasting": f"sim:{NAME}", "new": "sim:"}, store=store
        ) as coordinator:
            found = {one.name: one for one in coordinator.list()}
            assert list(found) == [f"s{number}" for number in range(10)]
            for number, one in enumerate(found.values()):
                assert f"output of {number}\n" in one.buffer.text or number == 5
            assert "more\nmore\n" in found["s5"].buffer.text
            assert {name: one.state for name, one in found.items()} == {
                **dict.fromkeys(found, State.FAILED),
                **dict.fromkeys(("s0", "s4", "s8"), State.PAUSED),
                **dict.fromkeys(("s1", "s2"), State.HIBERNATED),
            }
            assert all(one.reason.startswith("lost: ") for one in found.values() if one.state is State.FAILED)
            # Hibernated values come back equal, on another board.
            for name, number in (("s1", 1), ("s2", 2)):
                assert await coordinator.resume(name, board="new") == {}
                value = (await coordinator.run("value", name)).value
                assert value == {"n": [number, 2.5, b"\x00", "ä"], "far": math.inf}
            # Those on the board that went on find their names there.
            for name, number in (("s0", 0), ("s4", 4), ("s8", 8)):
                assert await coordinator.resume(name) == {}
                assert (await coordinator.run("value['n'][0]", name)).value == number
                await coordinator.send("print(input('> '))", name)
                await coordinator.send("answered", name)
                assert found[name].buffer.tail(1) == "answered\n"
            await coordinator.close("s3")
    # Private boards died with it.
    async with asyncio.timeout(10):
        while not all(map(ended, below)):
            await asyncio.sleep(0.02)


async def test_names_on_a_board_that_started_anew_are_told_gone(tmp_path: Path):
    store = tmp_path / "sessions.db"
    with (
        served(NAME),
        subprocess.Popen([sys.executable, TEN, store, NAME], stdout=subprocess.PIPE, text=True) as program,
    ):
        assert program.stdout is not None
        program.stdout.readline()
        program.kill()
    with served(NAME):
        async with MultiSessionCoordinator({"lasting": f"sim:{NAME}"}, store=store) as coordinator:
            left = await coordinator.resume("s0")
            assert "started anew" in left["namespace"]
            await coordinator.send("print('on')", "s0")
            assert coordinator.get("s0").buffer.tail(1) == "on\n"
    async with MultiSessionCoordinator("sim:", store=store) as coordinator:
        with pytest.raises(UnknownNameError):
            await coordinator.resume("s4")


async def test_two_coordinators_do_not_share_a_file(tmp_path: Path):
    store = tmp_path / "sessions.db"
    async with MultiSessionCoordinator("sim:", store=store):
        with pytest.raises(SessionError, match="another coordinator"):
            async with MultiSessionCoordinator("sim:", store=store):
                pass


@pytest.mark.parametrize("damage", ["text", "pages", "later"])
async def test_a_file_that_cannot_be_read_is_set_aside(tmp_path: Path, damage: str):
    store = tmp_path / "sessions.db"
    async with MultiSessionCoordinator("sim:", store=store) as coordinator:
        await coordinator.create("old")
    if damage == "text":
        store.write_text("this is no database, and never was one" * 100)
    elif damage == "pages":
        store.write_bytes(store.read_bytes()[:4096] + b"\x55" * 8192)
    else:
        with sqlite3.connect(store) as file:
            file.execute("PRAGMA user_version = 99")
        file.close()
    before = store.read_bytes()
    with pytest.warns(UserWarning, match="another devsession" if damage == "later" else "damaged"):
        async with MultiSessionCoordinator("sim:", store=store) as coordinator:
            assert coordinator.list() == []
            await coordinator.create("new")
    (aside,) = [path for path in tmp_path.glob("sessions.db.*") if not path.name.endswith(("-wal", "-shm"))]
    assert aside.read_bytes() == before
    async with MultiSessionCoordinator("sim:", store=store) as coordinator:
        assert [one.name for one in coordinator.list()] == ["new"]
