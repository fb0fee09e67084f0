"""A directory of this side, seen by programs on a board."""

import hashlib
import os
import random
from pathlib import Path

import pytest

from devsession import CapabilityError, DeviceError, DeviceSession, DeviceSessionManager, Mount, UsageError
from devsession.session.files.mount_service import OPEN_MOST

TEXT = "first\nzweite Zeile: äöü€\n\nlast without an end"
BINARY = random.Random(6).randbytes(50_000)


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    folder = tmp_path / "shown"
    (folder / "package").mkdir(parents=True)
    (folder / "text.txt").write_text(TEXT, "utf-8", newline="")
    (folder / "data.bin").write_bytes(BINARY)
    (folder / "empty").touch()
    (folder / "single.py").write_text("answer = 42\n")
    (folder / "package" / "__init__.py").write_text("from .inner import value\n")
    (folder / "package" / "inner.py").write_text("value = 'deep'\n")
    return folder


@pytest.fixture
async def session(manager: DeviceSessionManager) -> DeviceSession:
    return manager.create_session()


@pytest.fixture
async def mount(session: DeviceSession, shown: Path) -> Mount:
    return await session.mount(shown, writable=True)


async def errno_of(session: DeviceSession, program: str) -> int | None:
    with pytest.raises(DeviceError) as caught:
        await session.exec(program)
    assert caught.value.kind == "OSError"
    return caught.value.errno


# Reading


@pytest.mark.usefixtures("mount")
async def test_what_is_there_is_listed(session: DeviceSession):
    listed = await session.eval("sorted(__import__('os').ilistdir('/remote'))")
    assert [(name, kind, size) for name, kind, _, size in listed] == [
        ("data.bin", 0x8000, 50_000),
        ("empty", 0x8000, 0),
        ("package", 0x4000, 0),
        ("single.py", 0x8000, 12),
        ("text.txt", 0x8000, len(TEXT.encode())),
    ]
    assert await session.eval("sorted(__import__('os').listdir('/remote/package/'))") == [
        "__init__.py",
        "inner.py",
    ]
    assert await errno_of(session, "__import__('os').listdir('/remote/none')") == 2
    assert await errno_of(session, "__import__('os').listdir('/remote/empty')") == 20


async def test_a_long_listing_comes_in_pages(session: DeviceSession, shown: Path, mount: Mount):
    names = sorted(f"file {number} with a name of some length ä.txt" for number in range(900))
    for name in names:
        (shown / "package" / name).touch()
    found = await session.eval("sorted(__import__('os').listdir('/remote/package'))")
    assert found == sorted([*names, "__init__.py", "inner.py"])


@pytest.mark.usefixtures("mount")
async def test_stat_tells_what_this_side_knows(session: DeviceSession, shown: Path):
    modified = int((shown / "data.bin").stat().st_mtime)
    found = await session.eval("__import__('os').stat('/remote/data.bin')")
    assert found == (0x8000, 0, 0, 0, 0, 0, 50_000, modified, modified, modified)
    assert (await session.eval("__import__('os').stat('/remote')"))[0] == 0x4000
    block, _, total, free, *_ = await session.eval("__import__('os').statvfs('/remote')")
    assert 0 < free <= total
    assert block == 4096


@pytest.mark.usefixtures("mount")
async def test_the_whole_of_a_file(session: DeviceSession):
    assert await session.eval("open('/remote/text.txt').read()") == TEXT
    assert await session.eval("open('/remote/text.txt','rb').read()") == TEXT.encode()
    assert await session.eval("open('/remote/empty').read()") == ""
    digest = "__import__('hashlib').sha256(open('/remote/data.bin','rb').read()).digest()"
    assert await session.eval(digest) == hashlib.sha256(BINARY).digest()


@pytest.mark.usefixtures("mount")
async def test_lines(session: DeviceSession):
    assert await session.eval("list(open('/remote/text.txt'))") == TEXT.splitlines(keepends=True)
    assert await session.eval("open('/remote/text.txt').readlines()") == TEXT.splitlines(keepends=True)
    assert await session.eval("open('/remote/text.txt','rb').readline()") == b"first\n"
    assert await session.eval("open('/remote/text.txt').readline(3)") == "fir"


