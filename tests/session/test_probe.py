"""What a board can do, asked in one exec: equal to what the interpreter says one by one, and nothing stays behind."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from devsession import Board, DeadlineError, DeviceCapabilities, DeviceError, probe
from devsession.links import link
from devsession.session.manager import DeviceSessionManager
from devsession.session.probe import LITTLE_HEAP, both_programs, facts_program, fingerprint_program, programs
from devsession.session.questions import questions_for
from devsession.transport.metering import MeteredTransport


@pytest.fixture(params=["sim:", "sim:?heap=96k"])
async def board(request) -> AsyncIterator[Board]:
    async with Board(link(request.param)) as attached:
        yield attached


async def says(board: Board, expression: str, missing: Any = None) -> Any:
    """Return what the interpreter says, ``missing`` where it says that it cannot."""
    try:
        return await board.eval(expression)
    except DeviceError:
        return missing


# A field, and the question to which it is the answer.
ASKED = {
    "implementation": "__import__('sys').implementation[0]",
    "sys_version": "__import__('sys').version",
    "platform": "__import__('sys').platform",
    "machine": "__import__('sys').implementation._machine",
    "build": "__import__('sys').implementation._build",
    "frequency": "__import__('machine').freq()",
    "binary_stdio": "hasattr(__import__('sys').stdout, 'buffer')",
    "epoch_year": "__import__('time').gmtime(0)[0]",
}
_HELD = "len(__import__('struct').pack('P', 0)) * 8"
FEATURES = {
    "float": "1 / 2 == 0.5",
    "double": "1.0 + 1e-10 != 1.0",
    "long_ints": "1 << 200 >> 199 == 2",
    "unicode": "len('\\u20ac') == 1",
    "async": "exec('async def f():\\n await f()', {}) is None",
    "compile": "compile('1', 'x', 'eval') is not None",
    "native": "exec('@micropython.native\\ndef f():\\n pass', {}) is None",
    "threads": "bool(__import__('_thread'))",
    "file_system": "bool(__import__('os').statvfs('/'))",
    "binary_stdio": "bool(__import__('sys').stdout.buffer)",
    "compress": "__import__('deflate').DeflateIO(__import__('io').BytesIO()).write(b'x') == 1",
    "decompress": "__import__('deflate').DeflateIO(__import__('io').BytesIO(b'\\xcbH\\x04\\x00'), 1).read() == b'ha'",
    "sha256": "len(__import__('hashlib').sha256(b'').digest()) == 32",
    "sha1": "len(__import__('hashlib').sha1(b'').digest()) == 20",
    "md5": "len(__import__('hashlib').md5(b'').digest()) == 16",
    "base64": "__import__('binascii').b2a_base64(b'a') == b'YQ==\\n'",
    "hex": "__import__('binascii').hexlify(b'a') == b'61'",
    "crc32": "__import__('binascii').crc32(b'a') == 0xe8b7be43",
    "bluetooth": "bool(__import__('bluetooth'))",
    "wifi": "bool(__import__('network').WLAN)",
}


async def test_it_equals_what_the_interpreter_says_one_by_one(board):
    capabilities = await probe(board)
    for field, question in ASKED.items():
        assert getattr(capabilities, field) == await says(board, question), field
    for feature, question in FEATURES.items():
        assert capabilities.supports(feature) == await says(board, question, missing=False), feature
    version = await board.eval("tuple(__import__('sys').implementation[1])")
    assert capabilities.version == version[:3]
    unique_id = await says(board, "__import__('machine').unique_id()")
    assert capabilities.unique_id == (unique_id.hex() if unique_id else None)
    mpy = await board.eval("__import__('sys').implementation._mpy")
    assert capabilities.mpy_version == (mpy & 0xFF, mpy >> 8 & 3)
    assert capabilities.heap_total == await board.eval(
        "(lambda g: g.mem_free() + g.mem_alloc())(__import__('gc'))"
    )
    assert 0 < capabilities.heap_free < capabilities.heap_total
    [place] = capabilities.file_systems
    statvfs = await board.eval("__import__('os').statvfs('/')")
    assert (place.mount, place.block, place.size) == ("/", statvfs[0], statvfs[1] * statvfs[2])
    assert capabilities.float_bits == 64
    assert capabilities.int_bits == 0
    assert (capabilities.board, capabilities.identity) == (board.url, board.identity)


async def test_every_module_listed_can_be_imported(board):
    capabilities = await probe(board)
    assert {"sys", "gc", "os", "time"} <= set(capabilities.modules)
    for module in ("json", "binascii", "asyncio.core"):
        assert capabilities.supports(module)
        await board.exec(f"import {module}")
    for module in ("esp32", "rp2", "nothing_of_the_kind"):
        assert capabilities.supports(module) is False


async def test_peripherals_are_those_of_the_machine_module():
    async with Board(link("sim:")) as board:
        capabilities = await probe(board)
        there = await board.eval(
            "[n for n in dir(__import__('machine')) if n[0].isupper() and n[1:2] != '_']"
        )
        assert {"Pin", "I2C", "Timer"} <= set(capabilities.peripherals) <= set(there)
        assert capabilities.supports("I2C") is True
        assert capabilities.supports("CAN") is False


async def test_one_exec_and_two_on_a_small_heap(capsys):
    rows = {}
    metered = MeteredTransport(link("sim:"))
    async with Board(metered) as board:
        await board.exec("import gc, machine; machine.Pin")
        for name, setup, known in (
            ("first", "", None),
            ("again", "", None),
            ("small heap", _SMALL, None),
            ("known small", "", LITTLE_HEAP - 1),
        ):
            await board.exec(setup)
            before = metered.snapshot()
            found = await probe(board, free_heap=known)
            rows[name] = found, metered.meter - before
    with capsys.disabled():
        print()
        for name, (_, meter) in rows.items():
            print(f"  probe, {name:<12}{meter.turns} execs {meter.up:>6} bytes up {meter.down:>6} down")
    assert [meter.turns for _, meter in rows.values()] == [1, 1, 2, 2]
    assert [
        meter.up <= limit for (_, meter), limit in zip(rows.values(), (2100, 2100, 3900, 2000), strict=True)
    ]
    first, _ = rows["first"]
    assert all(meter.down <= 2000 for _, meter in rows.values())
    for name, (found, _) in rows.items():
        heap = {"heap_total"} if "small" in name else set()
        assert {change.field for change in first.changes(found)} == heap


# A heap that is smaller than it is.
_SMALL = """
import sys
class Gc:
    collect = gc.collect
    mem_alloc = lambda: 1000
    mem_free = lambda: 12000
