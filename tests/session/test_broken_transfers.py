"""Transfers over a link that fails: never a wrong file under the final name, always a clear error or a verified success.

Each case is drawn from its seed; DEVSESSION_SEED=1234 runs that one.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from serving import served

from devsession.board.board import Board
from devsession.board.switches import Rung
from devsession.errors import DevsessionError, LinkLostError
from devsession.links import link
from devsession.session.files import leftovers
from devsession.session.manager import DeviceSessionManager
from devsession.session.session import DeviceSession
from devsession.transport.fault_plan import Fault, FaultKind
from devsession.transport.faults import FaultyTransport
from devsession.transport.recording import Direction

SEED = os.environ.get("DEVSESSION_SEED")
PLACES = 200
# Each takes an attach to a board that still waits for more: a third of a second.
CUTS = 200 if os.environ.get("DEVSESSION_SOAK") else 40
# How long nothing may move, in seconds, shorter than by default: a byte that is lost stops everything.
PATIENCE = 0.3
OLD = b"what was there before"
KINDS = (FaultKind.FLIP, FaultKind.DROP, FaultKind.DOUBLE)


class Bench:
    """A board behind a link with faults, opened anew where a fault ended it."""

    def __init__(self) -> None:
        self.manager: DeviceSessionManager | None = None
        self.wire: FaultyTransport | None = None

    async def session(self) -> tuple[DeviceSession, FaultyTransport]:
        if self.manager is None or self.wire is None:
            self.wire = FaultyTransport(link("sim:"))
            self.manager = DeviceSessionManager(Board(self.wire, recovery=Rung.SOFT))
            await self.manager.connect()
        session = self.manager.get_or_create("transfers")
        session.files.moving(patience=PATIENCE)
        return session, self.wire

    async def close(self) -> None:
        if self.manager is not None:
            await self.manager.close()
        self.manager = self.wire = None


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.close()


def drawn(seed: int, carrying: Direction) -> tuple[random.Random, Fault, bytes]:
    chance = random.Random(seed)
    data = chance.randbytes(chance.choice([700, 5000, 40_000]))
    if chance.random() < 0.3:
        data = data.hex().encode()
    kind = chance.choice(KINDS)
    direction = carrying if chance.random() < 0.75 else chance.choice(list(Direction))
    reach = len(data) + 300 if direction is carrying else 100
    amount = chance.randrange(8) if kind is FaultKind.FLIP else 1
    return chance, Fault(kind, direction, chance.randrange(reach), amount), data


def seeds(base: int, count: int = PLACES) -> range:
    return range(int(SEED), int(SEED) + 1) if SEED else range(base, base + count)


@pytest.mark.timeout(240)
async def test_a_file_on_its_way_to_the_board(bench: Bench, capsys: pytest.CaptureFixture[str]):
    outcomes: Counter[str] = Counter()
    for seed in seeds(1000):
        session, wire = await bench.session()
        _, fault, data = drawn(seed, Direction.UP)
        await session.files.write_bytes("/file", OLD)
        wire.add(fault)
        try:
            await session.files.write_bytes("/file", data)
            outcome = "arrived"
        except DevsessionError as error:
            outcome = type(error).__name__
        outcomes["altered"] += bool(wire.happened)
        wire.happened.clear()
        wire.heal()
        outcomes[outcome] += 1
        found = await session.files.read_bytes("/file")
        assert found == data if outcome == "arrived" else found in {OLD, data}, (seed, fault, outcome)
        listed = [stat.name for stat in await session.files.scandir("/")]
        assert listed == ["file"], (seed, fault, outcome)
    assert SEED or outcomes["altered"] > PLACES * 0.8
    with capsys.disabled():
        print("\n  put:", dict(outcomes))


@pytest.mark.timeout(240)
async def test_a_file_on_its_way_from_the_board(bench: Bench, capsys: pytest.CaptureFixture[str]):
    outcomes: Counter[str] = Counter()
    for seed in seeds(5000):
        session, wire = await bench.session()
        _, fault, data = drawn(seed, Direction.DOWN)
        await session.files.write_bytes("/file", data)
        session.files.invalidate()
        wire.add(fault)
        try:
            assert await session.files.read_bytes("/file") == data, (seed, fault)
            outcome = "arrived"
        except DevsessionError as error:
            outcome = type(error).__name__
        outcomes["altered"] += bool(wire.happened)
        wire.happened.clear()
        wire.heal()
        outcomes[outcome] += 1
        assert await session.files.read_bytes("/file") == data, (seed, fault)
    assert SEED or outcomes["altered"] > PLACES * 0.8
    with capsys.disabled():
        print("\n  get:", dict(outcomes))


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    with served("--path", str(folder / "board")):
        yield str(folder / "board")


@pytest.mark.timeout(240)
async def test_a_cable_that_is_pulled(port: str, capsys: pytest.CaptureFixture[str]):
    outcomes: Counter[str] = Counter()
    for seed in seeds(9000, CUTS):
        chance, fault, data = drawn(seed, Direction.UP)
        wire = FaultyTransport(link(port))
        async with DeviceSessionManager(Board(wire)) as manager, manager.session() as session:
            await session.files.write_bytes("/file", OLD)
            wire.add(Fault(FaultKind.DISCONNECT, fault.direction, fault.at))
            try:
                if chance.random() < 0.7:
                    await session.files.write_bytes("/file", data)
                else:
                    session.files.invalidate()
                    assert await session.files.read_bytes("/file") == OLD
                outcome = "arrived"
            except DevsessionError as error:
                outcome = type(error).__name__
            wire.heal()
        outcomes[outcome] += 1
        async with DeviceSessionManager.open(port) as manager, manager.session() as session:
            found = await session.files.read_bytes("/file")
            assert found in {OLD, data}, (seed, fault, outcome)
            listed = [stat.name for stat in await session.files.scandir("/")]
            assert listed == ["file"], (seed, fault, outcome)
    assert SEED or outcomes["LinkLostError"] > CUTS // 4
    with capsys.disabled():
        print("\n  cut:", dict(outcomes))


async def test_what_a_board_could_not_remove_is_removed_at_the_next_occasion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(leftovers, "user_cache_path", lambda _: tmp_path / "cache")
    root, name = tmp_path / "root", f"leftovers-{os.getpid()}"
    root.mkdir()
    with served(name, "--root", str(root)) as server:
        wire = FaultyTransport(link(f"sim:{name}"))
        async with DeviceSessionManager(Board(wire)) as manager, manager.session() as session:
            await session.files.write_bytes("/file", OLD)
            wire.add(Fault(FaultKind.SILENCE, Direction.UP, 60_000))
            writing = asyncio.create_task(session.files.write_bytes("/file", os.urandom(200_000)))
            await present(root)
            server.kill()
            with pytest.raises(LinkLostError):
                await writing
    assert len(list(root.glob(".devsession-*"))) == 1
    with served(name, "--root", str(root)):
        async with DeviceSessionManager.open(f"sim:{name}") as manager, manager.session() as session:
            assert await session.files.read_bytes("/file") == OLD
        assert [file.name for file in root.iterdir()] == ["file"]


async def present(root: Path) -> None:
    async with asyncio.timeout(10):
        while not list(root.glob(".devsession-*")):
            await asyncio.sleep(0.01)
