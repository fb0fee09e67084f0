"""The boards of this computer: those that are given, and those that come and go."""

import asyncio
from pathlib import Path

import pytest
from boards_at_work import listen, told, until

from devsession import BoardOffer, LeaseLost, LeaseTimeoutError, LocalBoards, ProviderError, SessionPool
from devsession.errors import LinkError
from devsession.pool import events as kinds
from devsession.pool.locks import Locks
from devsession.pool.providers import provider_of
from devsession.pool.simulated import SimulatedBoards
from devsession.transport.ports import Port


def port(number: int) -> Port:
    """A port, behind which is a simulated board."""
    return Port("sim:", f"usb-serial:{number}", 1, 2, None, None, str(number), None, None)


@pytest.fixture
def attached(monkeypatch: pytest.MonkeyPatch) -> list[Port]:
    ports: list[Port] = []
    monkeypatch.setattr("devsession.transport.ports.list_ports", lambda: list(ports))
    monkeypatch.setattr("devsession.pool.keeper.DISCOVER_INTERVAL", 0.05)
    return ports


async def test_boards_are_plugged_in_and_pulled_out(attached: list[Port], tmp_path: Path):
    async with SessionPool(provider=LocalBoards(locks=Locks(tmp_path))) as pool:
        events = listen(pool)
        with pytest.raises(LeaseTimeoutError, match="there are no boards"):
            await pool.acquire(timeout=0.02)
        waiting = asyncio.create_task(pool.acquire(agent="one", timeout=20).have())
        attached.append(port(1))
        session = await waiting
        assert await session.eval("6 * 7") == 42
        attached.clear()
        await until(lambda: told(events, kinds.LeaseRevoked))
        with pytest.raises(LeaseLost):
            await session.eval("1")
        attached.append(port(1))
        async with pool.acquire(agent="one", timeout=20) as again:
            assert await again.eval("1 + 1") == 2


async def test_ports_that_cannot_be_listed_are_told_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def broken() -> list[Port]:
        raise LinkError("the serial ports cannot be listed")

    monkeypatch.setattr("devsession.transport.ports.list_ports", broken)
    provider = LocalBoards(locks=Locks(tmp_path))
    with pytest.raises(ProviderError, match="cannot be listed"):
        await provider.discover()
    (offer,) = await LocalBoards(["sim:"], locks=Locks(tmp_path)).discover()
    for made in (provider.create(), provider.destroy(offer)):
        with pytest.raises(ProviderError, match="cannot be made"):
            await made
    async with SessionPool(provider=provider) as pool:
        with pytest.raises(LeaseTimeoutError, match="cannot be listed"):
            await pool.acquire(timeout=0.02)


async def test_what_names_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert isinstance(provider_of("sim:?heap=256k"), SimulatedBoards)
    for named in ("sim:bench", f"sim:?root={tmp_path}", "local:", ["sim:", "sim:"], "/dev/ttyACM7"):
        assert isinstance(provider_of(named), LocalBoards)
    offers = await provider_of(["sim:", "sim:", "/dev/ttyACM7"]).discover()
    assert [offer.name for offer in offers] == ["sim:", "sim:#2", "/dev/ttyACM7"]
    provider = SimulatedBoards()
    assert provider_of(provider) is provider


async def test_an_offer_that_is_given_is_kept_as_it_is(tmp_path: Path):
    given = BoardOffer("heavy", "sim:", tags=frozenset({"relay"}), weight=3.0)
    assert await LocalBoards([given], locks=Locks(tmp_path)).discover() == (given,)
