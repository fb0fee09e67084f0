"""Which function a name stands for: recursion, two programs with one name, names defined anew; and who sends it, once."""

import asyncio
import contextlib

import pytest

from devsession.errors import UsageError
from devsession.session.manager import DeviceSessionManager


def methods_of(manager, session, where: str):
    return session.method if where == "session" else manager.method


WHERE = pytest.mark.parametrize("where", ["manager", "session"])


@WHERE
async def test_recursion_and_mutual_recursion(manager: DeviceSessionManager, where: str):
    async with manager.session() as session:
        method = methods_of(manager, session, where)

        @method
        def factorial(n):
            return n * factorial(n - 1) if n else 1

        @method
        def is_even(n):
            return not n or is_odd(n - 1)

        @method
        def is_odd(n):
            return bool(n) and is_even(n - 1)

        @method
        def both(n):
            return is_even(n), is_odd(n), factorial(n)

        assert await factorial(20) == 2432902008176640000
        assert await is_even(7) is False
        assert await is_odd(7) is True
        assert await both(4) == (True, False, 24)


@WHERE
async def test_a_method_may_be_called_by_another_name(manager: DeviceSessionManager, where: str):
    async with manager.session() as session:
        method = methods_of(manager, session, where)

        @method
        def original(n):
            return n + 1

        alias = original

        @method
        def calls(n):
            return alias(n) * 2

        assert await calls(4) == 10
        assert await alias(4) == 5


async def test_a_name_called_top_is_a_name_like_others(manager: DeviceSessionManager):
    @manager.method
    def top(x):
        return [x for x in (x, x) if x]

    assert await top(3) == [3, 3]


def program(method, result):
    """Return two methods, as two programs have them: of the same names, one calls the other, and they give something else."""
    if result == 1:

        @method
        def part():
            return 1

    else:

        @method
        def part():
            return 2

    @method
    def whole():
        return part() * 10

    return part, whole


@WHERE
async def test_two_programs_with_different_functions_of_one_name_do_not_meet(
    manager: DeviceSessionManager, where: str
):
    async with manager.session() as session:
        method = methods_of(manager, session, where)
        part, whole = program(method, 1)
        other_part, other_whole = program(method, 2)
        for _ in range(2):
            assert (await part(), await whole()) == (1, 10)
            assert (await other_part(), await other_whole()) == (2, 20)
            assert (await whole(), await other_whole(), await whole()) == (10, 20, 10)
        found = await asyncio.gather(*(each() for each in (whole, other_whole, other_part, part) * 10))
        assert found == [10, 20, 2, 1] * 10


async def test_names_are_right_whenever_a_call_was_cut_short(manager: DeviceSessionManager):
    for step in range(24):
        async with manager.session() as session:
            _, whole = program(session.method, 1)
            _, other_whole = program(session.method, 2)
            assert await whole() == 10
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(step / 5000):
                    assert await other_whole() == 20
            assert await whole() == 10
            assert await other_whole() == 20


async def test_a_generator_keeps_to_its_own_functions(manager: DeviceSessionManager):
    async with manager.session() as session:
        part, _ = program(session.method, 1)
        _, other_whole = program(session.method, 2)

        @session.method
        def parts():
            while True:
                yield part()

        async with parts() as found:
            for _ in range(6):
                assert await anext(found) == 1
                assert await other_whole() == 20


async def test_two_of_one_name_at_once_are_told_before_a_byte_is_sent(metered):
    _, whole = program(metered.session.method, 1)
    part, _ = program(metered.session.method, 2)

    @metered.session.method
    def both():
        return whole() + part()

    sent = metered.sent
    with pytest.raises(UsageError, match="both needs two methods called part at once"):
        await both()
    assert metered.sent == sent
    _, whole = program(metered.manager.method, 1)
    part, _ = program(metered.manager.method, 2)

    @metered.manager.method
    def sums():
        return whole() + part()

    assert await sums() == 12


@WHERE
async def test_defined_anew(manager: DeviceSessionManager, where: str):
    async with manager.session() as session:
        method = methods_of(manager, session, where)

        @method
        def scaled(n):
            return n * 2

        @method
        def shown(n):
            return [scaled(n)]

        assert await shown(4) == [8]

        @method
        def scaled(n):  # noqa: F811 - as in a notebook
            return n * 3

        assert await scaled(4) == 12
        assert await shown(4) == [12]


async def test_a_session_sees_its_names_and_the_boards_methods(manager: DeviceSessionManager):
    @manager.method
    def doubled(n):
        return n * 2

    async with manager.session("one") as one, manager.session("two") as two:

        def scaled(n):
            return doubled(n) * gain  # noqa: F821

        scaled_in_one, scaled_in_two = one.method(scaled), two.method(scaled)
        await one.exec("gain = 3")
        await two.exec("gain = 5")
        assert (await scaled_in_one(1), await scaled_in_two(1)) == (6, 10)
        await one.exec("gain = 4")
        assert (await scaled_in_one(1), await scaled_in_two(1)) == (8, 10)
        assert await one.eval("scaled(1)") == 8
        assert "doubled" not in await manager.board.eval("list(globals())")


@WHERE
async def test_many_tasks_that_call_first_send_once(metered, where: str):
    method = methods_of(metered.manager, metered.session, where)

    @method
    def tripled(n):
        return n * 3

    @method
    def summed(n):
        return tripled(n) + n

    deployed: list[str] = []
    deploy = metered.manager.board.deploy

    async def counted(source, **options):
        deployed.append(source)
        await deploy(source, **options)

    metered.manager.board.deploy = counted
    found = await asyncio.gather(*(summed(n) for n in range(40)))
    assert found == [4 * n for n in range(40)]
    assert sum(source.count("def tripled") for source in deployed) == 1
    assert sum(source.count("def summed") for source in deployed) == 1


async def test_what_is_sent_before_is_not_sent_with_the_call(metered):
    @metered.session.method
    def f():
        return 1

    @metered.session.method
    def g():
        return 2

    executor = metered.session.executor
    assert executor.methods == (f, g)
    assert not executor.is_deployed("f")
    await executor.deploy()
    assert executor.is_deployed("f")
    assert executor.is_deployed(g)
    metered.turns()
    assert (await f(), await g()) == (1, 2)
    assert metered.turns() == 2
    with pytest.raises(UsageError, match="no method h"):
        executor.is_deployed("h")
