"""Boards that a provider has no more while they are open, and tags that only a provider can give."""

import pytest
from boards_at_work import until

from devsession import BoardOffer, BoardState, LeaseLost, RequirementError, SessionPool, UsageError
from devsession.pool.local import LocalBoards
from devsession.pool.providers import provider_of
from devsession.pool.requirement import why_not


class Leaving(LocalBoards):
    """Two simulated boards, which may go."""

    def __init__(self) -> None:
        super().__init__(
            [
                BoardOffer("a", "sim:", None, frozenset({"port=rp2", "wifi"})),
                BoardOffer("b", "sim:", None, frozenset({"port=esp32"})),
            ]
        )
        self.gone: set[str] = set()

    async def discover(self) -> tuple[BoardOffer, ...]:
        return tuple(offer for offer in await super().discover() if offer.name not in self.gone)


def names(pool: SessionPool) -> list[str]:
    return sorted(row.name for row in pool.snapshot().boards)


async def test_the_lease_of_a_board_that_its_provider_lost_ends_and_the_board_comes_back():
    provider = Leaving()
    async with SessionPool(provider=provider, quarantine=0.1) as pool:
        session = await pool.acquire(requires=["wifi"])
        await session.exec("x = 1")
        provider.gone.add("a")
        await until(lambda: session.board.lost is not None)
        with pytest.raises(LeaseLost):
            await session.eval("x")
        # It is no board of the pool, for as long as it is gone: nobody can be given it.
        await until(lambda: names(pool) == ["b"])
        provider.gone.clear()
        await until(lambda: names(pool) == ["a", "b"])
        async with pool.acquire(requires=["wifi"], timeout=20) as session:
            assert not await session.device.is_defined("x")


async def test_an_idle_board_that_its_provider_lost_goes():
    provider = Leaving()
    async with SessionPool(provider=provider, quarantine=0.1) as pool:
        await until(lambda: {row.state for row in pool.snapshot().boards} == {BoardState.IDLE})
        provider.gone.add("b")
        await until(lambda: names(pool) == ["a"])


async def test_tags_with_values_are_looked_up_and_no_board_is_opened_for_that():
    async with SessionPool(provider=Leaving(), min_size=0, autoscale=False) as pool:
        with pytest.raises(RequirementError, match="a has no port=samd; b has no port=samd"):
            await pool.acquire(requires=["port=samd"])
        assert pool.snapshot().size == 0
        async with pool.acquire(requires=["port=esp32"]) as session:
            assert pool.lease(session).board == "b"
        assert pool.snapshot().size == 1


def test_a_tag_is_no_condition_on_the_firmware():
    assert why_not("a", {"port=rp2"}, None, ["port=rp2"]) is None
    assert why_not("a", {"port=rp2"}, None, ["port=esp32"]) == "a has no port=esp32"
    assert why_not("a", {"port=rp2"}, None, ["micropython>=1.24"]) is None


async def test_the_url_of_a_farm_is_its_provider():
    provider = provider_of("labgrid://farm:20408/port=rp2")
    assert (provider.name, provider.can_create) == ("labgrid", False)
    await provider.aclose()
    with pytest.raises(UsageError, match="names no farm"):
        provider_of("labgrid://farm")