@pytest.mark.parametrize("name", ["text.txt", "data.bin"])
@pytest.mark.usefixtures("mount")
async def test_any_way_of_reading_is_that_of_python(session: DeviceSession, shown: Path, name: str):
    """Every result is compared with that of Python on the same file."""
    rng = random.Random(7)
    size = (shown / name).stat().st_size
    steps = []
    for _ in range(150):
        match rng.randrange(5):
            case 0:
                steps.append(f"f.read({rng.choice([0, 1, 7, 300, 20_000])})")
            case 1:
                steps.append("f.readline()")
            case 2:
                steps.append(f"f.seek({rng.randrange(size + 10)})")
            case 3:
                steps.append(f"f.seek({-rng.randrange(size)}, 2)")
            case _:
                steps.append("f.tell()")
    steps.append("f.read()")
    program = "def go(path, check):\n f = open(path, 'rb')\n o = []\n"
    program += "".join(f" o.append({step})\n" for step in steps)
    program += " f.close()\n return [check(each) if isinstance(each, bytes) else each for each in o]\n"
    check = "lambda data: (len(data), sum(data))"
    here: dict[str, object] = {}
    exec(program, here)
    await session.exec(program)
    wanted = eval(f"go({str(shown / name)!r}, {check})", here)
    assert await session.eval(f"go('/remote/{name}', {check})") == wanted


async def test_characters_stay_whole(session: DeviceSession, shown: Path, mount: Mount):
    text = "aä€😀" * 2500
    (shown / "wide.txt").write_text(text, "utf-8")
    await session.exec(
        "f = open('/remote/wide.txt')\nh = __import__('hashlib').sha256()\nn = 0\nwhile 1:\n n = n % 5 + 1\n d = f.read(n)\n"
        " assert len(d) == n or not f.read(1)\n h.update(d.encode())\n if len(d) < n: break\n"
    )
    assert await session.eval("h.digest()") == hashlib.sha256(text.encode()).digest()


@pytest.mark.usefixtures("mount")
async def test_readinto(session: DeviceSession):
    await session.exec("b = bytearray(9)\nf = open('/remote/text.txt', 'rb')\nn = f.readinto(b)")
    assert await session.eval("(n, b)") == (9, bytearray(TEXT.encode()[:9]))


async def test_a_file_that_grows_is_read_on(session: DeviceSession, shown: Path, mount: Mount):
    await session.exec("f = open('/remote/data.bin', 'rb')\nn = len(f.read())")
    with (shown / "data.bin").open("ab") as more:
        more.write(b"more")
    assert await session.eval("n, f.read(), f.read()") == (50_000, b"more", b"")


# Importing


@pytest.mark.usefixtures("mount")
async def test_modules_and_packages_are_imported(session: DeviceSession):
    await session.exec("import single, package")
    assert await session.eval("(single.answer, package.value)") == (42, "deep")
    with pytest.raises(DeviceError, match="ImportError"):
        await session.exec("import none_of_that_name")


async def test_an_exception_in_a_module_names_its_file(session: DeviceSession, shown: Path, mount: Mount):
    (shown / "broken.py").write_text("x = 1\n1 / 0\n")
    with pytest.raises(DeviceError, match="ZeroDivisionError") as caught:
        await session.exec("import broken")
    assert caught.value.frames[-1].file.endswith("broken.py")
    assert caught.value.frames[-1].line == 2


@pytest.mark.usefixtures("mount")
async def test_frames_are_the_programs_own(session: DeviceSession):
    with pytest.raises(DeviceError) as caught:
        await session.exec("def f():\n open('/remote/none')\nf()")
    assert [frame.function for frame in caught.value.frames] == ["<module>", "f"]


# Changing


async def test_what_is_written_is_there(session: DeviceSession, shown: Path, mount: Mount):
    await session.exec(
        "with open('/remote/new.txt', 'w') as f:\n n = f.write('grün\\n')\n print('more', file=f)\n p = f.tell()\n"
        "open('/remote/big.bin', 'wb').write(bytes(range(256)) * 200)\n"
        "with open('/remote/new.txt', 'a') as f: f.write('end')"
    )
    assert (shown / "new.txt").read_text("utf-8") == "grün\nmore\nend"
    assert (shown / "big.bin").read_bytes() == bytes(range(256)) * 200
    assert await session.eval("(n, p)") == (5, 11)
    assert await errno_of(session, "open('/remote/new.txt', 'x')") == 17


async def test_reading_and_writing_one_file(session: DeviceSession, shown: Path, mount: Mount):
    await session.exec(
        "with open('/remote/data.bin', 'r+b') as f:\n a = f.read(4)\n f.write(b'HERE')\n b = f.read(4)\n"
        " f.seek(2)\n c = f.read(8)"
    )
    assert await session.eval("(a, b, c)") == (BINARY[:4], BINARY[8:12], BINARY[2:4] + b"HERE" + BINARY[8:10])
    assert (shown / "data.bin").read_bytes() == BINARY[:4] + b"HERE" + BINARY[8:]


