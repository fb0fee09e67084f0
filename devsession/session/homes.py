"""Where methods live on a board: those of the board in a dict of their own each, those of a session in its namespace (session_home.py).

Both are called by a key of six characters, made of what is sent for them: programs that have different functions of one name do not meet,
and a method that is there already is never sent again, whoever sent it.
"""

from __future__ import annotations

import abc
import asyncio
import base64
import secrets
from contextlib import AbstractAsyncContextManager, nullcontext

from devsession.board.board import Board
from devsession.errors import DeviceError, UsageError
from devsession.methods.method import Kind, Method, check_names
from devsession.protocol.records import NONCE_BITS
from devsession.protocol.source import HELPER, KEY_LENGTH, bytes_literal, literal
from devsession.session.locating import refused

# Where the board has methods and namespaces, for programs in any namespace.
TABLE = f"__import__('__main__').{HELPER}_h['h']"
# Runs a coroutine to its end; what an earlier one left behind, interrupted or not awaited, does not run on.
_RUN = "(lambda m,c:(m.new_event_loop(),m.run(c))[1])(__import__('asyncio'),{}(*a,**k))"


class Home(abc.ABC):
    """A place for methods on a board; what is known of them is forgotten when the board starts anew."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._own: set[Method] = set()
        self._known: dict[str, Method] = {}
        self._gone: dict[str, Method] = {}
        self._deploying = asyncio.Lock()

    @abc.abstractmethod
    def key(self, method: Method) -> str:
        """Return what the method is called by."""

    @abc.abstractmethod
    def calling(self, method: Method) -> AbstractAsyncContextManager[None]:
        """Return what a call is made in: it does before what has to be done, and sees to it that nothing undoes it meanwhile."""

    @abc.abstractmethod
    async def ensure(self, method: Method) -> None:
        """See to it that the method is on the board."""

    @abc.abstractmethod
    async def evict(self, method: Method) -> int:
        """Have the board forget the method, and return how many bytes of its heap that gave back."""

    @abc.abstractmethod
    async def deploy(self, method: Method) -> None:
        """Send the method, unless it is known to be there."""

    def add(self, method: Method) -> None:
        """Know that the method is one of those that live here."""
        self._own.add(method)

    def has(self, method: Method) -> bool:
        """Whether the method is one of those that live here."""
        return method in self._own

    def is_known(self, method: Method) -> bool:
        """Whether the method was seen on the board in its present life."""
        return self.key(method) in self._known

    def found(self, method: Method) -> None:
        """Know that the method is there."""
        self._known[self.key(method)] = method

    def missed(self, method: Method) -> None:
        """Know that the method is not there: it was never sent, or somebody had the board forget it."""
        self._known.pop(self.key(method), None)

    @property
    def has_gone(self) -> bool:
        """Whether something of it went when the board started anew."""
        return bool(self._gone)

    def forget(self) -> None:
        """Know nothing any more: the board started anew."""
        self._gone.update(self._known)
        self._known.clear()

    async def restore(self) -> None:
        """Send again what went when the board started anew."""
        gone, self._gone = self._gone, {}
        for method in gone.values():
            await self.deploy(method)


class BoardHome(Home):
    """The methods of a board, shared by all who use it."""

    def key(self, method: Method) -> str:
        """Return what the method is called by: the same for all who have the same text."""
        return key_of(method.digest)

    def calling(self, method: Method) -> AbstractAsyncContextManager[None]:
        """Look only whether it could be sent: another process may have done that, and a call shows it. Raises UsageError."""
        if not self.is_known(method):
            self._check(method)
        return nullcontext()

    async def ensure(self, method: Method) -> None:
        """See to it that the method is on the board: ask for it, where it is not known, and send it where it is not there."""
        key = self.key(method)
        if key not in self._known:
            self._check(method)
            async with self._deploying:
                if (
                    key not in self._known
                    and (await self._board.ask(f"{bytes_literal(key.encode())} in {TABLE}")).value
                ):
                    self._known[key] = method
        await self.deploy(method)

    async def deploy(self, method: Method) -> None:
        """Send the method, unless it is known to be there, with those that it calls, in one exec that leaves all of them or none.

        Raises UsageError, before a byte is sent, for a name that would be missing there.
        """
        async with self._deploying:
            if not self.is_known(method):
                self._check(method)
                await self._send(method.reachable())

    async def evict(self, method: Method) -> int:
        """Have the board forget the method, for everybody, and return how many bytes of its heap that gave back."""
        async with self._deploying:
            self.missed(method)
            return await self._board.drop(any_namespace(), keys_of(method, self.key(method)))

    def _check(self, method: Method) -> None:
        check_names(method)
        for one in method.reachable():
            if one not in self._own:
                raise UsageError(
                    f"{method.name} calls {one.name}, a method of a session, which others do not see",
                    hint="make it a method of the manager too, or this one a session's",
                )

    async def _send(self, methods: list[Method]) -> None:
        namespace = any_namespace()
        try:
            await self._board.deploy(self._installation(methods, namespace), namespace=namespace)
        except DeviceError as error:
            # Where it was not even compiled, its last line did not run.
            await self._board.drop(namespace)
            if error.kind == "SyntaxError":
                await self._find_fault(methods)
            raise refused(error, methods[0]) from None
        self._known.update((self.key(one), one) for one in methods)

    async def _find_fault(self, methods: list[Method]) -> None:
        """Raise the DeviceError of the first that the board does not take, with its place in the host's file."""
        for method in methods:
            namespace = any_namespace()
            try:
                await self._board.deploy(method.text, namespace=namespace)
            except DeviceError as error:
                raise refused(error, method) from None
            finally:
                await self._board.drop(namespace)

    def _installation(self, methods: list[Method], namespace: int) -> str:
        # The namespace in which this runs is made for it, and taken from the table at the end: the functions keep what they need of it.
        if len(methods) == 1:
            return self._alone(methods[0], namespace)
        lines = ["m=[]"]
        for method in methods:
            lines += ["m.append({'__name__':'method'})", f"exec({literal(method.text)},m[-1])"]
        for number, method in enumerate(methods):
            lines += [
                f"m[{number}][{name!r}]=m[{methods.index(called)}][{called.name!r}]"
                for name, called in method.calls.items()
                if called is not method or name != method.name
            ]
        for number, method in enumerate(methods):
            lines += entries(method, self.key(method), f"m[{number}][{method.name!r}]")
        return "\n ".join(["try:", *lines]) + f"\nfinally:{TABLE}.pop({namespace})\n"

    def _alone(self, method: Method, namespace: int) -> str:
        # Not held twice, as text and as a string: that counts on small boards.
        aliases = [f"{name}={method.name}" for name in method.calls if name != method.name]
        lines = [method.text, *aliases, *entries(method, self.key(method), method.name)]
        return "\n".join(lines) + f"\n{TABLE}.pop({namespace})\n"


def key_of(digest: bytes) -> str:
    """Return the key that stands for a digest."""
    return base64.urlsafe_b64encode(digest)[:KEY_LENGTH].decode()


def keys_of(method: Method, key: str) -> tuple[str, ...]:
    """Return the keys of a method on the board: the one it is called by, and last the one of the function itself."""
    return (key, f"{key}*") if method.kind is Kind.ASYNC else (key,)


def entries(method: Method, key: str, function: str) -> list[str]:
    """Return the code that puts the function of that name on the board under the method's keys; a coroutine is called by what runs it."""
    keys = [bytes_literal(name.encode()) for name in keys_of(method, key)]
    lines = [f"{TABLE}[{keys[-1]}]={function}"]
    if len(keys) > 1:
        lines.append(f"{TABLE}[{keys[0]}]=(lambda f:lambda*a,**k:{_RUN.format('f')})({function})")
    return lines


def any_namespace() -> int:
    """Return the number of a namespace that nobody else has."""
    return secrets.randbits(NONCE_BITS - 1) + 1
