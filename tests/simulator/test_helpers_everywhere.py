"""What is sent to boards from firmware_helpers: each file compiles and runs on every kind of board, and keeps to its budget."""

import asyncio
import hashlib
import importlib.resources
import zlib

import pytest

from devsession import DeviceError, connect, probe
from devsession.board.messages import Question
from devsession.methods.method import Method
from devsession.protocol.source import MAIN, compact
from devsession.session.events import Events
from devsession.session.probe import programs
from firmware_helpers.batches import batch_of
from firmware_helpers.threads import begin_thread
from firmware_helpers.tree import tree_of

FIRMWARE = {
    "sim:": "micropython",
    "sim:microbit": "micropython",
    "sim:mps2": "micropython",
    "sim:circuitpython": "circuitpython",
}
EVERYWHERE = pytest.mark.parametrize("url", FIRMWARE)
# By file, in bytes as sent: what costs turns, time on slow lines, and heap on the smallest board.
BUDGETS = {
    "ask.py": 330,
    "batches.py": 560,
    "emit.py": 350,
    "execute.py": 2000,
    "get.py": 500,
    "mount.py": 5000,
    "probe.py": 1400,
    "put.py": 1350,
    "threads.py": 450,
    "tree.py": 950,
}
# More than a program takes that asks for a line.
PATIENCE = 10.0
# What runs in the simulator only.
SIMULATORS = ("sim_", "unix_repl.py", "circuitpython_repl.py", "machine.py", "__init__.py")
# A longer line is more than the smallest board's compiler should meet at once.
LONGEST_LINE = 120

pytestmark = pytest.mark.usefixtures("emulators")


def source(name: str) -> str:
    return importlib.resources.files("firmware_helpers").joinpath(name).read_text("utf-8")


def as_sent(name: str) -> str:
    if name == "probe.py":
        return "".join(programs())
    methods = {"batches.py": batch_of, "threads.py": begin_thread, "tree.py": tree_of}
    return Method.of(methods[name]).text if name in methods else compact(source(name))


def test_every_file_that_is_sent_has_a_budget_and_keeps_to_it(capsys: pytest.CaptureFixture[str]):
    folder = importlib.resources.files("firmware_helpers")
    sent = {
        file.name
        for file in folder.iterdir()
        if file.name.endswith(".py") and not file.name.startswith(SIMULATORS)
    }
    assert sent == set(BUDGETS)
    sizes = {name: len(as_sent(name)) for name in BUDGETS}
    with capsys.disabled():
        print("\n  helpers as sent:", ", ".join(f"{name} {size}" for name, size in sizes.items()))
    for name, size in sizes.items():
        # A budget that is far from what it limits limits nothing.
        assert 0.8 * BUDGETS[name] < size <= BUDGETS[name], name
        assert max(map(len, as_sent(name).split("\n"))) <= LONGEST_LINE, name
        assert source(name).isascii()


@EVERYWHERE
async def test_execute(url: str):
    async with connect(url) as board:
        assert (await board.exec("x = 5\nprint(x)")).output == "5\n"
        for literal in ("None", "True", "-7", "'a\\n'", "b'\\x00\\xff'", "[1, (2,)]", "{'k': 0}"):
            assert await board.eval(literal) == eval(literal)
        assert await board.eval("0.5") == 0.5
        with pytest.raises(DeviceError, match="ZeroDivisionError"):
            await board.exec("x / 0")
        assert (await board.run("raise SystemExit(3)")).exit_code == 3
        assert await board.eval("x") == 5


@EVERYWHERE
async def test_emit(url: str):
    async with connect(url) as board, Events(board, MAIN, 10) as events:
        await board.exec("devsession_helper.emit('x')")
        assert (await anext(events)).value == "x"


@EVERYWHERE
async def test_ask(url: str):
    async with connect(url) as board:
        asked: asyncio.Queue[Question] = asyncio.Queue()
        board.messages.answer(MAIN, asked.put_nowait)
        running = board.start("print('hello', input('name? '))")
        async with asyncio.timeout(PATIENCE):
            question = await asked.get()
            assert question.prompt == "name? "
            running.write(b"Anna" + question.line_end)
            output = (await running.result()).output
        assert output == ("name? Anna\n" if question.echoes else "name? ") + "hello Anna\n"
        assert await board.eval("6 * 7") == 42