async def test_names_are_changed(session: DeviceSession, shown: Path, mount: Mount):
    await session.exec(
        "import os\nos.mkdir('/remote/made')\nos.rename('/remote/empty', '/remote/made/e')\nos.remove('/remote/single.py')"
    )
    assert (shown / "made" / "e").exists()
    assert not (shown / "single.py").exists()
    assert await errno_of(session, "os.rmdir('/remote/made')") == 39
    assert await errno_of(session, "os.mkdir('/remote/made')") == 17
    await session.exec("os.remove('/remote/made/e')\nos.rmdir('/remote/made')")
    assert not (shown / "made").exists()


@pytest.mark.usefixtures("mount")
async def test_the_current_directory(session: DeviceSession, shown: Path):
    await session.exec(
        "import os\nos.chdir('/remote/package')\nopen('here', 'w').write('x')\nos.rename('here', 'there')"
    )
    assert (shown / "package" / "there").read_text() == "x"
    assert await session.eval("(os.getcwd(), sorted(os.listdir()))") == (
        "/remote/package",
        ["__init__.py", "inner.py", "there"],
    )
    await session.exec("os.chdir('..')")
    assert await session.eval("(os.getcwd(), open('single.py').readline())") == ("/remote", "answer = 42\n")
    assert await errno_of(session, "os.chdir('text.txt')") == 20


async def test_nothing_is_changed_unless_asked_for(session: DeviceSession, shown: Path):
    mount = await session.mount(shown)
    assert not mount.writable
    before = {path: path.read_bytes() for path in shown.rglob("*") if path.is_file()}
    await session.exec("import os")
    for program in (
        *(
            f"open('/remote/{name}', {mode!r})"
            for name in ("empty", "new")
            for mode in ("w", "a", "r+", "x", "wb+")
        ),
        "os.remove('/remote/empty')",
        "os.mkdir('/remote/new')",
        "os.rmdir('/remote/package')",
        "os.rename('/remote/empty', '/remote/new')",
    ):
        assert await errno_of(session, program) == 30, program
    assert (await session.eval("os.statvfs('/remote')"))[3] == 0
    assert {path: path.read_bytes() for path in shown.rglob("*") if path.is_file()} == before