sys.modules['gc'] = Gc
"""


async def test_where_memory_runs_out_nothing_is_raised_and_nothing_is_wrong():
    async with Board(link("sim:?heap=96k")) as board:
        await board.exec("import gc")
        whole = await probe(board)
        await board.exec(_FILL)
        for known in (None, LITTLE_HEAP - 1):
            found = await probe(board, free_heap=known)
            assert found.heap_free < LITTLE_HEAP
            for change in whole.changes(found):
                assert change.after is None
                assert change.field.startswith("features.") or found.unknown[change.field]


# Takes the heap in pieces, until so little is left that the questions do, or do not quite, fit in.
_FILL = """
ballast = None
gc.collect()
while gc.mem_free() > 15 * 1024:
    ballast = ballast, bytearray(200)
    gc.collect()
"""


def test_the_programs_keep_to_their_budgets():
    fingerprint, asking, places = map(len, programs())
    assert fingerprint <= 540
    assert asking <= 600
    assert places <= 260
    # A literal of up to 2,000 bytes was fine on 9 KB of heap.
    assert len(fingerprint_program(1 << 28)) <= 620
    assert len(facts_program(questions_for("micropython", (1, 9, 2)), 1 << 28)) <= 1350
    assert len(both_programs()) <= 2100


def test_the_programs_can_stand_within_literals():
    for program in programs():
        assert "\\" not in program
        assert "'''" not in program
        assert program.isascii()


# All that a probe could leave behind, but for the names that the interpreter keeps until it is reset.
_LEFT = (
    "(sorted(globals()), sorted(__import__('sys').modules), "
    "sorted(e[0] for e in __import__('os').ilistdir('/')), __import__('sys').path, __import__('os').getcwd())"
)


@pytest.mark.parametrize("before", ["pass", "import machine, time, deflate", "import json as os"])
async def test_it_leaves_the_board_as_it_was(board, before):
    await board.exec(before)
    state = await board.eval(_LEFT)
    await probe(board)
    assert await board.eval(_LEFT) == state


async def test_asking_again_costs_no_heap(board):
    await board.exec("import gc")
    free = []
    for _ in range(8):
        await probe(board)
        free.append(await board.eval("(gc.collect(), gc.mem_free())[1]"))
    # The first time names are interned; afterwards nothing is taken. What a stale word on the stack keeps differs from time to time.
    assert free[1] - max(free[-3:]) <= 64


async def test_files_of_the_user_are_not_run(board):
    await board.exec(
        "for n in ('board', 'storage', 'hashlib', 'os', 'deflate', 'binascii', 'vfs'):\n"
        "    with open('/' + n + '.py', 'w') as f: f.write('1/0')\n"
        "del f, n"
    )
    capabilities = await probe(board)
    assert "sha256" in capabilities.hashes
    assert capabilities.epoch_year == 1970
    assert [name for name, reason in capabilities.unknown.items() if "ZeroDivision" in reason] == []


# A module by both of its names.
_WITHOUT = "import sys; sys.modules[{0!r}] = sys.modules['u' + {0!r}] = None"


class TestDegraded:
    """Boards on which something is missing: it is unknown, with the reason, and nothing is raised."""

    @pytest.fixture
    async def board(self) -> AsyncIterator[Board]:
        async with Board(link("sim:")) as attached:
            yield attached

    async def spoiled(self, board: Board, source: str) -> DeviceCapabilities:
        await board.exec(source)
        return await probe(board)

    async def test_no_machine(self, board):
        capabilities = await self.spoiled(board, _WITHOUT.format("machine"))
        assert capabilities.unique_id is None
        assert "NoneType" in capabilities.unknown["unique_id"]
        assert capabilities.peripherals is None
        assert capabilities.supports("I2C") is None
        assert capabilities.frequency is None
        assert capabilities.unknown["frequency"] == "AttributeError when asked for its frequency"
        assert capabilities.float_bits == 64
        assert capabilities.supports("sha256") is True

    @pytest.mark.parametrize(
        ("module", "fields"),
        [
            ("os", {"file_systems"}),
            ("hashlib", {"hashes"}),
            ("binascii", {"encodings"}),
            ("deflate", {"compress"}),
            ("time", {"epoch_year"}),
            ("vfs", {"file_systems"}),
        ],
    )
    async def test_no_such_module(self, board, module, fields):
        whole = await probe(board)
        capabilities = await self.spoiled(board, _WITHOUT.format(module))
        changes = {change.field: change for change in whole.changes(capabilities)}
        assert {name for name in changes if not name.startswith("features.")} <= fields
        for field in set(changes) & set(capabilities.unknown):
            assert changes[field].after is None

    async def test_a_machine_that_raises(self, board):
        capabilities = await self.spoiled(
            board,
            "import machine\ndef broken(*_): raise OSError(5)\nmachine.freq = machine.unique_id = broken",
        )
        assert capabilities.unknown["unique_id"] == "OSError(5,)"
        assert capabilities.unknown["frequency"] == "OSError when asked for its frequency"

    async def test_facts_of_strange_types(self, board):
        capabilities = await self.spoiled(
            board, "import machine\nmachine.freq = lambda: 'fast'\nmachine.unique_id = lambda: b''"
        )
        assert capabilities.unknown["frequency"] == "not understood: ['fast'] for its frequency"
        assert capabilities.unknown["unique_id"] == "it is empty"

    async def test_facts_that_cannot_be_sent(self, board):
        capabilities = await self.spoiled(board, "import machine\nmachine.Pin\nmachine.freq = object")
        assert capabilities.unknown["frequency"] == "object when asked for its frequency"
        assert capabilities.float_bits == 64

    async def test_a_frequency_of_several_clocks(self, board):
        capabilities = await self.spoiled(
            board, "import machine\nmachine.Pin\nmachine.freq = lambda: (168000000, 42000000)"
        )
        assert capabilities.frequency == 168000000

    async def test_its_names_are_in_use(self, board):
        whole = await probe(board)
        capabilities = await self.spoiled(
            board,
            "\n".join(f"{name} = None" for name in "abcefikmnopqstuvwxz") + "\nlen = list = repr = None",
        )
        assert whole.changes(capabilities) == ()

    async def test_one_that_hangs_is_interrupted(self, board):
        await board.exec(
            "import machine; machine.Pin\ndef hang():\n    while True: pass\nmachine.freq = hang"
        )
        state = await board.eval(_LEFT)
        with pytest.raises(DeadlineError):
            await probe(board, timeout=0.5)
        assert await board.eval(_LEFT) == state


async def test_a_heap_that_the_first_command_is_too_large_for():
    # The helper and the program at once are more than it holds: such a board starts anew, and is sent less at a time.
    async with DeviceSessionManager.open("sim:?heap=64k") as manager:
        assert manager.capabilities.implementation == "micropython"
        assert manager.board._prompt.interpreter.cramped
        assert await manager.board.eval("6*7") == 42
