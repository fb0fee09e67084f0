"""Where methods live on a board: those of the board in a dict of their own each, those of a session in its namespace.

Both are called by a key of six characters, made of what is sent for them: programs that have different functions of one name do not meet,
and a method that is there already is never sent again, whoever sent it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from typing import Protocol

from devsession.board.board import Board
from devsession.errors import UsageError
from devsession.methods.method import Kind, Method, check_names
from devsession.protocol.records import NONCE_BITS
from devsession.protocol.source import HELPER, KEY_LENGTH, literal

# Where the board has methods and namespaces, for programs in any namespace.
TABLE = f"__import__('__main__').{HELPER}_h['h']"


class Home(Protocol):
    """A place for methods on a board."""

    def add(self, method: Method) -> None:
        """Know that the method is one of those that live here."""

    def key(self, method: Method) -> str:
        """Return what the method is called by."""

    def is_known(self, method: Method) -> bool:
        """Whether the method was seen on the board in its present life."""

    def found(self, method: Method) -> None:
        """Know that the method is there."""

    async def prepare(self, method: Method) -> None:
        """Do what has to be done before a call."""

    async def ensure(self, method: Method) -> None:
        """See to it that the method is on the board."""

    async def evict(self, method: Method) -> int:
        """Have the board forget the method, and return how many bytes of its heap that gave back."""

    async def deploy(self, method: Method) -> None:
        """Send the method, whatever is known of it."""


class BoardHome:
    """The methods of a board, shared by all who use it; what is known of them is forgotten when the board starts anew."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._own: set[Method] = set()
        self._known: dict[str, Method] = {}
        self._gone: dict[str, Method] = {}
        self._deploying = asyncio.Lock()

    def add(self, method: Method) -> None:
        """Know that the method is one of the board's."""
        self._own.add(method)

    def has(self, method: Method) -> bool:
        """Whether the method is one of the board's."""
        return method in self._own

    def key(self, method: Method) -> str:
        """Return what the method is called by: the same for all who have the same text."""
        return _text_of(method.digest)

    def is_known(self, method: Method) -> bool:
        """Whether the method was seen on the board in its present life."""
        return self.key(method) in self._known

    def found(self, method: Method) -> None:
        """Know that the method is there."""
        self._known[self.key(method)] = method

    def forget(self) -> None:
        """Know nothing any more: the board started anew."""
        self._gone.update(self._known)
        self._known.clear()

    async def restore(self) -> None:
        """Send again what went when the board started anew."""
        gone, self._gone = self._gone, {}
        for key, method in gone.items():
            if key not in self._known:
                await self.deploy(method)

    async def prepare(self, method: Method) -> None:
        """Do nothing: another process may have sent it, and a call shows that."""

    async def ensure(self, method: Method) -> None:
        """See to it that the method is on the board: ask for it, where it is not known, and send it where it is not there."""
        key = self.key(method)
        async with self._deploying:
            if key not in self._known:
                asked = await self._board.ask(f"{key.encode()!r} in {TABLE}")
                if asked.value:
                    self._known[key] = method
        if key not in self._known:
            await self.deploy(method)

    async def deploy(self, method: Method) -> None:
        """Send the method with those that it calls, in one exec that leaves all of them or none.

        Raises UsageError, before a byte is sent, for a name that would be missing there.
        """
        check_names(method)
        reached = method.reachable()
        for one in reached:
            if one not in self._own:
                raise UsageError(
                    f"{method.name} calls {one.name}, a method of a session, which others do not see",
                    hint="make it a method of the manager too, or this one a session's",
                )
        async with self._deploying:
            namespace = _any_namespace()
            await self._board.deploy(self._installation(reached, namespace), namespace=namespace)
            self._known.update((self.key(one), one) for one in reached)

    async def evict(self, method: Method) -> int:
        """Have the board forget the method, for everybody, and return how many bytes of its heap that gave back."""
        key = self.key(method)
        async with self._deploying:
            self._known.pop(key, None)
            return await self._board.drop(_any_namespace(), (key,))

    def _installation(self, methods: list[Method], namespace: int) -> str:
        # The namespace in which this runs is made for it, and taken away by its last line.
        lines = ["m=[]"]
        for method in methods:
            lines += ["m.append({'__name__':'method'})", f"exec({literal(method.text)},m[-1])"]
        for number, method in enumerate(methods):
            lines += [
                f"m[{number}][{name!r}]=m[{methods.index(called)}][{called.name!r}]"
                for name, called in method.calls.items()
                if called is not method
            ]
        lines += [
            f"{TABLE}[{self.key(method).encode()!r}]={_called(method, f'm[{number}][{method.name!r}]')}"
            for number, method in enumerate(methods)
        ]
        return "\n".join([*lines, f"{TABLE}.pop({namespace})\n"])


