"""`devsession fs` and `devsession mip`, as whole processes on a board that stays between them."""

import hashlib
import http.server
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

DEVSESSION = [sys.executable, "-m", "devsession"]


class Board:
    """A simulated board whose files are in a directory of this computer, so that every command finds what the one before left."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = f"sim:?root={root}"

    def run(self, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*DEVSESSION, "-b", self.url, *arguments],
            check=False,
            **{"capture_output": True, "text": True, "timeout": 60, **options},
        )

    def fs(self, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
        return self.run("fs", *arguments, **options)

    def ok(self, *arguments: str, **options) -> str:
        done = self.fs(*arguments, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def board(tmp_path: Path) -> Board:
    root = tmp_path / "board"
    root.mkdir()
    return Board(root)


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "local"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_looking(board: Board):
    (board.root / "lib").mkdir()
    (board.root / "lib/a.py").write_text("A = 1\n")
    (board.root / "main.py").write_text("print(1)\n")
    assert board.ok("ls") == "           lib/\n         9 main.py\n"
    assert board.ok("ls", ":lib") == "         6 a.py\n"
    entries = [json.loads(line) for line in board.ok("ls", "--json").splitlines()]
    assert [(entry["path"], entry["is_dir"], entry["size"]) for entry in entries] == [
        ("/lib", True, 0),
        ("/main.py", False, 9),
    ]
    assert board.ok("tree") == ":/\n├── lib/\n│   └── a.py\n└── main.py\n"
    assert board.ok("cat", ":main.py", ":lib/a.py") == "print(1)\nA = 1\n"
    digest = hashlib.sha256(b"A = 1\n").hexdigest()
    assert board.ok("hash", ":lib/a.py") == f"{digest}  lib/a.py\n"
    assert json.loads(board.ok("hash", "--json", "-a", "md5", ":lib/a.py"))["md5"] == (
        hashlib.md5(b"A = 1\n").hexdigest()
    )
    use = json.loads(board.ok("df", "--json", ":/"))
    assert use["size"] == use["used"] + use["free"]
    assert board.ok("df").splitlines()[0].split() == ["size", "used", "free", "on"]


def test_changing(board: Board):
    board.ok("mkdir", "-p", ":a/b", ":a/b")
    board.ok("touch", ":a/b/x")
    (board.root / "a/b/x").write_text("kept")
    board.ok("touch", ":a/b/x")
    assert (board.root / "a/b/x").read_text() == "kept"
    board.ok("mv", ":a/b/x", ":a")
    assert (board.root / "a/x").read_text() == "kept"
    board.ok("mv", ":a/x", ":a/y")
    for new in (":a", ":a/b", ":a/b/"):
        done = board.fs("mv", ":a", new)
        assert (done.returncode, "which is in it" in done.stderr) == (2, True), done
    assert board.fs("mv", ":a/y", ":a/y").returncode == 2
    assert (board.root / "a/y").read_text() == "kept"
    board.ok("rmdir", ":a/b")
    assert os.listdir(board.root / "a") == ["y"]
    board.ok("rm", "-f", ":none")
    board.ok("rm", "-r", ":a")
    assert os.listdir(board.root) == []


def test_errors_say_what_and_what_to_do(board: Board):
    (board.root / "full").mkdir()
    (board.root / "full/x").touch()
    for arguments, told in {
        ("cat", ":none"): ":none: no such file or directory",
        ("rm", ":full/none"): ":full/none: no such file or directory",
        ("rmdir", ":full"): ":full: the directory is not empty",
        ("cp", ":none", "x"): ":none: no such file or directory",
        ("tree", ":full/x"): "no directory",
    }.items():
        done = board.fs(*arguments)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert told in done.stderr
        assert "Traceback" not in done.stderr
    for arguments, told in {
        ("cp", "none", ":"): "none: No such file",
        ("cp", "a", "b"): "begins with a colon",
        ("cp", ":full", "."): "cp -r copies directories",
        ("sync", "none"): "no directory",
    }.items():
        done = board.fs(*arguments)
        assert done.returncode == 2, done
        assert told in done.stderr


def test_a_read_only_board_is_explained(tmp_path: Path):
    (tmp_path / "x").write_text("1")
    done = subprocess.run(
        [*DEVSESSION, "-b", "sim:circuitpython", "fs", "cp", str(tmp_path / "x"), ":x"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "read-only" in done.stderr
    assert "storage.remount" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_current_directory_is_called_so(tmp_path: Path):
    (tmp_path / "x").write_text("1")
    command = [*DEVSESSION, "-b", "sim:circuitpython", "fs", "sync", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "devsession: the current directory: the file system" in done.stderr) == (
        1,
        True,
    ), done


def test_copying_there_and_back(board: Board, local: Path):
    (local / "main.py").write_text("print(1)\n")
    (local / "src/deep").mkdir(parents=True)
    (local / "src/deep/a.py").write_text("A = 1\n")
    board.ok("cp", "main.py", ":")
    board.ok("cp", "main.py", ":other.py")
    board.ok("cp", "-r", "src", ":/app")
    board.ok("cp", "-r", "src", ":/app")
    tree = sorted(str(path.relative_to(board.root)) for path in board.root.rglob("*") if path.is_file())
    assert tree == ["app/deep/a.py", "app/src/deep/a.py", "main.py", "other.py"]
    board.ok("cp", ":main.py", ":app/")
    board.ok("cp", "-r", ":app/src", ":copy")
    assert (board.root / "app/main.py").read_text() == "print(1)\n"
    assert (board.root / "copy/deep/a.py").read_text() == "A = 1\n"
    assert board.fs("cp", "-r", ":app", ":app/inner").returncode == 2
    board.ok("cp", ":other.py", ".")
    board.ok("cp", "-r", ":app", "back")
    board.ok("cp", ":main.py", ":other.py", "back")
    assert (local / "back/deep/a.py").read_text() == "A = 1\n"
    assert (local / "back/other.py").read_text() == "print(1)\n"
    (local / "all").mkdir()
    board.ok("cp", "-r", ":/", "all")
    assert (local / "all/app/src/deep/a.py").exists()


def test_copies_that_would_not_be_where_they_are_meant(board: Board, local: Path):
    (board.root / "a").write_text("A")
    (board.root / "dir").mkdir()
    for folder in ("one", "two"):
        (local / folder).mkdir()
        (local / folder / "s").write_text(folder)
    for arguments, told in {
        ("cp", ":a", "new/"): "new/ is no directory",
        ("cp", "one/s", "two/s", ":"): "one/s and two/s have the same name",
        ("cp", ":a", ":dir/../a", "one"): "have the same name",
    }.items():
        done = board.fs(*arguments)
        assert (done.returncode, told in done.stderr) == (2, True), done
    assert sorted(os.listdir(board.root)) == ["a", "dir"]
    assert sorted(os.listdir(local)) == ["one", "two"]
    # Directories of one name become one; a new one may be named with a slash.
    (local / "two/more").mkdir()
    (local / "two/more/s").write_text("s")
    (local / "one/more").mkdir()
    (local / "one/more/t").write_text("t")
    board.ok("cp", "-r", "one/more", "two/more", ":")
    assert sorted(os.listdir(board.root / "more")) == ["s", "t"]
    board.ok("cp", "-r", ":more", "back/")
    assert sorted(os.listdir(local / "back")) == ["s", "t"]


def test_a_hint_is_of_the_command(board: Board):
    (board.root / "dir").mkdir()
    done = board.fs("cat", ":dir")
    assert (done.returncode, "it is a directory" in done.stderr, "try:" in done.stderr) == (1, True, False), (
        done
    )
    (board.root / "dir/x").touch()
    assert "rm -r" in board.fs("rmdir", ":dir").stderr


def test_progress_for_programs(board: Board, local: Path):
    (local / "large.bin").write_bytes(os.urandom(300_000))
    steps = [json.loads(line) for line in board.ok("cp", "--json", "large.bin", ":").splitlines()]
    assert steps[-1]["event"] == "done"
    assert steps[-1]["bytes"] == 300_000
    assert {step["event"] for step in steps[:-1]} == {"progress"}
    assert (steps[-2]["done"], steps[-2]["total"]) == (300_000, 300_000)
    steps = [json.loads(line) for line in board.ok("cp", "--json", ":large.bin", "back").splitlines()]
    assert steps[-1]["bytes"] == 300_000
    assert (local / "back").read_bytes() == (local / "large.bin").read_bytes()


def test_the_current_directory_is_what_is_synced(board: Board, local: Path):
    (board.root / "boot.py").write_text("import os\nos.chdir('/flash')\n")
    (board.root / "flash").mkdir()
    (local / "main.py").write_text("print(1)\n")
    board.ok("sync", ".")
    assert os.listdir(board.root / "flash") == ["main.py"]
    assert not (board.root / "main.py").exists()


def test_standard_input_is_a_source(board: Board):
    board.ok("cp", "/dev/stdin", ":x", input="piped\n")
    assert (board.root / "x").read_text() == "piped\n"


def test_standard_output_is_a_target(board: Board):
    (board.root / "x").write_text("piped\n" * 100_000)
    assert board.ok("cp", ":x", "/dev/stdout") == "piped\n" * 100_000


def test_one_interrupt_ends_waiting_for_a_pipe(board: Board, local: Path):
    os.mkfifo(local / "pipe")
    command = [*DEVSESSION, "-b", board.url, "fs", "cp", "--json", "pipe", ":x"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as copying:
        # It is open for reading as soon as this returns.
        writer = os.open(local / "pipe", os.O_WRONLY)
        copying.send_signal(signal.SIGINT)
        assert copying.wait(30) == 130
        assert copying.stderr is not None
        assert "Traceback" not in copying.stderr.read()
        os.close(writer)
    assert os.listdir(board.root) == []


def test_a_bar_on_a_terminal_only(board: Board, local: Path):
    (local / "large.bin").write_bytes(os.urandom(8_000_000))
    done = board.fs("cp", "large.bin", ":")
    assert (done.stdout, done.stderr) == ("", "")
    leader, follower = pty.openpty()
    shown = bytearray()

    def read() -> None:
        try:
            while piece := os.read(leader, 4096):
                shown.extend(piece)
        except OSError:
            pass

    reading = threading.Thread(target=read)
    reading.start()
    with open(follower, "wb", buffering=0) as terminal:
        board.ok("cp", "large.bin", ":again", capture_output=False, stdout=subprocess.PIPE, stderr=terminal)
    reading.join(10)
    os.close(leader)
    assert b"MB" in shown
    assert b"/again" in shown


def test_syncing(board: Board, local: Path):
    (local / "lib").mkdir()
    (local / "lib/a.py").write_text("A = 1\n")
    (local / "main.py").write_text("print(1)\n")
    (local / "__pycache__").mkdir()
    (board.root / "old.py").write_text("x")
    assert board.ok("sync", ".", "--delete", "--dry-run") == (
        "delete            old.py\n"
        "make              lib/\n"
        "send            6 lib/a.py\n"
        "send            9 main.py\n"
        "2 to send (15 bytes), 1 to delete, 0 unchanged, 0 only on the board, 1 ignored\n"
    )
    assert os.listdir(board.root) == ["old.py"]
    done = board.fs("sync", ".", ":/")
    assert "1 only on the board" in done.stdout
    assert "15 bytes in" in done.stderr
    plan = json.loads(board.ok("sync", ".", "--json", "--delete", "--exclude", "old.*").splitlines()[0])
    assert (plan["event"], plan["send"], plan["delete"], plan["unchanged"]) == (
        "plan",
        {},
        [],
        ["lib/a.py", "main.py"],
    )
    assert board.ok("sync", ".", "--delete").startswith("delete ")
    assert not (board.root / "old.py").exists()
    (local / "lib/a.py").unlink()
    (local / "lib").rmdir()
    board.ok("sync", ".", ":/", "--delete")
    assert os.listdir(board.root) == ["main.py"]


def test_editing(board: Board, local: Path, tmp_path: Path):
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "%s" "$1" | grep -q "main.py$" && echo "# edited" >> "$1"\n')
    editor.chmod(0o755)
    environment = {**os.environ, "EDITOR": str(editor), "VISUAL": ""}
    (board.root / "main.py").write_text("print(1)\n")
    done = board.fs("edit", ":main.py", env=environment)
    assert done.returncode == 0
    assert "18 bytes written" in done.stderr
    assert (board.root / "main.py").read_text() == "print(1)\n# edited\n"
    assert "not changed" in board.fs("edit", "main.py", env={**environment, "EDITOR": "true"}).stderr
    done = board.fs("edit", "main.py", env={**environment, "EDITOR": "false"})
    assert (done.returncode, "exit code 1" in done.stderr) == (2, True)
    done = board.fs("edit", "main.py", env={**environment, "EDITOR": "/none/editor"})
    assert (done.returncode, "set EDITOR" in done.stderr) == (2, True)
    # What cannot be put back is not lost.
    done = board.fs("edit", ":none/main.py", env={**environment, "TMPDIR": str(tmp_path)})
    assert done.returncode == 1
    [kept] = [path for path in tmp_path.glob("devsession-edit-*") if str(path) in done.stderr]
    assert kept.read_text() == "# edited\n"


def test_names_of_a_board_are_data(board: Board):
    (board.root / "a\x1b[31mred\nline").write_text("x")
    assert board.ok("ls") == "         1 ared\\nline\n"
    assert "\x1b" not in board.ok("tree")


# Packages


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """An index of packages on the loopback, as micropython.org has it: `fine` needs `needed`, `evil` wants out."""
    pages = tmp_path / "index"
    contents = {"fine": b"import needed\n", "needed": b"N = 42\n"}
    hashes = {name: hashlib.sha256(data).hexdigest()[:8] for name, data in contents.items()}
    for name, data in contents.items():
        file = pages / "file" / hashes[name][:2] / hashes[name]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    packages = {
        "fine": {"hashes": [["fine/__init__.py", hashes["fine"]]], "deps": [["needed", "latest"]]},
        "needed": {"hashes": [["needed.py", hashes["needed"]]]},
        "evil": {"hashes": [["../../main.py", hashes["needed"]]]},
        "broken": [],
    }
    for kind in ("6", "py"):
        for name, package in packages.items():
            page = pages / f"package/{kind}/{name}/latest.json"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(json.dumps(package))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments, directory=str(pages))

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_installing_a_package(board: Board, index: str):
    def install(*arguments: str) -> subprocess.CompletedProcess[str]:
        return board.run("mip", "install", "--index", index, "--target", "/lib", *arguments)

    done = install("fine")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "Installing: /lib/fine/__init__.py" in done.stderr
    assert (board.root / "lib/needed.py").read_text() == "N = 42\n"
    assert (board.root / "lib/fine/__init__.py").read_text() == "import needed\n"
    assert "Exists: /lib/needed.py" in install("--no-mpy", "needed").stderr
    done = install("none")
    assert (done.returncode, "Package not found" in done.stderr) == (2, True)
    done = install("evil")
    assert (done.returncode, "the package wants to write to" in done.stderr) == (2, True)
    assert (done.stderr.count("during mip"), "cannot be installed" in done.stderr) == (1, False)
    done = install("broken")
    assert (done.returncode, "cannot be installed" in done.stderr) == (2, True)
    assert sorted(os.listdir(board.root)) == ["lib"]


def test_help_teaches():
    for arguments in (["fs"], ["fs", "cp"], ["fs", "sync"], ["mip"]):
        told = subprocess.run(
            [*DEVSESSION, *arguments, "--help"], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        assert f"devsession {' '.join(arguments)}" in told
