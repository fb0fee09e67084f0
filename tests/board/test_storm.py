"""A storm of faults: whatever happens on the wire, a call ends in the right result or in a typed error, and the board is usable after it.

What "right" can mean: values, exit codes, and whether a program ended well travel in records with a check, so they are right or an error is
raised, whatever is lost or flipped on the way from the board. What a program prints has no check: bytes of it that are flipped, lost or
doubled are so in `output`, without an error. On the way up only the text of a program has a check, not the helper that makes it nor the
call round it. So after bytes were altered that way only the end, the error's type and the board afterwards are looked at.

DEVSESSION_SEED=1234 runs the one case of that seed.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from devsession.board.board import Board
from devsession.errors import DevsessionError
from devsession.links import link
from devsession.transport.fault_plan import Fault, FaultKind
from devsession.transport.faults import FaultyTransport
from devsession.transport.recording import Direction

WHOLE = bool(os.environ.get("DEVSESSION_SOAK"))
FAULTS = 2000 if WHOLE else 200
SEED = os.environ.get("DEVSESSION_SEED")
BOARDS = 32
# Limits of the recovery, in seconds, shorter than by default: a storm waits for them often.
STOP, RUNG, TIMEOUT = 0.6, 1.0, 0.4
# No operation may take longer than all limits that it can meet together, and a loaded machine.
GUARD = 15.0

ALTERING = {FaultKind.FLIP, FaultKind.DROP, FaultKind.DOUBLE, FaultKind.TRUNCATE}


@dataclass
class Case:
    """One case: all of it is drawn from its seed."""

    seed: int
    board: Board
    wire: FaultyTransport
    random: random.Random

    def altered(self, direction: Direction) -> bool:
        """Whether bytes were altered in one direction."""
        return any(fault.kind in ALTERING and fault.direction is direction for fault in self.wire.happened)

    def check(self, right: bool, what: object) -> None:
        """Fail, unless a wrong result can be no surprise."""
        if not right and not self.altered(Direction.UP):
            raise AssertionError(
                f"seed {self.seed}: a wrong result without an error: {what!r}; {self.wire.happened}"
            )


async def evaluate(case: Case) -> None:
    number = case.random.randrange(10**9)
    value = await case.board.eval(f"[{number}, '{number}', None]", timeout=TIMEOUT)
    case.check(value == [number, str(number), None], value)


async def count(case: Case) -> None:
    padding = "#" * case.random.choice([1, 3000])
    execution = await case.board.exec(f"hits = globals().get('hits', 0) + 1{padding}", timeout=TIMEOUT)
    case.check(execution.value is None, execution)


async def execute(case: Case) -> None:
    text = "".join(case.random.choices("abc \x04>\x1e\n", k=case.random.randrange(60)))
    execution = await case.board.exec(f"print({text!r})", timeout=TIMEOUT)
    case.check(case.altered(Direction.DOWN) or execution.output == text + "\n", execution)


async def run(case: Case) -> None:
    code = case.random.randrange(1, 256)
    execution = await case.board.run(f"print('run')\nimport sys\nsys.exit({code})", timeout=TIMEOUT)
    case.check(execution.exit_code == code or execution.error is not None, execution)


async def fail(case: Case) -> None:
    execution = await case.board.run("print('fail')\n{}['key']", timeout=TIMEOUT)
    case.check(execution.error is not None, execution)
    assert execution.error is not None or case.altered(Direction.UP)
    if execution.error is not None:
        case.check(execution.error.kind == "KeyError" or case.altered(Direction.DOWN), execution)


async def stream(case: Case) -> None:
    async for text in case.board.stream("while True: print('x' * 20)", timeout=TIMEOUT):
        case.check(case.altered(Direction.DOWN) or not text.strip("x\n"), text)
        break


async def interrupt(case: Case) -> None:
    async with case.board.start("print('on')\nwhile True: pass", timeout=TIMEOUT) as running:
        await asyncio.sleep(case.random.uniform(0, 0.02))
        case.board.interrupt()
        execution = await running.result()
    case.check(execution.error is not None, execution)


async def cancel(case: Case) -> None:
    task = asyncio.ensure_future(case.board.exec("import time\nwhile True: time.sleep_ms(1)"))
    await asyncio.sleep(case.random.uniform(0, 0.02))
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    case.check(await case.board.eval("1 + 1", timeout=TIMEOUT) == 2, "after a cancel")


async def soft_reset(case: Case) -> None:
    await case.board.soft_reset(timeout=TIMEOUT)
    case.check(await case.board.eval("'was' in globals()", timeout=TIMEOUT) is False, "a name that survived")


async def leave_and_return(case: Case) -> None:
    await case.board.detach()
    await case.board.attach(timeout=2 * TIMEOUT)
    case.check(await case.board.eval("2 + 3", timeout=TIMEOUT) == 5, "after an attach")


async def long_program(case: Case) -> None:
    size = case.random.randrange(1500, 6000)
    value = await case.board.eval(f"len('{'y' * size}')", timeout=2 * TIMEOUT)
    case.check(value == size, value)


OPERATIONS: list[Callable[[Case], Awaitable[None]]] = [
    evaluate,
    count,
    execute,
    run,
    fail,
    stream,
    interrupt,
    cancel,
    soft_reset,
    leave_and_return,
    long_program,
]


def draw_fault(drawn: random.Random, *, warm: bool) -> Fault:
    direction = drawn.choice(list(Direction))
    reach = 120 if warm or direction is Direction.DOWN else 1800
    kind = drawn.choice(list(FaultKind))
    amount = {FaultKind.DELAY: drawn.uniform(0, 0.2), FaultKind.FLIP: drawn.randrange(8)}.get(
        kind, drawn.randint(1, 8)
    )
    return Fault(kind, direction, drawn.randrange(reach), amount)


@contextmanager
def served(count: int) -> Iterator[list[str]]:
    """Serve simulated boards, and give the paths of their ports."""
    command = [sys.executable, Path(__file__).with_name("serve_boards.py"), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield [server.stdout.readline().strip() for _ in range(count)]


async def one_case(seed: int, path: str, told: Counter[str]) -> int:
    """Run one case on the board at ``path``; return how many faults happened."""
    drawn = random.Random(seed)
    wire = FaultyTransport(link(path))
    case = Case(seed, Board(wire), wire, drawn)
    operation = drawn.choice(OPERATIONS)
    warm, early = drawn.random() < 0.8, drawn.random() < 0.15
    faults = [draw_fault(drawn, warm=warm) for _ in range(drawn.randint(1, 3))]
    begun = time.monotonic()
    try:
        async with asyncio.timeout(GUARD):
            try:
                if early:
                    add(wire, faults)
                await case.board.listen()
                await case.board.attach(timeout=1.5)
                if warm:
                    await case.board.exec("was = True", timeout=TIMEOUT)
                if not early:
                    add(wire, faults)
                await operation(case)
                told["right"] += 1
            except DevsessionError as error:
                told[type(error).__name__] += 1
            with suppress(DevsessionError):
                await case.board.close()
    except TimeoutError:
        raise AssertionError(f"seed {seed}: no end after {GUARD} s; {operation.__name__}, {faults}") from None
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {operation.__name__}, planned {faults}") from error
    finally:
        wire.abort()
    told["longest, in ms"] = max(told["longest, in ms"], int(1000 * (time.monotonic() - begun)))
    hits = await afterwards(seed, path, f"{operation.__name__}, {wire.happened}")
    case.check(hits <= 1, f"{hits} times")
    return len(wire.happened)


def add(wire: FaultyTransport, faults: list[Fault]) -> None:
    for fault in faults:
        wire.add(fault)


async def afterwards(seed: int, path: str, what: str) -> int:
    """See that the board is usable over a new link without faults; return how often `count` ran."""
    try:
        async with asyncio.timeout(GUARD), Board(link(path)) as board:
            assert await board.eval("6 * 7") == 42
            assert (await board.exec("print('usable')")).output == "usable\n"
            hits: int = await board.eval("globals().get('hits', 0)")
            await board.exec("hits = 0")
            return hits
    except (DevsessionError, TimeoutError) as error:
        raise AssertionError(f"seed {seed}: not usable afterwards ({error}); {what}") from error


@pytest.mark.soak
@pytest.mark.timeout(1200)
async def test_a_storm_of_faults(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("devsession.board.recovery.STOP_LIMIT", STOP)
    monkeypatch.setattr("devsession.board.recovery.RUNG_LIMIT", RUNG)
    first = int(SEED) if SEED else int(time.time()) * 1000
    seeds = iter([first] if SEED else range(first, first + 20 * FAULTS))
    happened, cases, told = 0, 0, Counter[str]()

    async def work(path: str) -> None:
        nonlocal happened, cases
        for seed in seeds:
            happening = await one_case(seed, path, told)
            happened += happening
            cases += 1
            if happened >= FAULTS:
                return

    try:
        with served(1 if SEED else BOARDS) as paths:
            async with asyncio.TaskGroup() as group:
                for path in paths:
                    group.create_task(work(path))
    finally:
        with capsys.disabled():
            print(f"\n  from seed {first}: {happened} faults in {cases} cases: {dict(told)}")
    assert SEED or happened >= FAULTS
