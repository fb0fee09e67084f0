"""The board's ``/`` is one directory of the host: all of it, and nothing beside it."""

from pathlib import Path

import pytest
from console import Console

VERBS = """
import os
os.mkdir('/d'); os.mkdir('d/e')
with open('/d/a.txt', 'w') as f: f.write('hello')
with open('d/b.bin', 'wb') as f: f.write(bytes(range(256)))
assert open('/d/a.txt').read() == 'hello'
assert open('/d/b.bin', 'rb').read() == bytes(range(256))
with open('/d/a.txt', 'a') as f: f.write('!')
assert os.stat('/d/a.txt')[6] == 6 and os.stat('/d')[0] == 0x4000 and os.stat('/d/a.txt')[0] == 0x8000
assert sorted(os.listdir('/d')) == ['a.txt', 'b.bin', 'e']
assert sorted(os.ilistdir('d')) == [('a.txt', 0x8000, 0, 6), ('b.bin', 0x8000, 0, 256), ('e', 0x4000, 0, 0)]
os.chdir('/d'); assert os.getcwd() == '/d' and open('a.txt').read() == 'hello!'
os.chdir('e'); assert os.getcwd() == '/d/e' and 'a.txt' in os.listdir('..')
os.chdir('/'); os.rename('/d/a.txt', 'c.txt'); assert 'c.txt' in os.listdir()
os.remove('c.txt'); os.remove('/d/b.bin'); os.rmdir('/d/e'); os.rmdir('d')
assert os.listdir() == [] and os.statvfs('/')[0] > 0
"""
ESCAPES = [
    "/..",
    "..",
    "/../",
    "/d/../../outside/secret",
    "../outside/secret",
    "/./../../outside/secret",
    "//../outside/secret",
]


@pytest.fixture
async def board(opened, tmp_path: Path) -> Console:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("untouched")
    console = await opened(f"sim:?root={tmp_path / 'root'}")
    await console.until(b">>> ")
    await console.enter_raw()
    return console


def outside(tmp_path: Path) -> dict[str, str]:
    return {
        str(path.relative_to(tmp_path)): path.read_text() if path.is_file() else "directory"
        for path in tmp_path.rglob("*")
        if not path.is_relative_to(tmp_path / "root")
    }


async def test_every_verb_works(board: Console, tmp_path: Path):
    assert await board.run(VERBS) == ("", "")
    await board.run("open('/kept', 'w').write('x')")
    assert (tmp_path / "root" / "kept").read_text() == "x"


@pytest.mark.parametrize("path", ESCAPES)
async def test_no_path_leads_out(board: Console, tmp_path: Path, path: str):
    before = outside(tmp_path)
    code = f"import os\np = {path!r}\n" + "".join(
        f"try: {verb}\nexcept OSError: pass\n"
        for verb in (
            "open(p, 'w').write('x')",
            "os.remove(p)",
            "os.mkdir(p)",
            "os.rmdir(p)",
            "os.rename(p, '/stolen')",
            "os.chdir(p)",
        )
    )
    assert (await board.run(code))[1] == ""
    assert await board.value("'secret' in os.listdir('/') or 'secret' in os.listdir('..')") == "False"
    assert outside(tmp_path) == before


async def test_no_link_leads_out(board: Console, tmp_path: Path):
    root = tmp_path / "root"
    (root / "way").symlink_to(tmp_path / "outside")
    (root / "file").symlink_to(tmp_path / "outside" / "secret")
    (root / "dangling").symlink_to(tmp_path / "outside" / "new")
    (root / "inside").mkdir()
    (root / "inside" / "own").write_text("mine")
    (root / "fine").symlink_to(root / "inside")
    before = outside(tmp_path)
    for attempt in (
        "open('/file').read()",
        "open('/file', 'w')",
        "open('/dangling', 'w')",
        "os.listdir('/way')",
        "os.chdir('/way')",
        "open('/way/secret').read()",
        "os.remove('/way/secret')",
        "os.rename('/way/secret', '/x')",
        "os.mkdir('/way/x')",
    ):
        _, error = await board.run(f"import os\n{attempt}")
        assert "OSError" in error, attempt
    assert await board.value("open('/fine/own').read()") == "'mine'"
    assert (
        await board.value("sorted(e[0] for e in os.ilistdir('/') if e[1] == 0x4000)") == "['fine', 'inside']"
    )
    assert outside(tmp_path) == before


async def test_recursive_removal_of_everything_stays_inside(board: Console, tmp_path: Path):
    root = tmp_path / "root"
    (root / "way").symlink_to(tmp_path / "outside")
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "file").write_text("x")
    before = outside(tmp_path)
    code = """
import os
def clear(path):
    for name, kind, *_ in os.ilistdir(path):
        if kind == 0x4000: clear(path + name + '/')
        else: os.remove(path + name)
    try: os.rmdir(path)
    except OSError: print(path)
clear('/')
"""
    assert await board.run(code) == ("/\n", "")
    assert root.is_dir()
    assert list(root.iterdir()) == []
    assert outside(tmp_path) == before


async def test_imports_come_from_the_root_and_from_lib(board: Console, tmp_path: Path):
    root = tmp_path / "root"
    (root / "lib" / "package").mkdir(parents=True)
    (root / "lib" / "package" / "__init__.py").write_text("from .part import value\n")
    (root / "lib" / "package" / "part.py").write_text("value = 7\n")
    (root / "mine.py").write_text("value = 8\ndef fail():\n    1/0\n")
    assert await board.run("import mine, package, asyncio\nprint(mine.value, package.value)") == ("8 7\n", "")
    _, error = await board.run("mine.fail()")
    assert 'File "mine.py", line 3, in fail\r\n' in error


async def test_files_live_through_resets_and_a_private_directory_goes_at_the_end(opened, tmp_path: Path):
    console = await opened()
    await console.until(b">>> ")
    await console.enter_raw()
    await console.run("open('/kept', 'w').write('x')")
    place = console.link._instance._scratch.path
    await console.say(b"\x04", b"B to exit\r\n>")
    assert await console.value("open('/kept').read()") == "'x'"
    assert (place / "kept").is_file()
    await console.link.close()
    assert not place.exists()


async def test_pasting_works_while_another_file_system_is_current(raw: Console):
    code = (
        "import os\nclass Device:\n def __init__(s): s.data = bytearray(64 * 512)\n"
        " def readblocks(s, n, b, o=0): b[:] = s.data[n * 512 + o : n * 512 + o + len(b)]\n"
        " def writeblocks(s, n, b, o=0): s.data[n * 512 + o : n * 512 + o + len(b)] = b\n"
        " def ioctl(s, op, arg): return {4: 64, 5: 512, 6: 0}.get(op)\n"
        "d = Device(); os.VfsLfs2.mkfs(d); os.mount(os.VfsLfs2(d), '/ram'); os.chdir('/ram')\n"
    )
    assert await raw.run(code) == ("", "")
    assert (await raw.say(b"\x05A\x01print(3)\x04", b"\x04\x04>")).endswith(b"\x043\n\x04\x04>")
    await raw.run("os.chdir('/'); os.umount('/ram'); os.umount('/')")
    assert (await raw.say(b"\x05A\x01print(3)\x04", b"\x04\x04>")).endswith(b"\x043\n\x04\x04>")