@EVERYWHERE
async def test_probe(url: str):
    async with connect(url) as board:
        # What ran before may have taken the room: that is no reason not to know the board.
        await board.exec("")
        capabilities = await probe(board)
        assert capabilities.implementation == FIRMWARE[url]
        assert list(capabilities.version) == list(await board.eval("__import__('sys').implementation[1][:3]"))


@EVERYWHERE
async def test_batches(url: str):
    async with connect(url) as board:
        await board.exec(as_sent("batches.py"))
        await board.exec("def g():\n  for n in range(5): yield n\n  raise OSError(5)\nheld = {1: g()}")
        assert await board.eval("batch_of(held, 1, 3, 1000)") == ([0, 1, 2], False)
        # First what came before the exception, then that.
        assert await board.eval("batch_of(held, 1, 9, 1000)") == ([3, 4], False)
        with pytest.raises(DeviceError, match="OSError"):
            await board.eval("batch_of(held, 1, 9, 1000)")
        assert await board.eval("batch_of(held, 1, 9, 1000)") is False
        assert await board.eval("batch_of(held, 2, 2, 1000, 'k', lambda f: f())") is False
        await board.exec("held['k'] = g")
        assert await board.eval("batch_of(held, 2, 2, 1000, 'k', lambda f: f())") == ([0, 1], False)
        assert await board.eval("batch_of(held, 2, 0, 1000)") is False
        assert await board.eval("sorted(map(str, held))") == ["k"]


@EVERYWHERE
async def test_threads(url: str):
    async with connect(url) as board:
        await board.exec(as_sent("threads.py"))
        await board.exec("held = {'k': lambda stop, n: seen.append((n, stop()))}\nseen = []")
        if url == "sim:":
            assert await board.eval("begin_thread(held, 1, 'none', ())") is False
            assert await board.eval("begin_thread(held, 1, 'k', (4,))") is True
            await board.exec("while held[1][1]: pass")
            assert await board.eval("seen, held[1][2]") == ([(4, False)], None)
        else:
            with pytest.raises(DeviceError, match="_thread"):
                await board.eval("begin_thread(held, 1, 'k', (4,))")
            assert await board.eval("len(held)") == 1


@EVERYWHERE
async def test_tree(url: str):
    async with connect(url) as board:
        await board.exec(as_sent("tree.py"))
        if url == "sim:microbit":
            # It has no directories, so it is not asked like this; but it has room for it when nothing else is there.
            with pytest.raises(DeviceError, match="AttributeError"):
                await board.eval("tree_of('', 0, (), 8, True, 8)")
            return
        root = "/boot_out.txt" if url == "sim:circuitpython" else "/hello.txt"
        if url != "sim:circuitpython":
            await board.exec("f = open('/hello.txt', 'wb')\nf.write(b'hello')\nf.close()")
        data = await board.eval(f"open({root!r}, 'rb').read()")
        flat, is_more = await board.eval(f"tree_of('', 0, ({len(data)},), 8, True, 8)")
        found = {path: (size, digest) for path, size, digest in zip(*[iter(flat)] * 3, strict=True)}
        assert found[""] == (-1, None)
        # CircuitPython's hashlib has no name for sha256.
        has_sha256 = FIRMWARE[url] == "micropython"
        digest = hashlib.sha256(data).digest() if has_sha256 else zlib.crc32(data)
        assert found[root] == (len(data), digest[:8] if isinstance(digest, bytes) else digest)
        assert not is_more
        # What came before is left out; a file alone has its whole digest.
        assert await board.eval(f"tree_of('', {len(flat) // 3}, (), 8, True, 8)") == ([], False)
        assert await board.eval(f"tree_of({root!r}, 0, (), 32, True, 8)") == (["", len(data), digest], False)
        # Where there is no sha256.
        await board.exec("import sys\nsys.modules['hashlib'] = None")
        [_, _, crc], _ = await board.eval(f"tree_of({root!r}, 0, (), 32, True, 8)")
        assert crc == zlib.crc32(data)