async def test_what_could_not_be_written_is_told_when_the_file_is_closed(
    session: DeviceSession, mount: Mount, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> bytes:
        raise OSError(28, "no space")

    monkeypatch.setitem(mount._service._verbs, "w", full)
    await session.exec("f = open('/remote/new', 'w')\nn = f.write('lost')")
    assert await errno_of(session, "f.flush()") == 28
    await session.exec("f.write('lost')")
    assert await errno_of(session, "f.close()") == 28


@pytest.mark.usefixtures("mount")
async def test_closed_and_wrongly_used_files(session: DeviceSession):
    await session.exec("f = open('/remote/text.txt')")
    assert await errno_of(session, "f.write('x')") == 9
    await session.exec("f.close()\nf.close()")
    assert await errno_of(session, "f.read()") == 9
    assert await errno_of(session, "f.seek(-1)") == 22
    assert await errno_of(session, "open('/remote/text.txt', 'q')") == 22
    assert await errno_of(session, "open('/remote/package')") == 21


@pytest.mark.usefixtures("mount")
async def test_files_that_nobody_closes_do_not_run_out(session: DeviceSession):
    program = f"for n in range({3 * OPEN_MOST}): open('/remote/data.bin', 'rb').read(1)\nf = open('/remote/data.bin', 'rb')"
    await session.exec(program)
    assert await session.eval("len(f.read())") == 50_000


# Its life


async def test_it_goes_with_the_session(manager: DeviceSessionManager, shown: Path):
    before = await manager.board.eval("(__import__('os').listdir('/'), __import__('sys').path[:])")
    helper = await manager.board.eval("sorted(_devsession_h['h'])")
    async with manager.session() as session:
        mount = await session.mount(str(shown), "/elsewhere")
        assert repr(mount) == f"<Mount of {shown} at /elsewhere>"
        assert await session.eval("len(__import__('os').listdir('/elsewhere'))") == 5
        await session.exec("__import__('os').chdir('/elsewhere')\nf = open('data.bin')")
    assert await manager.board.eval("(__import__('os').listdir('/'), __import__('sys').path[:])") == before
    assert await manager.board.eval("sorted(_devsession_h['h'])") == helper
    assert await manager.board.eval("__import__('os').getcwd()") == "/"
    assert not mount._service._files


async def test_it_is_released_before_that(session: DeviceSession, mount: Mount, shown: Path):
    with pytest.raises(UsageError, match="another directory"):
        await session.mount(shown)
    other = await session.mount(shown / "package", "/other")
    await mount.release()
    await mount.release()
    assert await errno_of(session, "open('/remote/text.txt')") == 2
    assert await session.eval("__import__('os').listdir('/other')") == ["__init__.py", "inner.py"]
    await other.release()
    await (await session.mount(shown)).release()


async def test_all_sessions_see_it(manager: DeviceSessionManager, session: DeviceSession, mount: Mount):
    async with manager.session() as other:
        assert await other.eval("open('/remote/text.txt').readline()") == "first\n"


async def test_a_reset_ends_it(session: DeviceSession, mount: Mount, shown: Path):
    await session.exec("f = open('/remote/data.bin')")
    await session.board.soft_reset()
    assert await errno_of(session, "open('/remote/text.txt').readline()") == 2
    again = await session.mount(shown)
    await mount.release()
    assert await session.eval("open('/remote/text.txt').readline()") == "first\n"
    await again.release()


async def test_what_a_program_unmounted_itself_is_released(session: DeviceSession, mount: Mount):
    await session.exec("__import__('os').umount('/remote')")
    await mount.release()


async def test_files_of_the_session_may_be_in_it(session: DeviceSession, shown: Path, mount: Mount):
    files = session.files
    await files.write_bytes("/remote/from_host.bin", BINARY[:9000])
    assert (shown / "from_host.bin").read_bytes() == BINARY[:9000]
    assert await files.read_bytes("/remote/data.bin") == BINARY
    assert await files.exists("/remote/empty")
    (shown / "empty").unlink()
    assert not await files.exists("/remote/empty")
    (shown / "back").mkdir()
    report = await files.sync(shown / "package", "/remote/back")
    assert report
    assert (shown / "back" / "inner.py").read_bytes() == (shown / "package" / "inner.py").read_bytes()


async def test_wrong_use(session: DeviceSession, tmp_path: Path):
    (tmp_path / "file").touch()
    for local in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(UsageError, match="cannot be shown"):
            await session.mount(local)
    for remote in ("/", "remote", "/a/b", "/..", "/a\0"):
        with pytest.raises(UsageError):
            await session.mount(tmp_path, remote)
    assert session.resources == ()


@pytest.mark.parametrize("url", ["sim:circuitpython", "sim:microbit"])
@pytest.mark.usefixtures("emulators")
async def test_boards_that_cannot_say_so(url: str, tmp_path: Path):
    async with DeviceSessionManager.open(url) as manager, manager.session() as session:
        with pytest.raises(CapabilityError, match=r"file systems written in Python|free heap"):
            await session.mount(tmp_path)
        assert session.resources == ()


# What it costs


async def test_turns(metered, shown: Path, capsys: pytest.CaptureFixture[str]):
    (shown / "block.bin").write_bytes(BINARY[:32768])
    (shown / "small.py").write_text("x = 1\n" * 200)
    rows = {}

    async def measure(what: str, program: str) -> None:
        metered.turns()
        await metered.session.exec(program)
        rows[what] = metered.turns()

    mount = await metered.session.mount(shown, writable=True)
    rows["mount"] = metered.turns()
    await measure("import of a small module", "import small")
    await measure("read of 32 KiB", "n = len(open('/remote/block.bin', 'rb').read())")
    await measure("32 KiB in lines", "for line in open('/remote/block.bin', 'rb'): pass")
    await measure("write of 32 KiB", "with open('/remote/new', 'wb') as f: f.write(bytes(32768))")
    await measure("listing", "__import__('os').listdir('/remote')")
    await mount.release()
    rows["release"] = metered.turns()
    with capsys.disabled():
        print("\n  turns on a mount:", ", ".join(f"{what} {turns}" for what, turns in rows.items()))
    # Of each program one turn is its own.
    assert rows["import of a small module"] <= 1 + 4
    assert rows["read of 32 KiB"] <= 1 + 3
    assert rows["32 KiB in lines"] <= 1 + 3
    assert rows["write of 32 KiB"] <= 1 + 2
    assert rows["listing"] <= 1 + 2


async def test_files_go_to_the_board_while_something_is_mounted(session: DeviceSession, tmp_path: Path):
    await session.mount(tmp_path)
    for data in (b"again and again " * 5000, os.urandom(50_000)):
        await session.files.write_bytes("/beside", data)
        session.files.invalidate()
        assert await session.files.read_bytes("/beside") == data
