"""The shell as a person has it: keys typed in a real terminal, and what is on its screen."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from screens import DEVSESSION, Screen

TWO = ("-b", "alpha=sim:", "-b", "beta=sim:")
START = "alpha@alpha >>>"


def test_programs_lines_and_blocks(shell: Screen):
    shell.line("6*7")
    shell.until("6*7\n42\nmain@sim >>>")
    shell.line("for n in range(3):")
    shell.until("...")
    # It is indented already.
    shell.line("print('n =', n)")
    shell.line("")
    shell.until("n = 0\nn = 1\nn = 2\nmain@sim >>>")
    shell.type("a = (1,")
    shell.key("alt-enter")
    shell.line("2)")
    shell.line("a")
    shell.until("(1, 2)\nmain@sim >>>")
    # What Python does not take is for the board to judge.
    shell.line("1 = 2")
    shell.until("SyntaxError")
    # Its end stands on a line of its own.
    shell.line("print('no end', end='')")
    shell.until("\nno end\nmain@sim >>>")
    # One that comes in pieces is there as a whole.
    shell.line("import time")
    shell.line("for n in range(30): print('%02d' % n * 5, end='') or time.sleep(0.01)")
    shell.line("")
    whole = "".join(f"{n:02}" * 5 for n in range(30))
    shell.until(lambda shown: f"{whole}main@sim >>>" in shown.replace("\n", ""))
    # A block that is pasted is one program.
    shell.type("\x1b[200~def f():\n    return 'pasted'\n\nprint(f() + '!')\x1b[201~", enter=True)
    shell.until("\npasted!")


def test_a_line_for_the_program_that_asks(shell: Screen, tmp_path: Path):
    shell.line("word = input('secret? ')")
    shell.until("main secret?")
    shell.until("main? waiting-for-input")
    shell.line("//is it")
    shell.line("print('it was', word)")
    shell.until("\nit was /is it\n")
    assert shell.display.count("secret? //is it") == 1
    assert shell.display.count("is it") == 2
    shell.line("input('again? ')")
    shell.until("main again?")
    # An empty line is one too.
    shell.line("")
    shell.until("''\nmain@sim >>>")
    kept = tmp_path / "state" / "devsession" / "history"
    assert "input('again? ')" in kept.read_text()
    assert "is it" not in kept.read_text().replace("'it was'", "")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_history_is_kept(shells: Callable[..., Screen]):
    first = shells()
    first.line("print('from the first')")
    first.until("\nfrom the first\n")
    first.key("ctrl-d")
    assert first.ends() == 0
    second = shells()
    second.key("up")
    second.until("main@sim >>> print('from the first')")
    second.type("", enter=True)
    second.until("\nfrom the first\n")


def test_completion_from_the_board(shell: Screen):
    shell.line("measured_value = 1")
    shell.type("measured_v")
    shell.key("tab")
    shell.until(">>> measured_value\n")
    shell.line(" + 1")
    shell.until("\n2\nmain@sim")
    shell.type("import micropyt")
    shell.key("tab")
    shell.until(">>> import micropython\n")
    shell.line("")
    shell.type("micropython.opt_l")
    shell.key("tab")
    shell.until(">>> micropython.opt_level\n")
    shell.key("ctrl-c")
    shell.until(lambda shown: shown.split("\n")[-2] != "micropython.opt_level")
    shell.type("/sessions --wai")
    shell.key("tab")
    shell.until("/sessions --waiting\n")
    shell.key("ctrl-c")
    shell.type("/sw")
    shell.key("tab")
    shell.until(">>> /switch\n")
    shell.type(" ma")
    shell.key("tab")
    shell.until(">>> /switch main\n")
    # In a text nothing is completed.
    shell.key("ctrl-c")
    shell.type("'measured_v")
    shell.key("tab")
    shell.type("x'")
    shell.until("'measured_vx'\n")


def test_ctrl_c_interrupts_the_program(shell: Screen):
    shell.line("while True: pass")
    shell.line("")
    shell.until("main* processing")
    shell.key("ctrl-c")
    shell.until("KeyboardInterrupt")
    shell.until("main·")
    shell.line("6*7")
    shell.until("\n42\n")
    # With nothing to interrupt it drops what was begun.
    shell.type("for what in ever:")
    shell.key("ctrl-c")
    shell.line("'still here'")
    shell.until("\n'still here'\n")
    assert shell.process.poll() is None


def test_what_was_typed_for_a_program_that_is_interrupted_is_for_nobody_else(shell: Screen):
    shell.line("input('password: ')")
    shell.until("password: ")
    shell.type("hunter2")
    shell.until("hunter2")
    shell.key("ctrl-c")
    shell.until("KeyboardInterrupt")
    shell.until("main·")
    shell.line("'still ' + 'here'")
    shell.until("\n'still here'\n")


def test_a_search_in_the_history_ends(shell: Screen):
    shell.line("'found ' + 'again'")
    shell.until("\n'found again'\n")
    shell.type(b"\x12")
    shell.until("I-search")
    shell.line("again")
    shell.until("main@sim >>> 'found ' + 'again'")
    # The cursor is where it was found.
    shell.line(b"\x05")
    shell.until(lambda screen: screen.count("\n'found again'") == 2)


def test_a_background_flood_leaves_the_line_alone(shells: Callable[..., Screen]):
    shell = shells(*TWO, prompt=START)
    shell.line("while True: print('flood' * 10)")
    shell.line("")
    shell.until("floodflood")
    shell.line("/switch beta")
    shell.until("[beta on beta]\nbeta@beta >>>")
    typed = "x = 'a line that is typed while alpha floods'"
    for part in (typed[:10], typed[10:20], typed[20:]):
        shell.type(part)
        shell.read(0.15)
    shown = shell.until(f"[beta on beta]\nbeta@beta >>> {typed}\n")
    shell.until("alpha* processing")
    # Nothing of it came after the switch.
    assert "flood" not in shown.partition("[beta on beta]")[2].replace("alpha floods", "")
    shell.line("; print(len(x))")
    shell.until("\n39\n")


def test_a_flood_in_the_foreground_leaves_the_line_alone(shell: Screen):
    shell.line("while True: print('flood' * 10)")
    shell.line("")
    shell.until("floodflood")
    typed = "x = 'typed while it floods'"
    for part in (typed[:5], typed[5:]):
        shell.type(part)
        shell.read(0.2)
    shown = shell.until(f"main@sim >>> {typed}\n")
    *lines, prompt = (line for line in shown.split("\n")[:-1] if line)
    assert prompt == f"main@sim >>> {typed}"
    *whole, last = (line for line in lines if not line.endswith("bytes not shown; the session keeps them]"))
    assert set(whole) == {"flood" * 10}
    # Of a line that has not ended the beginning stands before the prompt.
    assert ("flood" * 10).startswith(last)
    shell.key("ctrl-c")
    shell.until("KeyboardInterrupt")
    # The line survived the interrupt.
    shell.line("; print(x)")
    shell.until("\ntyped while it floods\n")
    # What was not shown is told of, and so the terminal was not the one to wait for.
    assert b"bytes not shown; the session keeps them]" in shell.seen


def test_escape_sequences_are_filtered(shell: Screen, shells: Callable[..., Screen]):
    evil = r"print('\x1b]0;title\x07a\x1b[2Jb\x9b31mc')"
    shell.line(evil)
    shell.until(r"ab\x9b31mc")
    shell.line(r"input('\x1b[2Jname? ')")
    shell.until("main name?")
    shell.line("")
    shell.until("''")
    raw = shells("-b", "sim:", "--raw")
    raw.line(r"print('\x1b[1mbold\x1b[0m')")
    raw.until("\nbold\n")
    assert b"\x1b[2J" not in shell.seen
    assert b"\x1b]0;title" not in shell.seen
    assert b"\x1b[1mbold\x1b[0m" in raw.seen


def test_resize(shell: Screen):
    shell.type("print('a line of some length, which is longer than forty columns')")
    shell.resize(40, 12)
    shell.until(
        lambda shown: shell.bar.strip() == "main·" and "longer than forty columns" in shown.replace("\n", "")
    )
    shell.type("", enter=True)
    shell.until("\na line of some length, which is longer t\nhan forty columns\nmain@sim >>>")
    shell.resize(90, 20)
    shell.line("6*7")
    shell.until("\n42\n")


def test_suspended_and_brought_back(tmp_path: Path):
    """By Ctrl-Z and by a signal, under a shell that has jobs."""
    environment = {"XDG_STATE_HOME": str(tmp_path), "PS1": "$ ", "ENV": "", "HISTFILE": ""}
    with Screen(["bash", "--norc", "--noprofile", "-i"], environment=environment) as terminal:
        terminal.until("$")
        terminal.line(" ".join([*DEVSESSION, "shell", "-b", "sim:", "& fg"]))
        terminal.until("main@sim >>>")
        terminal.line("import os; x = 'kept'")
        terminal.type("'begun ")
        terminal.key("ctrl-z")
        terminal.until("Stopped")
        # The terminal is as any program wants it: what is typed shows.
        terminal.line("echo $((6*7)); stty -a | grep -o ' icanon'")
        terminal.until("\n42\n icanon\n")
        terminal.line("kill -TSTP %1; fg")
        terminal.until(
            lambda shown: "main@sim >>> 'begun" in shown.rpartition("\nfg")[2] or shown.count("Stopped") > 1
        )
        terminal.line("' + x")
        terminal.until("'begun kept'")
        terminal.line("/session-name")
        terminal.until("\nmain\nmain@sim >>>")
        pid = (
            Path(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children").read_text().split()[0]
        )
        os.kill(int(pid), signal.SIGTSTP)
        terminal.until(lambda shown: shown.count("Stopped") > 1)
        terminal.line("fg")
        terminal.read(0.5)
        terminal.line("x")
        terminal.until("\n'kept'\n")
        terminal.key("ctrl-d")
        terminal.until(lambda shown: shown.endswith("\n$"))
        terminal.line("stty -a | grep -o ' icanon' && exit")
        assert terminal.ends() == 0


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (None, 0)],
    ids=["term", "hup", "ctrl-d"],
)
def test_the_terminal_is_put_back(shell: Screen, number: signal.Signals | None, code: int):
    shell.line("while True: print('on')")
    shell.line("")
    shell.until("\non\n")
    assert not shell.is_as_before()
    if number is None:
        shell.key("ctrl-d")
    else:
        shell.signal(number)
    assert shell.ends() == code
    assert shell.is_as_before()


def test_a_board_that_dies(shells: Callable[..., Screen]):
    shell = shells(*TWO, prompt=START)
    shell.line("import time; time.sleep(60)")
    shell.until("alpha* processing")
    children = Path(f"/proc/{shell.process.pid}/task/{shell.process.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    shell.until("the board was reset while the program ran")
    shell.line("6*7")
    shell.until("\n42\n")
    shell.key("ctrl-d")
    assert shell.ends() == 0
    assert shell.is_as_before()


def test_an_error_in_the_shell_itself_puts_the_terminal_back(tmp_path: Path):
    code = (
        "import sys; from devsession.shell import commands; "
        "commands.COMMANDS['boards'] = commands.Command('', 0, 0, '', lambda desk: 1 // 0); "
        "from devsession.cli.app import main; sys.argv = ['devsession', 'shell', '-b', 'sim:']; main()"
    )
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    with Screen([DEVSESSION[0], "-c", code], environment=environment) as shell:
        shell.until("main@sim >>>")
        shell.line("/boards")
        assert shell.ends() == 1
        assert shell.is_as_before()
        assert "ZeroDivisionError" in shell.display


def test_a_terminal_that_nobody_reads(shell: Screen):
    shell.line("while True: print('flood' * 20)")
    shell.line("")
    shell.until("floodflood")
    shell.fill()
    shell.signal(signal.SIGTERM)
    # Not `ends`, which reads.
    assert shell.process.wait(15) == 143
    assert shell.is_as_before()


def test_a_terminal_that_is_closed(shell: Screen):
    shell.line("while True: print('flood' * 20)")
    shell.line("")
    shell.until("floodflood")
    shell.hang_up()
    assert shell.process.wait(15) == 129
