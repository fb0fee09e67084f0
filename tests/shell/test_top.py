"""`devsession top`: what it tells of shells in real terminals, of pools, and of boards that it asks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from screens import DEVSESSION, Screen

from devsession.top.looking import HEAPS, Memory, Row
from devsession.top.picture import HEADS, sparkline, text

TWO = ("-b", "alpha=sim:", "-b", "beta=sim:")


def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_RUNTIME_DIR": str(tmp_path / "run")}


def top(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEVSESSION, "top", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment(tmp_path)},
    )


def test_the_sessions_of_a_shell(shells: Callable[..., Screen], tmp_path: Path):
    done = top(tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "no shell and no pool is at work" in done.stderr
    shell = shells(*TWO, prompt="alpha@alpha >>>")
    shell.line("x = bytearray(10000)")
    shell.line("while True: print('printing')")
    shell.line("")
    shell.until("printing")
    shell.line("/switch beta")
    shell.until("beta@beta >>>")
    shell.line("input('which? ')")
    shell.until("beta which?")
    with Screen([*DEVSESSION, "top"], environment=environment(tmp_path), columns=140) as watching:
        watching.until("waiting-for-input")
        watching.until(lambda shown: shown.count("▅") > 2 or "█" in shown)
        alpha, beta = json.loads(top(tmp_path, "--json").stdout)
        assert (alpha["where"], alpha["board"], alpha["session"], alpha["state"]) == (
            "shell 1",
            "alpha",
            "alpha",
            "processing",
        )
        assert alpha["doing"] == "while True: print('printing')"
        assert alpha["rate"] > 1000
        assert alpha["free_heap"] > 10000
        assert (beta["session"], beta["state"], beta["doing"]) == (
            "beta",
            "waiting-for-input",
            "input('which? ')",
        )
        assert beta["queue"] == 0
        head, first, second = top(tmp_path).stdout.splitlines()
        assert head.split()[:4] == ["WHO", "BOARD", "SESSION", "STATE"]
        assert "while True: print('printing')" in first
        assert second.split()[:5] == ["shell", "1", "beta", "beta", "waiting-for-input"]
        # A shell that is killed is at work no more.
        shell.signal(signal.SIGKILL)
        shell.ends()
        watching.until("no shell and no pool is at work")
        watching.key("ctrl-c")
        assert watching.ends() == 0
        assert watching.is_as_before()


def test_a_shell_in_another_place_is_not_seen_but_its_store_is(shells: Callable[..., Screen], tmp_path: Path):
    shells()
    (store,) = (tmp_path / "state" / "devsession" / "shells").glob("*.sqlite3")
    elsewhere = {**os.environ, **environment(tmp_path), "XDG_STATE_HOME": str(tmp_path / "other")}
    done = subprocess.run(
        [*DEVSESSION, "top", "--json", "--store", str(store)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=elsewhere,
    )
    (main,) = json.loads(done.stdout)
    assert (main["where"], main["session"]) == (store.name, "main")
    store.with_name("bad.sqlite3").write_text("no database")
    done = top(tmp_path)
    assert done.returncode == 1
    assert "bad.sqlite3 cannot be read" in done.stderr


def test_boards_that_are_asked(tmp_path: Path):
    done = top(tmp_path, "-b", "lamp=sim:", "-b", "/dev/no-such-port", "--json")
    lamp, missing = json.loads(done.stdout)
    assert (lamp["board"], lamp["state"]) == ("lamp", "connected")
    assert lamp["free_heap"] > 10000
    assert len(lamp["heaps"]) == 2
    assert (missing["board"], missing["state"]) == ("no-such-port", "failed")
    assert missing["doing"]


def test_terminated_the_terminal_is_put_back(tmp_path: Path):
    with Screen([*DEVSESSION, "top", "-b", "sim:"], environment=environment(tmp_path)) as watching:
        watching.until("connected")
        watching.signal(signal.SIGTERM)
        assert watching.ends() in {0, 143}
        assert watching.is_as_before()
        # The cursor shows again, and the alternate screen is left.
        assert b"\x1b[?25h" in watching.seen.rpartition(b"\x1b[?25l")[2]
        assert b"\x1b[?1049l" in watching.seen


def row(**more) -> Row:
    return Row(**{"where": "w", "board": "b", "session": "s", "state": "active", **more})


def test_rates_and_heaps_over_time():
    memory = Memory()
    (first,) = memory.told([row(printed=100, free_heap=5)])
    assert (first.rate, first.heaps) == (None, (5,))
    (second,) = memory.told([row(printed=300, free_heap=6)])
    assert second.rate is not None
    assert second.rate > 0
    assert second.heaps == (5, 6)
    for _ in range(HEAPS):
        (last,) = memory.told([row(printed=300, free_heap=7)])
    assert last.heaps == (7,) * HEAPS
    assert memory.told([]) == []
    (anew,) = memory.told([row(printed=300, free_heap=7)])
    assert (anew.rate, anew.heaps) == (None, (7,))


def test_the_picture():
    assert sparkline(()) == ""
    assert sparkline((3, 3)) == "▅▅"
    assert sparkline((0, 5, 10)) == "▁▄█"
    shown = text([row(doing="print('\x1b[2J')\n", seconds=3725.0, rate=1234.5, free_heap=98304)])
    assert "\x1b" not in shown
    assert "1:02:05" in shown
    assert "1,234" in shown
    assert "98,304" in shown


def test_the_readmes_pictures():
    """They are whole, and of what is there now."""
    root = Path(__file__).parents[2]
    shell, watched = (
        " ".join(ET.parse(root / "pictures" / f"{name}.svg").getroot().itertext())
        for name in ("shell", "top")
    )
    for mark in ("waiting-for-input: upper limit?", "PWRON_RESET", "/sessions"):
        assert mark in shell
    assert watched.split()[: sum(len(head.split()) for head in HEADS)] == [
        word for head in HEADS for word in head.split()
    ]
