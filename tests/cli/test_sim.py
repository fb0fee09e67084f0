"""`devsession sim`, and the other tools on a board that it serves."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DEVSESSION = [sys.executable, "-m", "devsession"]
BIN = Path(sys.executable).parent


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[str]:
    with subprocess.Popen(
        [*DEVSESSION, "sim", "serve", *arguments], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait(10) == 0


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return done.stdout


def devsession(*arguments: str) -> str:
    return run(*DEVSESSION, *arguments)


@pytest.fixture(autouse=True)
def own_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Names served here are not seen elsewhere."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_install_tells_the_interpreter():
    found = json.loads(devsession("sim", "install", "--json"))
    assert tuple(map(int, found["version"].split("."))) >= (1, 20)
    assert found["version"] in devsession("sim", "install")


def test_install_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = subprocess.run(
        [*DEVSESSION, "sim", "install", "microbit"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    assert "sudo apt install qemu-system-arm" in done.stderr
    assert done.stdout == ""


def test_a_served_board_is_found_by_path_link_and_name(tmp_path: Path):
    link = tmp_path / "board"
    with serving("bench", "--path", str(link)) as port:
        assert os.readlink(link) == port
        for url in (port, str(link), "sim:bench"):
            assert devsession("-b", url, "exec", "x = globals().get('x', 0) + 1; print(x)").strip().isdigit()
        assert devsession("-b", "sim:bench", "eval", "x") == "3\n"
        assert json.loads(devsession("sim", "list", "--json")) == [{"board": "sim:bench", "port": port}]
    assert not link.exists()
    assert devsession("sim", "list") == ""


def test_the_link_of_a_server_that_was_killed_is_taken_over(tmp_path: Path):
    link = tmp_path / "board"
    command = [*DEVSESSION, "sim", "serve", "bench", "--path", str(link)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        killed.kill()
    assert link.is_symlink()
    # Most often it gets the terminal that the link leads to already.
    with serving("bench", "--path", str(link)) as port:
        assert os.readlink(link) == port
        refused = subprocess.run(
            [*DEVSESSION, "sim", "serve", "--path", str(link)], capture_output=True, text=True, check=False
        )
        assert refused.returncode == 3
        assert "not a link that was left behind" in refused.stderr
        assert os.readlink(link) == port
    assert not link.is_symlink()


def test_circuitpython_is_served_by_its_kind_and_by_a_name(tmp_path: Path):
    with serving("circuitpython", "--language", "de", "--drive", "off") as port:
        assert (
            devsession("-b", port, "exec", "x = 1; import board; print(board.board_id)")
            == "simulated_board\n"
        )
        # Leaving the REPL was the end of its virtual machine.
        assert devsession("-b", port, "eval", "'x' in globals(), open('a', 'w').write('a')") == "(False, 1)\n"
    root = tmp_path / "CIRCUITPY"
    root.mkdir()
    (root / "code.py").write_text("print('from the drive')\nwhile True: pass")
    with serving("bench", "--kind", "circuitpython", "--root", str(root)):
        assert devsession("-b", "sim:bench", "eval", "__import__('os').listdir()") == (
            "['boot_out.txt', 'code.py']\n"
        )
        done = subprocess.run(
            [*DEVSESSION, "-b", "sim:bench", "exec", "open('a', 'w')"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "Read-only filesystem" in done.stderr
        assert "storage.remount" in done.stderr


def test_the_port_stays_across_resets(tmp_path: Path):
    link = str(tmp_path / "board")
    with serving("--path", link):
        devsession("-b", link, "exec", "x = 1; open('kept.txt', 'w').close()")
        devsession("-b", link, "reset")
        assert (
            devsession("-b", link, "eval", "'x' in globals(), __import__('os').listdir()")
            == "(False, ['kept.txt'])\n"
        )


def test_a_busy_board_names_its_holder(tmp_path: Path):
    link = str(tmp_path / "board")
    with serving("--path", link):
        command = [*DEVSESSION, "-b", link, "run", "-"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            holder.stdin.write("print('on')\nwhile True: pass")
            holder.stdin.close()
            assert holder.stdout.readline() == "on\n"
            done = subprocess.run(
                [*DEVSESSION, "-b", link, "exec", "1"], capture_output=True, text=True, check=False
            )
            assert done.returncode == 3
            assert f"(pid {holder.pid})" in done.stderr
            holder.send_signal(signal.SIGINT)
            assert holder.wait(10) == 130
        assert devsession("-b", link, "exec", "print(2)") == "2\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A text and a binary file to be moved."""
    (tmp_path / "text.txt").write_text("over the wire\n" * 100)
    (tmp_path / "binary.bin").write_bytes(bytes(range(256)) * 20)
    return tmp_path


