"""What a session remembers on the host: values by name, typed where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, TypeVar, overload

from devsession.errors import UsageError

_T = TypeVar("_T")


class SessionState(MutableMapping[str, Any]):
    """A session's own values on the host: a mapping with typed access. It never touches the board."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"SessionState({self._values!r})"

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str):
            raise UsageError(f"values have names, not {name!r}", phase="session")
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        del self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def typed(self, name: str, kind: type[_T]) -> _T: ...
    @overload
    def typed(self, name: str, kind: type[_T], default: _T) -> _T: ...

    def typed(self, name: str, kind: type[_T], default: _T | None = None) -> _T:
        """Return the value of ``name``, which must be a ``kind``; ``default`` where there is none.

        Raises KeyError where there is neither, UsageError for a value of another type.
        """
        if name not in self._values and default is not None:
            return default
        value = self._values[name]
        if not isinstance(value, kind):
            raise UsageError(
                f"{name!r} holds a {type(value).__name__}, not a {kind.__name__}", phase="session"
            )
        return value
