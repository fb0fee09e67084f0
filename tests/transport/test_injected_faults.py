"""Each fault does what it says, at the byte it names, and the same again from the same plan."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_descriptor import Inbox

from devsession.errors import LinkClosedError, LinkLostError, UsageError
from devsession.transport.fault_plan import Fault, FaultKind, FaultPlan
from devsession.transport.faults import FaultyTransport
from devsession.transport.recording import Direction
from devsession.transport.scripted import ScriptedTransport

UP, DOWN = Direction.UP, Direction.DOWN
TEXT = b"0123456789abcdef"


async def opened(*faults: Fault) -> tuple[Inbox, ScriptedTransport, FaultyTransport]:
    inbox, inner = Inbox(), ScriptedTransport([])
    link = FaultyTransport(inner, faults)
    await link.open(inbox)
    return inbox, inner, link


CASES = [
    (Fault(FaultKind.DROP, UP, 4, 2), b"0123" + b"6789abcdef"),
    (Fault(FaultKind.DOUBLE, UP, 4, 2), b"012345" + b"456789abcdef"),
    (Fault(FaultKind.FLIP, UP, 4, 0), b"0123" + b"5" + b"56789abcdef"),
    (Fault(FaultKind.TRUNCATE, UP, 4), b"0123" + b"89abcdef"),
    (Fault(FaultKind.SILENCE, UP, 4), b"0123"),
]


@pytest.mark.parametrize(("fault", "arrives"), CASES, ids=[fault.kind.value for fault, _ in CASES])
async def test_what_becomes_of_bytes(fault: Fault, arrives: bytes):
    _, inner, link = await opened(fault)
    link.write(TEXT[:8])
    link.write(TEXT[8:])
    assert inner.written == arrives
    assert link.happened == [fault]
    await link.close()


@pytest.mark.parametrize(("fault", "arrives"), CASES, ids=[fault.kind.value for fault, _ in CASES])
async def test_the_same_on_the_way_down(fault: Fault, arrives: bytes):
    inbox, _, link = await opened(Fault(fault.kind, DOWN, fault.at, fault.amount))
    link.data_received(TEXT[:8])
    link.data_received(TEXT[8:])
    assert inbox.data == arrives
    await link.close()


@pytest.mark.parametrize("kind", [FaultKind.DELAY, FaultKind.SPLIT])
async def test_later_bytes_wait_for_those_before(kind: FaultKind):
    inbox, _, link = await opened(Fault(kind, DOWN, 4, 0.01))
    link.data_received(TEXT[:8])
    link.data_received(TEXT[8:])
    assert inbox.data == TEXT[:4]
    await inbox.until(lambda: inbox.data == TEXT)
    await link.close()


@pytest.mark.parametrize("rate", [-1, -1e-9, 2, float("nan"), float("inf")])
def test_what_is_no_rate(rate: float):
    with pytest.raises(UsageError, match="rate of drop"):
        FaultPlan.seeded(1, {FaultKind.DROP: rate})


def test_a_rate_of_nothing_and_one_of_everything():
    assert not FaultPlan.seeded(1, {FaultKind.DROP: 0}).faults
    assert len(FaultPlan.seeded(1, {FaultKind.FLIP: 1}, reach=1000).of(UP)) > 500


async def test_draining_waits_for_what_is_delayed():
    _, inner, link = await opened(Fault(FaultKind.DELAY, UP, 4, 0.01))
    link.write(TEXT)
    assert link.unsent == len(TEXT) - 4
    await link.drain()
    assert inner.written == TEXT
    assert link.unsent == 0
    await link.close()


async def test_a_disconnection_is_told_once_and_what_was_before_it_arrives():
    inbox, inner, link = await opened(Fault(FaultKind.DISCONNECT, UP, 4))
    link.write(TEXT)
    assert inner.written == TEXT[:4]
    await inbox.until(lambda: inbox.ends)
    await link.close()
    await asyncio.sleep(0)
    assert len(inbox.ends) == 1
    assert isinstance(inbox.ends[0], LinkLostError)
    with pytest.raises(LinkLostError, match="unplugged by a fault"):
        link.write(b"x")
    with pytest.raises(LinkLostError):
        await link.drain()


async def test_healing_ends_what_was_planned_and_what_goes_on():
    inbox, inner, link = await opened(Fault(FaultKind.SILENCE, UP, 0), Fault(FaultKind.DELAY, DOWN, 0, 60))
    link.write(b"lost")
    link.data_received(b"waits")
    link.add(Fault(FaultKind.DROP, UP, 0))
    link.heal()
    link.write(b"arrives")
    assert inner.written == b"arrives"
    assert inbox.data == b"waits"
    await link.close()


async def test_a_fault_may_be_planned_from_here_on():
    _, inner, link = await opened()
    link.write(b"abc")
    link.add(Fault(FaultKind.DROP, UP, 1))
    link.write(b"def")
    assert inner.written == b"abcdf"
    assert link.happened == [Fault(FaultKind.DROP, UP, 4)]
    await link.close()


async def test_an_unopened_link_takes_nothing():
    with pytest.raises(LinkClosedError):
        FaultyTransport(ScriptedTransport([])).write(b"x")


@given(st.integers())
def test_a_plan_is_the_same_from_its_seed_and_from_its_repr(seed: int):
    rates = dict.fromkeys(FaultKind, 0.001)
    plan = FaultPlan.seeded(seed, rates, reach=2000)
    assert plan == FaultPlan.seeded(seed, rates, reach=2000)
    assert plan == eval(repr(plan))
    assert all(fault.at < 2000 for fault in plan.faults)


@given(st.integers(), st.lists(st.integers(1, 9), min_size=16, max_size=16))
async def test_a_plan_does_the_same_again(seed: int, sizes: list[int]):
    rates = dict.fromkeys(set(FaultKind) - {FaultKind.DELAY, FaultKind.SPLIT}, 0.02)
    written = []
    for _ in range(2):
        _, inner, link = await opened(*FaultPlan.seeded(seed, rates, reach=200).of(UP))
        for size in sizes:
            try:
                link.write(TEXT[:size])
            except LinkLostError:
                break
        written.append((bytes(inner.written), link.happened))
        await link.close()
    assert written[0] == written[1]
