"""The console of a simulated CircuitPython board, byte by byte, as CircuitPython's source and documentation say."""

import asyncio
import re
from pathlib import Path

import pytest
from circuit import (
    CLEAR,
    FRIENDLY,
    GREETING,
    PRESS_ANY_KEY,
    SOFT_REBOOT,
    START,
    TO_FRIENDLY,
    TO_RAW,
    WAITING,
    title,
)
from console import PROMPT, RAW, Console
from vectors import MARK, marked, on_boards

from devsession.simulator.circuitpython import LOOK_INTERVAL, QUIET

MARKED = marked(b"\r\n")


@pytest.fixture
async def waiting(opened) -> Console:
    console = await opened("sim:circuitpython")
    await console.until(PRESS_ANY_KEY)
    return console


@pytest.fixture
async def raw(waiting: Console) -> Console:
    await waiting.say(b"x\x01", RAW)
    return waiting


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "board"


def with_files(files: Path, contents: dict[str, str], options: str = "") -> str:
    files.mkdir()
    for name, text in contents.items():
        (files / name).write_text(text)
    return f"sim:circuitpython?root={files}{options}"


def ran(name: str, printed: bytes, done: str = "Done") -> bytes:
    return CLEAR + name.encode() + b" output:\r\n" + title(name) + printed + title(done)


@pytest.mark.parametrize(("written", "answer"), on_boards().values(), ids=on_boards().keys())
async def test_raw_mode_answers_to_the_byte(raw: Console, written: bytes, answer: bytes):
    assert await raw.say(written + MARK, MARKED) == answer + MARKED


async def test_without_a_program_it_waits(opened):
    console = await opened("sim:circuitpython")
    assert await console.until(PRESS_ANY_KEY) == START + WAITING


async def test_the_wait_eats_one_byte_and_the_rest_is_for_the_repl(waiting: Console):
    assert await waiting.say(b"xx=5\r", b"5\r\n>>> ") == FRIENDLY + b"x=5\r\n>>> "


async def test_ctrl_d_reloads(waiting: Console):
    assert await waiting.say(b"\x04", PRESS_ANY_KEY) == SOFT_REBOOT + START + WAITING


async def test_entering_like_mpremote(waiting: Console):
    # The first byte is the key, and the others are for the prompt.
    answer = FRIENDLY + b"\r\n>>> \r\n>>> " + TO_RAW
    assert await waiting.say(b"\r\x03\r\x01", RAW) == answer


async def test_friendly_to_raw_and_back(waiting: Console):
    assert await waiting.say(b"x", PROMPT) == FRIENDLY
    assert await waiting.say(b"\x01", RAW) == TO_RAW
    assert await waiting.say(b"\x02", PROMPT) == TO_FRIENDLY
    assert await waiting.say(b"\x02", PROMPT) == b"\r\n" + GREETING + b">>> "


async def test_every_way_into_a_repl_and_out_of_it_ends_the_virtual_machine(raw: Console):
    await raw.run("x = 1")
    assert await raw.value("'x' in globals()") == "True\r"
    await raw.say(b"\x02\x01", RAW)
    assert await raw.value("'x' in globals()") == "False\r"
    await raw.run("x = 1")
    await raw.say(b"\x02", PROMPT)
    assert b"NameError" in await raw.say(b"x\r", PROMPT)
    await raw.say(b"x=1\r", PROMPT)
    await raw.say(b"\x01", RAW)
    assert await raw.value("'x' in globals()") == "False\r"


async def test_nothing_that_was_typed_is_lost_between_virtual_machines(raw: Console):
    # Behind Ctrl-B there is more than one virtual machine reads.
    assert await raw.say(b"\x02x = 6\rx * 7\r", b"42\r\n>>> ") == (
        TO_FRIENDLY + b"x = 6\r\n>>> x * 7\r\n42\r\n>>> "
    )
    answer = await raw.say(b"\x01print(1)\x04\x02\x01print(2)\x04", b"OK2\r\n\x04\x04>")
    assert answer == TO_RAW + b"OK1\r\n\x04\x04>" + TO_FRIENDLY + TO_RAW + b"OK2\r\n\x04\x04>"


async def test_raw_soft_reset(raw: Console):
    assert await raw.say(b"\x04", RAW) == b"OK\r\n" + title("Done") + SOFT_REBOOT + RAW


async def test_friendly_soft_reset_runs_code_and_waits(raw: Console):
    answer = await raw.say(b"\x02\x04", PRESS_ANY_KEY)
    assert answer == TO_FRIENDLY + b"\r\n" + title("Done") + SOFT_REBOOT + START + WAITING


