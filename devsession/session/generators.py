"""Methods that yield: generators that run on the board, as far as their values are asked for."""

from __future__ import annotations

import functools
import inspect
import secrets
from typing import Any, Generic, Literal, ParamSpec, TypeVar

from devsession.methods.method import Method
from devsession.protocol.records import NONCE_BITS
from devsession.protocol.source import bytes_literal
from devsession.session import homes
from devsession.session.batches import Batches
from devsession.session.deployed import ATTEMPTS, CALL, Deployed, Options, User, written
from devsession.session.homes import Home

_P = ParamSpec("_P")
_T = TypeVar("_T")

# Values and whether there are no more, or False where there is no such generator.
_Batch = tuple[list[Any], bool] | Literal[False] | None


class DeployedGenerator(Deployed, Generic[_P, _T]):
    """A method that yields values: iterating over its call with ``async for`` runs it on the board, batch by batch."""

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Batches[_T]:
        """Return the values that the method will yield; nothing runs before the first is asked for. Raises as for functions."""
        bound = self._bind(args, kwargs)
        fetch = _Fetch(self, self._home, self._user, self._options, bound)
        return Batches(
            fetch.ask, lambda cleanup: self._user.hold(cleanup, "generator"), self._user.board.free_heap
        )


class _Fetch:
    """The batches of one call of a generator."""

    def __init__(
        self, generator: Deployed, home: Home, user: User, options: Options, bound: inspect.BoundArguments
    ) -> None:
        self._generator = generator
        self._home = home
        self._user = user
        self._batch = Deployed(_batch(), user.board_home, user, options)
        self._bound = bound
        self._text = written(bound, *user.widths())
        self._name = secrets.randbits(NONCE_BITS - 1) | 1 << NONCE_BITS
        self._begun = False

    async def ask(self, most: int, limit: int) -> tuple[list[Any], bool]:
        """Return the next values, at most so many, and whether there are no more; with ``most`` 0 the generator is closed."""
        given = f"{homes.TABLE},{self._name},{most},{limit}"
        if not most:
            if self._begun:
                await self._invoke(given)
            return [], True
        self._user.use()
        found = await (self._invoke(given) if self._begun else self._begin(given))
        if found is False:
            raise self._generator.lost()
        # Nothing at all is given by one that exits with 0.
        return found or ([], True)

    async def _begin(self, given: str) -> _Batch:
        found: _Batch = False
        for _ in range(ATTEMPTS):
            await self._home.ensure(self._generator.method)
            self._begun = True
            found = await self._invoke(
                f"{given},{bytes_literal(self._generator.key)},lambda f:f({self._text})"
            )
            if found is not False:
                break
            self._begun = False
            self._home.missed(self._generator.method)
        return found

    async def _invoke(self, given: str) -> _Batch:
        method = self._generator.method
        async with self._home.calling(method):
            found: _Batch = await self._batch.invoke(
                given, self._bound, (method, CALL | {_batch().name, "<lambda>"})
            )
        return found


@functools.cache
def _batch() -> Method:
    from firmware_helpers.batches import batch_of

    return Method.of(batch_of)
