"""The methods of one session: functions in its namespace on the board, which see its names and go with it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from devsession.board.board import Board
from devsession.errors import DeviceError, UsageError
from devsession.methods.method import Method
from devsession.protocol.source import bytes_literal
from devsession.session import imports
from devsession.session.homes import TABLE, BoardHome, Home, any_namespace, entries, key_of, keys_of
from devsession.session.locating import refused

# How often what belongs together is sent when the board starts anew meanwhile.
ATTEMPTS = 2


class SessionHome(Home):
    """The methods of one session.

    A namespace has one function of a name. Where a session comes to have several of one name, the name is made to stand for the one that is
    needed before each call, and calls of its methods are made one after the other.
    """

    def __init__(
        self, board: Board, board_home: BoardHome, namespace: int, allowed: frozenset[str] | None
    ) -> None:
        super().__init__(board)
        self._board_home = board_home
        self._namespace = namespace
        self._allowed = allowed
        # Also of what may have been sent: that is not known when sending it was cut short.
        self._sent: set[str] = set()
        # By name the key of the function that it stands for in the namespace; the keys of methods that need nothing more before a call.
        self._bound: dict[str, str] = {}
        self._ready: set[str] = set()
        self._contested = False
        self._life = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of what was sent."""
        return tuple(sorted(self._sent))

    def add(self, method: Method) -> None:
        """Know that the method is one of this session; raises UsageError when it imports what the session's programs may not."""
        if self._allowed is not None:
            imports.check_method(method, self._allowed)
        super().add(method)

    def key(self, method: Method) -> str:
        """Return what the method is called by in this session."""
        own = hashlib.blake2s(method.digest + self._namespace.to_bytes(8, "big"), digest_size=8)
        return key_of(own.digest())

    def missed(self, method: Method) -> None:
        """Know that the method is not there."""
        super().missed(method)
        self._ready.clear()

    def forget(self) -> None:
        """Know nothing any more: the board started anew."""
        super().forget()
        self._life += 1
        for kept in (self._sent, self._bound, self._ready):
            kept.clear()

    @asynccontextmanager
    async def calling(self, method: Method) -> AsyncGenerator[None]:
        """Send the method, unless that was done: nobody else does it; where names are contested, nothing else is sent meanwhile."""
        if not self._contested:
            await self.ensure(method)
        if not self._contested:
            yield
            return
        async with self._deploying:
            await self._make_ready(method)
            yield

    async def ensure(self, method: Method) -> None:
        """See to it that the method is in the namespace."""
        if self.key(method) not in self._ready:
            await self.deploy(method)

    async def deploy(self, method: Method) -> None:
        """Send the method, unless it is there, with those of the session that it calls; those of the board are put where it sees them.

        Raises UsageError, before a byte is sent, for a method of another session, and for two of one name that it would need at once.
        """
        async with self._deploying:
            await self._make_ready(method)

    async def evict(self, method: Method) -> int:
        """Have the session forget the method, and return how many bytes of the board's heap that gave back."""
        key = self.key(method)
        async with self._deploying:
            self.missed(method)
            names = [name for name, bound in self._bound.items() if bound == keys_of(method, key)[-1]]
            for name in names:
                del self._bound[name]
            if names:
                code = "".join(f"globals().pop({name!r},0)\n" for name in names)
                await self._board.deploy(code, namespace=self._namespace)
            given_back = await self._board.drop(any_namespace(), keys_of(method, key))
            self._sent.difference_update(keys_of(method, key))
            return given_back

    async def _make_ready(self, method: Method) -> None:
        for attempt in range(ATTEMPTS):
            key, life = self.key(method), self._life
            if key in self._ready:
                return
            # What is called goes first: where it cannot be, the caller does not go.
            methods = self._reached(method)
            names = self._names(methods)
            try:
                for called in self._of_the_board(methods):
                    await self._board_home.ensure(called)
                await self._send([one for one in reversed(methods) if not self.is_known(one)], names)
            except DeviceError:
                if life == self._life or attempt == ATTEMPTS - 1:
                    raise
            else:
                if life == self._life:
                    self._ready.add(key)

    async def _send(self, methods: list[Method], names: dict[str, str]) -> None:
        """Send methods, an exec for each, so that lines are theirs, and with the last what the names are to stand for."""
        life = self._life
        taken = {one.name: keys_of(one, self.key(one))[-1] for one in methods} | names
        changed = {name: self._bound.get(name) for name, key in taken.items() if self._bound.get(name) != key}
        if any(changed.values()):
            self._contested = True
            self._ready.clear()
        # Should sending be cut short, nobody knows what they stand for.
        self._bound.update(dict.fromkeys(changed, ""))
        for method in methods:
            key = self.key(method)
            lines = [method.text, *entries(method, key, method.name)]
            after = {**self._bound, method.name: keys_of(method, key)[-1]}
            if method is methods[-1]:
                lines += self._binding(names, after)
            self._sent.update(keys_of(method, key))
            try:
                await self._board.deploy("\n".join(lines) + "\n", namespace=self._namespace)
            except DeviceError as error:
                raise refused(error, method) from None
            if life != self._life:
                return
            self.found(method)
            self._bound = after
        if not methods and (lines := self._binding(names, self._bound)):
            await self._board.deploy("\n".join(lines) + "\n", namespace=self._namespace)
        if life == self._life:
            self._bound.update(names)

    def _binding(self, names: dict[str, str], bound: dict[str, str]) -> list[str]:
        return [
            f"{name}={TABLE}[{bytes_literal(key.encode())}]"
            for name, key in names.items()
            if bound.get(name) != key
        ]

    def _reached(self, method: Method) -> list[Method]:
        found = [method]
        for one in found:  # which grows
            for name, called in one.calls.items():
                if called in self._own:
                    found += [called] if called not in found else []
                elif not self._board_home.has(called):
                    raise UsageError(
                        f"{one.name} calls {name}, a method of another session, whose names it does not see",
                        hint="make it a method of this session, or of the manager",
                    )
        return found

    def _of_the_board(self, methods: list[Method]) -> list[Method]:
        return [called for one in methods for called in one.calls.values() if called not in self._own]

    def _names(self, methods: list[Method]) -> dict[str, str]:
        """Return the keys of the functions that the names in these methods stand for."""
        wanted: dict[str, str] = {}
        for method in methods:
            called = {method.name: method, **method.calls} if _is_recursive(method) else method.calls
            for name, one in called.items():
                home = self if one in self._own else self._board_home
                key = keys_of(one, home.key(one))[-1]
                if wanted.setdefault(name, key) != key:
                    raise UsageError(
                        f"{methods[0].name} needs two methods called {name} at once, and a session has one of a name",
                        hint="give one of them another name, or make it a method of the manager",
                    )
        return wanted


def _is_recursive(method: Method) -> bool:
    # One that only writes its own name in a string is taken for recursive too, which does no harm.
    return len(re.findall(rf"\b{method.name}\b", method.text)) > 1