@pytest.mark.parametrize(
    "code", [b"raise SystemExit", b"import sys;sys.exit(3)", b"import supervisor;supervisor.reload()"]
)
async def test_programs_that_reset_the_raw_repl(raw: Console, code: bytes):
    assert await raw.say(code + b"\x04", RAW) == b"OK\x04\x04" + title("Done") + SOFT_REBOOT + RAW


@pytest.mark.parametrize(
    ("language", "said"),
    [("de", "weicher reboot"), ("fr", "redémarrage logiciel"), ("es", "reinicio suave")],
)
async def test_other_languages(opened, language: str, said: str):
    console = await opened(f"sim:circuitpython?language={language}")
    # The raw banner is never translated.
    await console.until(b".\r\n\r\n")
    await console.say(b"x\x01", RAW)
    assert await console.say(b"\x04", RAW) == b"OK\r\n" + title("Done") + said.encode() + b"\r\n" + RAW


async def test_no_title_comes_while_the_raw_repl_is_used(raw: Console):
    assert await raw.say(b"print(1)\x04" * 3, b">" + b"OK1\r\n\x04\x04>") == b"OK1\r\n\x04\x04>" * 2
    await raw.until(b">")
    off = "import supervisor\nsupervisor.status_bar.console = False"
    assert await raw.run(off) == ("\x1b]0;\x1b\\", "")
    # Which outlives soft resets.
    assert await raw.say(b"\x02", PROMPT) == b"\r\n" + GREETING + b">>> "
    await raw.link.reset_board()
    await raw.until(PRESS_ANY_KEY)
    assert await raw.say(b"x", PROMPT) == FRIENDLY


# Programs


async def test_code_runs_at_power_on(opened, files: Path):
    console = await opened(with_files(files, {"code.py": "print('hello')\nx = 1", "main.py": "print('no')"}))
    code = ran("code.py", b"hello\r\n")
    assert await console.until(PRESS_ANY_KEY) == START + code + WAITING
    assert await console.say(b"\x04", PRESS_ANY_KEY) == SOFT_REBOOT + START + code + WAITING
    await console.say(b"x\x01", RAW)
    assert await console.value("'x' in globals()") == "False\r"


async def test_an_exception_is_in_the_title(opened, files: Path):
    console = await opened(with_files(files, {"main.py": "def f():\n  1/0\nf()"}))
    assert (
        await console.until(PRESS_ANY_KEY)
        == START
        + ran(
            "main.py",
            b"Traceback (most recent call last):\r\n"
            b'  File "main.py", line 3, in <module>\r\n  File "main.py", line 2, in f\r\n'
            b"ZeroDivisionError: divide by zero\r\n",
            "2@main.py ZeroDivisionError",
        )
        + WAITING
    )


async def test_words_of_any_kind_harm_nothing(opened, files: Path):
    contents = {"boot.py": "print('x' + 'é' * 600)", "code.py": "raise ValueError('a\\nb: \\xe9\\udc80')"}
    console = await opened(with_files(files, contents))
    answer = await console.until(PRESS_ANY_KEY)
    assert title("1@code.py ValueError") + WAITING in answer
    # Cut in the middle of a character.
    assert len((files / "boot_out.txt").read_bytes()) == 512


async def test_ctrl_c_drops_what_came_behind_it(opened, files: Path):
    console = await opened(with_files(files, {"code.py": "print('on')\nwhile True: pass"}))
    await console.until(b"on\r\n")
    answer = await console.say(b"\r\x03\r\x01", PRESS_ANY_KEY)
    match = re.search(rb'File "code.py", line (\d), in <module>\r\nKeyboardInterrupt: \r\n', answer)
    assert match
    assert answer.endswith(match[0] + title(f"{match[1].decode()}@code.py KeyboardInterrupt") + WAITING)
    assert await console.say(b"\r\x01", RAW) == FRIENDLY + TO_RAW


async def test_boot_runs_after_a_hard_reset_only_and_prints_to_a_file(opened, files: Path):
    contents = {"boot.py": "print('booting' * 200)\nx = 1", "code.py": "print('x' in globals())"}
    console = await opened(with_files(files, contents))
    # What it defined is gone when code.py runs.
    assert await console.until(PRESS_ANY_KEY) == START + ran("code.py", b"False\r\n") + WAITING
    output = files / "boot_out.txt"
    text = output.read_bytes()
    assert text.startswith(GREETING.strip() + b"\r\nBoard ID:simulated_board\r\nUID:")
    assert b"\r\nboot.py output:\r\nbootingbooting" in text
    assert len(text) == 512
    output.unlink()
    await console.say(b"\x04", PRESS_ANY_KEY)
    await console.say(b"x\x01\x04", RAW)
    assert not output.exists()
    await console.link.reset_board()
    await console.until(PRESS_ANY_KEY)
    assert output.read_bytes() == text


