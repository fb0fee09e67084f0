"""The command line, as whole processes."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DEVSESSION = [sys.executable, "-m", "devsession"]


def devsession(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEVSESSION, *arguments], capture_output=True, text=True, timeout=60, check=False, **options
    )


def on_sim(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return devsession("-b", "sim:", *arguments, **options)


@pytest.fixture
def program(tmp_path: Path):
    def write(text: str, name: str = "prog.py") -> str:
        (tmp_path / name).write_text(text, "utf-8")
        return str(tmp_path / name)

    return write


def test_exec_prints_what_the_program_prints():
    done = on_sim("exec", "print(6*7)")
    assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)


def test_the_board_may_be_named_behind_the_command_or_by_the_environment():
    assert devsession("exec", "print(1)", "-b", "sim:").stdout == "1\n"
    assert devsession("exec", "print(2)", env={**os.environ, "DEVSESSION_BOARD": "sim:"}).stdout == "2\n"


def test_exec_reads_standard_input():
    assert on_sim("exec", "-", input="x = 20\nprint(x + 1)").stdout == "21\n"


def test_eval_prints_the_value():
    assert on_sim("eval", "[1, 'ä', 0.1]").stdout == "[1, 'ä', 0.1]\n"
    assert json.loads(on_sim("eval", "--json", "{'a': (1, b'\\xff', None)}").stdout) == {"a": [1, "ff", None]}


def test_eval_of_what_has_no_form_here():
    done = on_sim("eval", "object()")
    assert done.returncode == 1
    assert "cannot be brought to the host" in done.stderr
    assert on_sim("eval", "x = 1").returncode == 2


def test_run_gives_the_programs_exit_code(program):
    done = on_sim(
        "run",
        program("import sys\nif __name__ == '__main__':\n    print('main', sys.argv[1:])\n    sys.exit(7)"),
        "--",
        "-x",
        "y",
    )
    assert (done.stdout, done.stderr, done.returncode) == ("main ['-x', 'y']\n", "", 7)


def test_run_tells_an_exit_message_on_stderr(program):
    done = on_sim("run", program("import sys; sys.exit('no sensor')"))
    assert (done.stdout, done.stderr, done.returncode) == ("", "no sensor\n", 1)


def test_run_shows_the_traceback_with_the_hosts_file_and_line(program):
    path = program("def f():\n    raise ValueError('käse')\n\nprint('before')\nf()\n")
    done = on_sim("run", path)
    assert done.stdout == "before\n"
    assert done.returncode == 1
    assert done.stderr == (
        f'Traceback (most recent call last):\n  File "{path}", line 5, in <module>\n'
        f'  File "{path}", line 2, in f\nValueError: käse\n'
    )


def test_run_streams_while_the_program_runs(program):
    path = program("import time\nprint('first')\ntime.sleep(1.5)\nprint('last')")
    with subprocess.Popen(
        [*DEVSESSION, "-b", "sim:", "run", path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "first\n"
        first = time.monotonic()
        assert process.stdout.readline() == "last\n"
        assert time.monotonic() - first > 1.0


def test_a_timeout_is_124():
    done = on_sim("run", "-", "--timeout", "0.3", input="print('on')\nwhile True: pass")
    assert (done.stdout, done.returncode) == ("on\n", 124)
    assert "did not end within 0.3 s" in done.stderr


def test_ctrl_c_is_130(program):
    path = program("print('on')\nwhile True: pass")
    with subprocess.Popen(
        [*DEVSESSION, "-b", "sim:", "run", path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_other_ends_tidy_up_too(program, tmp_path: Path, number: int, code: int):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    path = program("print('on')\nwhile True: pass")
    with subprocess.Popen(
        [*DEVSESSION, "-b", "sim:", "run", path], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        assert len(list(tmp_path.glob("devsession-sim-*"))) == 1
        process.send_signal(number)
        assert process.wait(10) == code
    assert not list(tmp_path.glob("devsession-sim-*"))


def test_what_a_killed_command_left_goes_with_the_next(program, tmp_path: Path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    path = program("print('on')\nwhile True: pass")
    with subprocess.Popen(
        [*DEVSESSION, "-b", "sim:", "run", path], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        process.kill()
    assert len(list(tmp_path.glob("devsession-sim-*"))) == 1
    assert on_sim("exec", "1", env=environment).returncode == 0
    assert not list(tmp_path.glob("devsession-sim-*"))


def test_a_program_that_ignores_ctrl_c_is_told_as_a_timeout():
    stubborn = "while True:\n try:\n  while True: pass\n except BaseException: pass"
    done = on_sim("exec", stubborn, "--timeout", "0.2")
    assert done.returncode == 124
    assert "did not end within 0.2 s, and the board did not come back" in done.stderr


@pytest.mark.parametrize("command", ["exec", "eval"])
def test_output_that_cannot_be_written_is_one_line(command: str):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*DEVSESSION, "-b", "sim:", command, "print(1)" if command == "exec" else "1"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 74
    assert done.stderr == "devsession: [Errno 28] No space left on device\n"


def test_closed_streams_are_nothing():
    done = subprocess.run(
        ["sh", "-c", '"$0" -m devsession -b sim: exec "print(1)" <&- >&- 2>&-', sys.executable], check=False
    )
    assert done.returncode == 0


def test_eval_keeps_output_and_exit_code_apart():
    done = on_sim("eval", "print('said') or 10 ** 5000")
    assert (done.stderr, len(done.stdout), done.returncode) == ("said\n", 5002, 0)
    assert on_sim("eval", "__import__('sys').exit(3)").returncode == 3


def test_a_reader_that_leaves_ends_the_program(program):
    path = program("while True: print('x' * 100)")
    with subprocess.Popen([*DEVSESSION, "-b", "sim:", "run", path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1000)
        process.stdout.close()
        assert process.wait(10) == 141


def test_a_slow_reader_gets_everything(program):
    path = program("for i in range(20000): print('line', i)")
    with subprocess.Popen([*DEVSESSION, "-b", "sim:", "run", path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        time.sleep(1)
        lines = process.stdout.read().split(b"\n")
    assert lines == [*(f"line {i}".encode() for i in range(20000)), b""]


def test_a_reader_that_takes_nothing_does_not_hold_up_a_timeout(program):
    path = program("while True: print('x' * 100)")
    command = [*DEVSESSION, "-b", "sim:", "run", path, "--timeout", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.wait(15) == 124
        assert process.stderr is not None
        assert b"did not end within 1 s" in process.stderr.read()


def test_a_reader_that_takes_nothing_does_not_keep_the_board(tmp_path: Path):
    link = tmp_path / "board"
    serve = [*DEVSESSION, "sim", "serve", "--path", str(link)]
    flood = [
        *DEVSESSION,
        "-b",
        str(link),
        "exec",
        "--timeout",
        "10",
        "for i in range(20000): print('line', i)",
    ]
    with subprocess.Popen(serve, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            with subprocess.Popen(flood, stdout=subprocess.PIPE) as process:
                assert process.stdout is not None
                first = process.stdout.readline()
                # While the program runs the board is held; afterwards it is free, although its output still waits here.
                codes = (devsession("-b", str(link), "exec", "1").returncode for _ in range(100))
                assert next(code for code in codes if code != 3) == 0
                assert process.poll() is None
                lines = (first + process.stdout.read()).split(b"\n")
                assert lines == [*(f"line {i}".encode() for i in range(20000)), b""]
                assert process.wait(10) == 0
        finally:
            server.send_signal(signal.SIGINT)


def test_bytes_pass_to_a_pipe_as_they_are(program):
    path = program("import sys\nsys.stdout.buffer.write(bytes(range(256)))")
    done = subprocess.run(
        [*DEVSESSION, "-b", "sim:", "run", path], capture_output=True, check=True, timeout=60
    )
    assert done.stdout == bytes(range(256))


def read_terminal(arguments: list[str]) -> bytes:
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*DEVSESSION, *arguments])
    seen = bytearray()
    # The end of the terminal is an OSError on Linux.
    with contextlib.suppress(OSError):
        while data := os.read(fd, 4096):
            seen += data
    os.close(fd)
    os.waitpid(pid, 0)
    return bytes(seen)


def test_escape_sequences_do_not_reach_a_terminal():
    code = "print('a\\x1b[31mb\\x1b]0;title\\x07c\\x07d\\x1b'); import sys; sys.stdout.write('\\x1b'); sys.stdout.write('[2Je')"
    assert read_terminal(["-b", "sim:", "exec", code]) == b"abc\\x07d\\x1b\r\ne"


def test_errors_are_filtered_too():
    seen = read_terminal(["-b", "sim:", "exec", "raise ValueError('\\x1b[2Jx\\x07')"])
    assert b"\x1b" not in seen
    assert b"ValueError: x\\x07" in seen


def test_reset():
    done = on_sim("reset")
    assert (done.stdout, done.returncode) == ("", 0)
    assert done.stderr.startswith("raw-soft reset in")


def test_phases_are_told_when_asked_for():
    quiet, phases, wire = (on_sim(*flags, "exec", "print(1)") for flags in ([], ["-v"], ["-vv"]))
    assert quiet.stderr == ""
    for phase in ("open", "enter", "exec", "detach", "close"):
        assert f"event='{phase}'" in phases.stderr
    assert "raw REPL" not in phases.stderr
    assert "event='written'" in wire.stderr
    assert {done.stdout for done in (quiet, phases, wire)} == {"1\n"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-b", "/dev/no-such-port", "exec", "1"], 3, "no-such-port"),
        (["-b", "id:NOSUCH", "exec", "1"], 3, "no board known as NOSUCH is attached"),
        (["-b", "what:ever", "exec", "1"], 2, "names no kind of board"),
        (["-b", "sim:", "run", "/no/such/file.py"], 2, "cannot read /no/such/file.py"),
        (["exec"], 2, "Missing argument"),
        (["nonsense"], 2, "No such command"),
        (["-b", "sim:", "exec", "--timeout", "-1", "1"], 2, "no time above 0"),
        (["-b", "sim:", "exec", "--timeout", "nan", "1"], 2, "no time above 0"),
        (["-b", "sim:", "exec", "--timeout", "soon", "1"], 2, "no number of seconds"),
        (["-b", "/dev/null", "exec", "1"], 3, "is not a serial port"),
        (["-b", ".", "exec", "1"], 3, "is not a serial port"),
        (["-b", "sim:", "exec", "'\udcc3'"], 2, "no UTF-8 form"),
        (["-b", "sim:", "eval", "--json", "float('nan')"], 2, "JSON cannot hold"),
        (["-b", "sim:", "eval", "--json", "{1: 2}"], 2, "the key 1 is no string"),
    ],
)
def test_bad_input_is_told_with_its_exit_code(arguments: list[str], code: int, said: str):
    done = devsession(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_without_a_board_a_script_is_told_how_to_name_one():
    environment = {key: value for key, value in os.environ.items() if key != "DEVSESSION_BOARD"}
    done = devsession("exec", "1", env=environment)
    if done.returncode == 3:
        assert "-b" in done.stderr
    else:
        pytest.fail(f"a board seems to be attached to this machine: {done}")


def test_help_teaches():
    text = devsession("--help").stdout
    for word in ("exec", "eval", "run", "info", "reset", "sim", "-b", "Exit code", "sim:NAME"):
        assert word in text
    for command in ("exec", "eval", "run", "info", "reset", "sim"):
        done = devsession(command, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith("Usage: ")
    assert devsession("--version").stdout.strip() == "0.1.0"


def test_little_is_imported_while_ctrl_c_is_still_a_traceback():
    script = (
        "import sys\nbefore = set(sys.modules)\nimport devsession\n"
        "print(*sorted({'typing', 'enum', 're', 'collections'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_help_and_exec_import_nothing_heavy():
    script = (
        "import sys\nfrom devsession.cli.app import devsession\nsys.argv = ['devsession', {!r}]\n"
        "try:\n    devsession()\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('asyncio', 'pydantic', 'structlog', 'rich', 'mpremote', 'serial') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script.format("--help")], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"
    script = script.replace("['devsession', {!r}]", "['devsession', '-b', 'sim:', 'exec', '1']")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "['asyncio']"