def test_a_named_board_is_shared_by_processes_one_after_another():
    with serving("bench"):
        for number in range(3):
            assert devsession("-b", "sim:bench", "exec", f"x = {number} + globals().get('x', 0)") == ""
        assert devsession("-b", "sim:bench", "eval", "x") == "3\n"
        with subprocess.Popen(
            [*DEVSESSION, "-b", "sim:bench", "run", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            holder.stdin.write("print('on')\nwhile True: pass")
            holder.stdin.close()
            assert holder.stdout.readline() == "on\n"
            second = subprocess.run(
                [*DEVSESSION, "-b", "sim:bench", "eval", "x"], capture_output=True, text=True, check=False
            )
            assert second.returncode == 3
            assert f"(pid {holder.pid})" in second.stderr
            holder.send_signal(signal.SIGINT)
            assert holder.wait(10) == 130
        assert devsession("-b", "sim:bench", "eval", "x") == "3\n"


@pytest.mark.peer
def test_mpremote_works_on_it(files: Path):
    link = str(files / "board")
    mpremote = [BIN / "mpremote", "connect", link, "resume"]
    with serving("--path", link):
        assert run(*mpremote, "exec", "print(6*7)").strip() == "42"
        run(*mpremote, "fs", "cp", files / "text.txt", files / "binary.bin", ":")
        assert run(*mpremote, "fs", "cat", ":text.txt").replace("\r", "") == "over the wire\n" * 100
        run(*mpremote, "fs", "cp", ":binary.bin", files / "back.bin")
        assert (files / "back.bin").read_bytes() == (files / "binary.bin").read_bytes()
        assert {line.split()[-1] for line in run(*mpremote, "fs", "ls").splitlines()[1:]} == {
            "text.txt",
            "binary.bin",
        }
        run(*mpremote, "exec", "x = 1")
        run(*mpremote, "soft-reset")
        assert devsession("-b", link, "eval", "'x' in globals()") == "False\n"


@pytest.mark.peer
def test_mpytool_works_on_it(files: Path):
    link = str(files / "board")
    mpytool = [BIN / "mpytool", "-p", link]
    with serving("--path", link):
        assert run(*mpytool, "exec", "print(6*7)").strip() == "42"
        run(*mpytool, "cp", files / "text.txt", files / "binary.bin", ":/")
        run(*mpytool, "cp", ":/binary.bin", files / "back.bin")
        assert (files / "back.bin").read_bytes() == (files / "binary.bin").read_bytes()
        listed = run(*mpytool, "ls")
        assert "text.txt" in listed
        assert "binary.bin" in listed
        run(*mpytool, "exec", "x = 1")
        run(*mpytool, "reset")
        assert devsession("-b", link, "eval", "'x' in globals()") == "False\n"


@pytest.mark.peer
def test_belay_works_on_it(files: Path):
    link = str(files / "board")
    source = files / "source"
    source.mkdir()
    (source / "mod.py").write_text("X = 5\n")
    (source / "data.bin").write_bytes(bytes(range(256)) * 10)
    code = (
        "import sys, belay\ndevice = belay.Device(sys.argv[1])\nprint(device('6*7'))\n"
        "@device.task\ndef add(a, b):\n    return a + b\nprint(add(40, 2))\n"
        "device.sync(sys.argv[2], '/')\ndevice('import mod')\nprint(device('mod.X'))\ndevice.close()"
    )
    (files / "program.py").write_text(code)
    with serving("--path", link):
        said = run(sys.executable, "-W", "ignore", files / "program.py", link, source)
        assert said.split() == ["42", "42", "5"]
        assert (
            devsession("-b", link, "eval", "open('data.bin', 'rb').read() == bytes(range(256)) * 10")
            == "True\n"
        )
