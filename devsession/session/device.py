"""The variables of a session on its board."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Any

from devsession.errors import UsageError
from devsession.protocol.source import ASKING, EMITTER

if TYPE_CHECKING:
    from devsession.session.capabilities import DeviceCapabilities
    from devsession.session.facts import Facts
    from devsession.session.session import DeviceSession


class DeviceContext:
    """Names in a session's namespace on the board, each method one turn; and what is known of the board, which costs none."""

    def __init__(self, session: DeviceSession, facts: Facts) -> None:
        self._session = session
        self._facts = facts

    @property
    def capabilities(self) -> DeviceCapabilities:
        """What the board is and can do; raises SessionError where nothing is known of it."""
        return self._facts.capabilities

    async def define(self, name: str, value: Any) -> None:
        """Give ``name`` a value on the board; raises UsageError for what is no name or cannot be sent, before a byte is."""
        from devsession.session.references import written

        await self._session.exec_quietly(f"{checked_name(name)} = {written(value)}")

    async def get(self, name: str) -> Any:
        """Return the value of ``name``; raises DeviceError (NameError) where there is none, UnrepresentableValueError."""
        return await self._session.eval_quietly(checked_name(name))

    async def is_defined(self, name: str) -> bool:
        """Return whether ``name`` is defined in this session's namespace."""
        return bool(await self._session.eval_quietly(f"{checked_name(name)!r} in globals()"))

    async def names(self) -> list[str]:
        """Return the names in this session's namespace, sorted, without those that begin with two underscores."""
        names = await self._session.eval_quietly(
            "[n for n in globals() if isinstance(n,str) and n[:2]!='__']"
        )
        ours = {EMITTER, *ASKING} if self._session.asks else {EMITTER}
        return sorted(name for name in names if not name.startswith("_devsession") and name not in ours)

    async def delete(self, name: str) -> None:
        """Delete ``name``; raises DeviceError where there is none."""
        await self._session.exec_quietly(f"del {checked_name(name)}")


def checked_name(name: str) -> str:
    """Return the name of a variable on a board; raises UsageError for what cannot be one."""
    is_name = isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)
    if not is_name or name.startswith("_devsession"):
        raise UsageError(f"{name!r} is no name of a variable", phase="session")
    return name