class SessionHome:
    """The methods of one session: they see its names, and go with it."""

    def __init__(self, board: Board, board_home: BoardHome, namespace: int) -> None:
        self._board = board
        self._board_home = board_home
        self._namespace = namespace
        self._own: set[Method] = set()
        self._known: dict[str, Method] = {}
        self._gone: dict[str, Method] = {}
        self._deploying = asyncio.Lock()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of what was sent."""
        return tuple(sorted(self._known))

    def add(self, method: Method) -> None:
        """Know that the method is one of this session."""
        self._own.add(method)

    def key(self, method: Method) -> str:
        """Return what the method is called by in this session."""
        own = hashlib.blake2s(method.digest + self._namespace.to_bytes(8, "big"), digest_size=8)
        return _text_of(own.digest())

    def is_known(self, method: Method) -> bool:
        """Whether the method is in this session's namespace."""
        return self.key(method) in self._known

    def found(self, method: Method) -> None:
        """Know that the method is there."""
        self._known[self.key(method)] = method

    def forget(self) -> None:
        """Know nothing any more: the board started anew."""
        self._gone.update(self._known)
        self._known.clear()

    @property
    def has_gone(self) -> bool:
        """Whether something of it went when the board started anew."""
        return bool(self._gone)

    async def restore(self) -> None:
        """Send again what went when the board started anew."""
        gone, self._gone = self._gone, {}
        for key, method in gone.items():
            if key not in self._known:
                await self.deploy(method)

    async def prepare(self, method: Method) -> None:
        """Send the method, unless that was done: nobody else does it."""
        await self.ensure(method)

    async def ensure(self, method: Method) -> None:
        """See to it that the method is in the namespace."""
        if not self.is_known(method):
            await self.deploy(method)

    async def deploy(self, method: Method) -> None:
        """Send the method with those of the session that it calls; those of the board are put where it sees them.

        Raises UsageError, before a byte is sent, for a method of another session.
        """
        async with self._deploying:
            found = [method]
            for one in found:  # which grows
                found += [
                    called for called in self._called(one) if called in self._own and called not in found
                ]
            for one in found:
                if one is method or not self.is_known(one):
                    await self._send(one)

    async def evict(self, method: Method) -> int:
        """Have the session forget the method, and return how many bytes of the board's heap that gave back."""
        key = self.key(method)
        async with self._deploying:
            self._known.pop(key, None)
            await self._board.deploy(f"globals().pop({method.name!r},0)\n", namespace=self._namespace)
            return await self._board.drop(_any_namespace(), (key,))

    async def _send(self, method: Method) -> None:
        lines = [method.text]
        for name, called in method.calls.items():
            if called not in self._own:
                await self._board_home.ensure(called)
                lines.append(f"{name}={TABLE}[{self._board_home.key(called).encode()!r}]")
        lines.append(f"{TABLE}[{self.key(method).encode()!r}]={_called(method, method.name)}\n")
        await self._board.deploy("\n".join(lines), namespace=self._namespace)
        self.found(method)

    def _called(self, method: Method) -> list[Method]:
        for name, called in method.calls.items():
            if called not in self._own and not self._board_home.has(called):
                raise UsageError(
                    f"{method.name} calls {name}, a method of another session, whose names it does not see",
                    hint="make it a method of this session, or of the manager",
                )
        return list(method.calls.values())


def _text_of(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest)[:KEY_LENGTH].decode()


def _any_namespace() -> int:
    return secrets.randbits(NONCE_BITS - 1) + 1


def _called(method: Method, name: str) -> str:
    """Return the code of what is called for a method: itself, or for a coroutine what runs it to its end."""
    if method.kind is Kind.ASYNC:
        return f"lambda*a,**k:__import__('asyncio').run({name}(*a,**k))"
    return name
