"""Every command of the shell, in a real terminal."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from screens import DEVSESSION, Screen

from devsession.shell.commands import COMMANDS
from devsession.shell.places import boards_by_name
from devsession.shell.reading import indentation, is_whole

TWO = ("-b", "alpha=sim:", "-b", "beta=sim:")
START = "alpha@alpha >>>"


def test_help_lists_every_command(shell: Screen):
    shell.resize(140, 40)
    shell.line("/help")
    shown = shell.until("All else is Python")
    for name, command in COMMANDS.items():
        assert f"/{name} {command.arguments}".rstrip() in shown
        assert command.does in shown
    shell.line("/nothing")
    shell.until("there is no command /nothing")
    shell.line("/switch")
    shell.until("try: /switch NAME")
    shell.line("/run 'no end")
    shell.until("No closing quotation")


def test_sessions_come_and_go(shells: Callable[..., Screen]):
    shell = shells(*TWO, prompt=START)
    shell.line("/boards")
    shell.until("BOARD  SESSIONS\nalpha  alpha\nbeta   beta\n")
    shell.line("/new test t1 beta")
    shell.until("t1@beta >>>")
    shell.line("1/0")
    shell.until("t1!")
    shell.line("/new")
    shell.until("alpha-interactive@alpha >>>")
    shell.line("/rename second")
    shell.until("second@alpha >>>")
    shell.line("/session-name")
    shell.until("\nsecond\n")
    shell.line("/session-name third")
    shell.until("\nthird\nthird@alpha >>>")
    shell.line("/s beta")
    shell.until("beta@beta >>>")
    shell.line("input('how many? ')")
    shell.until("beta how many?")
    shell.line("/switch alpha")
    shell.until("[alpha on alpha]")
    shell.until("beta? waiting-for-input: how many?")
    shell.line("/sessions --waiting")
    shown = shell.until(lambda shown: "waiting-for-input  0" in shown)
    assert "third" not in shown.rpartition("NAME")[2].partition("alpha@")[0]
    shell.line("/sessions --all")
    shell.until(lambda shown: "t1" in shown.rpartition("NAME")[2] and "failed" in shown.rpartition("NAME")[2])
    shell.line("/switch beta")
    # What was asked before is asked again.
    shell.until(lambda shown: shown.rpartition("[beta on beta]")[2].startswith("\nbeta how many?"))
    shell.line("7")
    shell.until("'7'\nbeta@beta >>>")
    shell.line("/close")
    shell.until("beta is closed")
    shell.until("[alpha on alpha]")
    shell.until(lambda shown: "beta" not in shell.bar)
    shell.line("/switch beta")
    shell.until("there is no session 'beta'")
    shell.line("/new bad.name")
    shell.until("is no name of a session")


def test_what_a_session_printed_is_replayed(shells: Callable[..., Screen]):
    shell = shells(*TWO, prompt=START)
    shell.line("import time")
    shell.line("time.sleep(0.5); print('meanwhile'); missing")
    shell.line("/s beta")
    shell.until("beta@beta >>>")
    shell.until("alpha·")
    assert "meanwhile" not in shell.display.partition("[beta on beta]")[2]
    shell.line("/s alpha")
    shell.until(lambda shown: "\nmeanwhile\n" in shown.partition("[alpha on alpha]")[2])
    shell.until("NameError")


def test_pause_and_resume(shell: Screen):
    shell.line("/pause")
    shell.until("main=")
    shell.line("print('ran', 6*7)")
    shell.until("main= +1")
    assert "ran 42" not in shell.display
    shell.line("/resume")
    shell.until("\nran 42\n")
    shell.line("while True: pause_point()")
    shell.line("")
    shell.until("main* processing")
    shell.line("/pause")
    shell.until("main=")
    shell.line("/resume")
    shell.until("main* processing")
    shell.key("ctrl-c")
    shell.until("KeyboardInterrupt")


def test_files_and_programs_of_this_computer(shell: Screen, tmp_path: Path):
    program = tmp_path / "a program.py"
    program.write_text("print('from a file of', 'this computer')\n")
    shell.line(f"/run '{program}'")
    shell.until("from a file of this computer")
    shell.line(f"/put '{program}' there.py")
    shell.until("41 bytes in")
    shell.line("'there.py' in __import__('os').listdir()")
    shell.until("\nTrue\n")
    shell.line(f"/get there.py {tmp_path}/back.py")
    shell.until(lambda shown: shown.count("41 bytes in") == 2)
    assert (tmp_path / "back.py").read_bytes() == program.read_bytes()
    shell.line("/get missing.py")
    shell.until("no such file or directory")
    shell.line("/run /no/such/file")
    shell.until("is no file of this computer")
    shell.line("/quit")
    assert shell.ends() == 0


def test_sessions_of_earlier_shells(shells: Callable[..., Screen]):
    first = shells()
    first.line("kept = [1, 2.5, 'three']; way = open")
    first.line("/new other")
    first.until("other@sim >>>")
    first.key("ctrl-d")
    assert first.ends() == 0
    second = shells("-b", "sim:", prompt="main-2@sim >>>")
    # In `other` there was nothing to keep.
    assert "sessions of earlier times: main (/resume NAME or /close NAME)" in second.display
    second.line("/resume main")
    second.until("not carried: way: ")
    second.until("main·")
    second.line("/switch main")
    second.until("main@sim >>>")
    second.line("kept")
    second.until("[1, 2.5, 'three']")
    # What has changed is on disk soon.
    second.read(1.0)
    second.signal(signal.SIGKILL)
    second.ends()
    third = shells("-b", "sim:", prompt="@sim >>>")
    third.until("main!")
    third.line("/sessions --all")
    third.until("lost: its board ended")
    # Another shell has sessions of its own.
    fourth = shells()
    assert "earlier times" not in fourth.display


def test_wrong_ways_to_begin():
    done = subprocess.run(
        [*DEVSESSION, "shell", "-b", "sim:"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "the shell needs a terminal" in done.stderr
    help_ = subprocess.run(
        [*DEVSESSION, "shell", "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert "devsession shell -b alpha=sim: -b beta=sim:" in help_.stdout
    with Screen([*DEVSESSION, "shell", "-b", "/dev/no-such-port"]) as shell:
        assert shell.ends() == 3
        assert shell.is_as_before()
    code = "import sys; sys.modules['prompt_toolkit'] = None; sys.argv = ['devsession', 'shell', '-b', 'sim:']; from devsession.cli.app import main; main()"
    with Screen([DEVSESSION[0], "-c", code]) as shell:
        assert shell.ends() == 2
        assert "pip install 'devsession[shell]'" in shell.display


def test_names_of_boards():
    assert boards_by_name(
        ["sim:", "sim:", "sim:bench?root=/x", "/dev/ttyACM0", "lamp=rfc2217://host:4000", "COM3"]
    ) == {
        "sim": "sim:",
        "sim-2": "sim:",
        "bench": "sim:bench?root=/x",
        "ttyACM0": "/dev/ttyACM0",
        "lamp": "rfc2217://host:4000",
        "COM3": "COM3",
    }
    assert list(boards_by_name(["socket://host:4000"])) == ["host-4000"]


def test_what_is_whole():
    for whole in (
        "",
        "1",
        "x = 1",
        "/switch a",
        "1 = 2",
        "for n in x:\n    n\n",
        "x = (1,\n2)",
        "if x: y\n",
        "'''a\nb'''",
    ):
        assert is_whole(whole), whole
    for begun in (
        "for n in x:",
        "for n in x:\n    n",
        "x = (1,",
        "'''a",
        "@deco",
        "if x:\n    y\nelse:",
        "a + \\",
    ):
        assert not is_whole(begun), begun
    assert indentation("if x:") == "    "
    assert indentation("if x:\n    while y:") == "        "
    assert indentation("    y") == "    "