async def test_repl_py_runs_at_every_entry(opened, files: Path):
    console = await opened(with_files(files, {"repl.py": "print('r')\ny = 2"}))
    said = ran("repl.py", b"r\r\n")
    await console.until(PRESS_ANY_KEY)
    assert await console.say(b"x", PROMPT) == said + FRIENDLY
    assert await console.say(b"y\r", PROMPT) == b"y\r\n2\r\n>>> "
    assert await console.say(b"\x01", RAW) == b"\r\n" + title("Done") + said + RAW
    assert await console.value("y") == "2\r"
    assert await console.say(b"\x04", RAW) == b"OK\r\n" + title("Done") + SOFT_REBOOT + said + RAW


async def test_reload_and_exit_in_code(opened, files: Path):
    code = (
        "import supervisor\nprint(supervisor.runtime.run_reason)\n"
        "if 'STARTUP' in repr(supervisor.runtime.run_reason): supervisor.reload()\nraise SystemExit"
    )
    console = await opened(with_files(files, {"code.py": code}))
    assert await console.until(PROMPT) == (
        START
        + ran("code.py", b"supervisor.RunReason.STARTUP\r\n")
        + b"\r\nCode done running.\r\n"
        + SOFT_REBOOT
        + START
        + ran("code.py", b"supervisor.RunReason.SUPERVISOR_RELOAD\r\n")
        + b"\r\nCode done running.\r\n"
        + FRIENDLY
    )


async def test_another_file_may_be_the_next(opened, files: Path):
    code = "import supervisor\nsupervisor.set_next_code_file('other.py')\nsupervisor.reload()"
    console = await opened(with_files(files, {"code.py": code, "other.py": "print('other')"}))
    assert (await console.until(PRESS_ANY_KEY)).endswith(ran("other.py", b"other\r\n") + WAITING)
    assert (await console.say(b"\x04", b"other\r\n")).endswith(b"other\r\n")


# Auto-reload


async def test_saving_a_file_starts_the_program_anew(opened, files: Path):
    console = await opened(with_files(files, {"code.py": "print('one')\nwhile True: pass"}))
    await console.until(b"one\r\n")
    (files / "code.py").write_text("import supervisor\nprint(supervisor.runtime.run_reason)")
    answer = await console.until(PRESS_ANY_KEY)
    code = ran("code.py", b"supervisor.RunReason.AUTO_RELOAD\r\n")
    stopped = b"\r\nCode stopped by auto-reload. Reloading soon.\r\n"
    assert answer == title("Done") + stopped + SOFT_REBOOT + START + code + WAITING
    (files / "code.py").write_text("print('three')")
    answer = await console.until(PRESS_ANY_KEY)
    assert answer == SOFT_REBOOT + START + ran("code.py", b"three\r\n") + WAITING


async def test_in_the_repl_and_switched_off_saving_starts_nothing(opened, files: Path):
    console = await opened(with_files(files, {"code.py": "print('one')"}))
    await console.until(PRESS_ANY_KEY)
    await console.say(b"x\x01", RAW)
    (files / "code.py").write_text("print('two')")
    assert await console.run("import supervisor, time\nx = 1\ntime.sleep(1)") == ("", "")
    assert await console.run("supervisor.runtime.autoreload = False\nprint(x)") == ("1\r\n", "")
    answer = await console.say(b"\x02\x04", PRESS_ANY_KEY)
    assert CLEAR + b"Auto-reload is off.\r\n" + ran("code.py", b"two\r\n") in answer
    (files / "code.py").write_text("print('three')")
    await asyncio.sleep(QUIET + 3 * LOOK_INTERVAL)
    assert not console.seen
    assert await console.say(b"x", PROMPT) == FRIENDLY


async def test_what_is_typed_while_a_reload_is_due_is_ignored(opened, files: Path):
    console = await opened(with_files(files, {"code.py": "print('one')\nwhile True: pass"}))
    await console.until(b"one\r\n")
    (files / "code.py").write_text("print('two')")
    console.link.write(b"x")
    await console.until(PRESS_ANY_KEY)
    assert await console.say(b"\x04", PRESS_ANY_KEY) == (
        SOFT_REBOOT + START + ran("code.py", b"two\r\n") + WAITING
    )


async def test_the_reset_button_is_sooner_than_a_reload(opened, files: Path):
    console = await opened(with_files(files, {"code.py": "print('one')\nwhile True: pass"}))
    await console.until(b"one\r\n")
    (files / "code.py").write_text("print('two')")
    await console.link.reset_board()
    assert await console.until(PRESS_ANY_KEY) == START + ran("code.py", b"two\r\n") + WAITING
    await asyncio.sleep(QUIET + 3 * LOOK_INTERVAL)
    assert not console.seen
