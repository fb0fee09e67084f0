"""Methods on a real interpreter: what goes there and comes back, what is refused before a byte is sent, where they fail."""

import asyncio
import inspect
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devsession.errors import (
    SessionEndedError,
    UnrepresentableValueError,
    UsageError,
)
from devsession.session.manager import DeviceSessionManager

VALUES = [
    None, True, 0, -1, 1 << 200, 1.5, -0.0, math.inf, -math.inf, 5e-324, "", "äö\n\x00'\"\\", b"", bytes(range(256)),
    bytearray(b"\x00\xff"), (), (1,), [1, (2, [None, {}])], {"a": {1: b"x"}}, {(1, "b"): [2.5]}, {1, 2}, frozenset({3}),
    range(2, 9, 3), 2 + 3j, "x" * 5000,
]  # fmt: skip


def line_of(method, text: str) -> int:
    """Return the line of this file in which ``text`` stands in a method."""
    lines, first = inspect.getsourcelines(method.method.function)
    return first + next(n for n, line in enumerate(lines) if text in line)


# Values


async def test_values_go_there_and_come_back(manager: DeviceSessionManager):
    @manager.method
    def same(value, *more, **named):
        return value, more, named

    async with manager.session() as session:

        @session.method
        def own(value):
            return value

        for value in VALUES:
            assert await same(value) == (value, (), {})
            back = await own(value)
            assert (type(back), back) == (type(value), value)
        assert await same(1, *VALUES[:5], key=VALUES[7]) == (1, tuple(VALUES[:5]), {"key": VALUES[7]})
        assert math.isnan(await own(math.nan))
        assert math.copysign(1, await own(-0.0)) == -1


_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
_NESTED = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(_PLAIN, inner),
    max_leaves=12,
)


def test_any_value_comes_back_as_it_went():
    with asyncio.Runner() as runner:
        manager = DeviceSessionManager.open("sim:")
        runner.run(manager.connect())

        @manager.method
        def echo(value):
            return value

        async def call(value):
            return await echo(value)

        @settings(max_examples=100, deadline=None, database=None)
        @given(value=_NESTED)
        def check(value):
            assert repr(_sorted(runner.run(call(value)))) == repr(_sorted(value))

        check()
        runner.run(manager.close())


def _sorted(value):
    """Return a value with its dicts in one order, as boards have none: by ``repr``, which tells -0.0 from 0.0."""
    if isinstance(value, dict):
        return sorted((repr(key), _sorted(item)) for key, item in value.items())
    return type(value)(map(_sorted, value)) if isinstance(value, list | tuple) else value


async def test_what_has_no_form_here_is_an_error_and_the_next_call_is_right(manager: DeviceSessionManager):
    @manager.method
    def give(what):
        return [print] if what else 5

    with pytest.raises(UnrepresentableValueError):
        await give(True)
    assert await give(False) == 5


async def test_output_of_a_method_is_no_value(manager: DeviceSessionManager):
    @manager.method
    def speaks(text):
        print(text)
        return len(text)

    hostile = "\x04\x04>\x1e1.2.R1.5\x1f"
    assert await speaks(hostile) == len(hostile)
    assert hostile in manager.board.output.text


# Wrong use, seen before a byte is sent


async def test_wrong_arguments_are_refused_before_a_byte_is_sent(metered):
    @metered.manager.method
    def takes(a, b=1, *, c=2):
        return a, b, c

    @metered.session.method
    def yields(a):
        yield a

    @metered.session.thread
    def works(stop, a):
        pass

    cyclic: list = []
    cyclic.append(cyclic)
    sent = metered.sent
    for wrong, named in [
        (object(), "argument 'a' cannot be sent"),
        ([1, {"k": print}], r"argument 'a'\[1\]\['k'\]"),
        (cyclic, "cycle"),
        ("\ud800", "surrogate"),
    ]:
        with pytest.raises(UsageError, match=named):
            await takes(wrong)
        with pytest.raises(UsageError, match=named):
            yields(wrong)
        with pytest.raises(UsageError, match=named):
            await works(wrong)
    for args, named in [((), {}), ((1, 2, 3), {}), ((1,), {"d": 4}), ((1,), {"a": 1})]:
        with pytest.raises(TypeError, match=r"takes\(\): "):
            await takes(*args, **named)
    with pytest.raises(TypeError, match=r"yields\(\): "):
        yields(1, 2)
    with pytest.raises(TypeError, match=r"works\(\): "):
        await works()
    with pytest.raises(UsageError, match="by their places"):
        await works(a=1)
    assert metered.sent == sent


async def test_what_a_board_cannot_run_is_refused_when_it_is_made(metered):
    host_object = object()
    sent = metered.sent

    def closes():
        return host_object

    class Group:
        def method(self):
            pass

    async def yields_later():
        yield 1

    for function in (closes, lambda: 1, Group, Group.method, yields_later, print, 5):
        for make in (metered.manager.method, metered.session.method, metered.session.thread):
            with pytest.raises(UsageError):
                make(function)

    def generator(stop):
        yield 1

    with pytest.raises(UsageError, match="cannot be a thread"):
        metered.session.thread(generator)
    assert metered.sent == sent


async def test_a_missing_name_is_told_with_its_line_before_a_byte_is_sent(metered):
    @metered.manager.method
    def reads():
        a = 1
        return a + missing  # noqa: F821

    @metered.manager.method
    def counts():
        yield missing  # noqa: F821

    @metered.manager.method
    def calls():
        return reads()

    sent = metered.sent
    for called in (reads, calls):
        with pytest.raises(UsageError, match=rf"'missing' \(line {line_of(reads, 'return a')}\)"):
            await called()
    with pytest.raises(UsageError, match="'missing'"):
        await anext(counts())
    with pytest.raises(UsageError, match="'missing'"):
        await reads.deploy()
    assert metered.sent == sent


async def test_methods_that_others_do_not_see(metered):
    async with metered.manager.session() as other:

        @other.method
        def theirs():
            return 1

        @metered.session.method
        def ours():
            return theirs()

        @metered.manager.method
        def of_all():
            return theirs()

        sent = metered.sent
        with pytest.raises(UsageError, match="ours calls theirs, a method of another session"):
            await ours()
        with pytest.raises(UsageError, match="of_all calls theirs, a method of a session"):
            await of_all()
        assert metered.sent == sent


async def test_after_the_end_of_its_session(metered):
    async with metered.manager.session() as session:

        @session.method
        def f():
            return 1

        @session.method
        def g():
            yield 1

        @session.thread
        def t(stop):
            pass

        assert await f() == 1
        pending = g()
    sent = metered.sent
    for use in (f, g, t, f.deploy, f.evict):
        with pytest.raises(SessionEndedError):
            await use()
    with pytest.raises(SessionEndedError):
        await anext(pending)
    assert metered.sent == sent
