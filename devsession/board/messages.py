"""What programs on a board send by themselves with ``devsession_helper.emit``, for those who listen."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from devsession.board.execution import Opaque, brought
from devsession.errors import ProtocolError
from devsession.protocol.events import Emitted

# What messages of modules carry in place of a namespace: they are for everybody.
EVERYBODY = -1


@dataclass(frozen=True, slots=True)
class Event:
    """What a program on a board sent by itself; ``time`` is when it came (``time.time()``)."""

    time: float
    result: Any

    @property
    def value(self) -> Any:
        """What was sent, exact; raises UnrepresentableValueError, which has type and text, for what has no form here."""
        return brought(self.result)


@dataclass(frozen=True, slots=True)
class Question:
    """A program of a session waits for a line that ends with ``line_end``: for ``input``, or at a pause point, where there is no prompt."""

    prompt: str | None
    line_end: bytes

    @property
    def echoes(self) -> bool:
        """Whether the board itself prints what is written to it."""
        return self.line_end == b"\r"


class Listener(Protocol):
    """Who is told what a namespace sends; nobody else needs to hold it: one that is dropped is told no more."""

    def take(self, event: Event) -> None:
        """Take an event, at once and without raising."""

    def wake(self) -> None:
        """Look whether the link is still there."""


class Messages:
    """Hands messages to listeners by namespace, and knows in which namespaces the board has what sends them.

    ``dropped`` counts those that nobody listened for, of an earlier attach, or damaged on the way.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._listeners: dict[int, weakref.WeakSet[Listener]] = {}
        self._answering: dict[int, Callable[[Question], None]] = {}
        # By namespace the life of the board in which the emitter was put there; -1 where it is wanted and never was.
        self._lives: dict[int, int] = {}

    def listen(self, namespace: int, listener: Listener) -> None:
        """Tell ``listener`` the messages of a namespace; its programs find an emitter from the next one on."""
        self._listeners.setdefault(namespace, weakref.WeakSet()).add(listener)
        self._lives.setdefault(namespace, -1)

    def ignore(self, namespace: int, listener: Listener) -> None:
        """Tell ``listener`` no more; the emitter stays."""
        self._listeners.get(namespace, weakref.WeakSet()).discard(listener)

    def answer(self, namespace: int, asked: Callable[[Question], None]) -> None:
        """Have ``asked`` called when a program of a namespace asks for a line; its programs find the ``input`` that does from the next on.

        The line is to be written to the program that asks.
        """
        self._answering[namespace] = asked
        self._lives[namespace] = -1

    def asks(self, namespace: int) -> bool:
        """Whether somebody answers the programs of a namespace."""
        return namespace in self._answering

    def forget(self, namespace: int) -> None:
        """Know that a namespace is no more."""
        self._listeners.pop(namespace, None)
        self._answering.pop(namespace, None)
        self._lives.pop(namespace, None)

    def is_missing(self, namespace: int, life: int) -> bool:
        """Whether a namespace wants an emitter that was not put there in this life of the board."""
        return self._lives.get(namespace, life) != life

    def has_put(self, namespace: int, life: int) -> None:
        """Know that the emitter is there."""
        if namespace in self._lives:
            self._lives[namespace] = life

    def take(self, emitted: Emitted, nonce: int | None) -> None:
        """Take a message from the wire, where ``nonce`` is that of this attach."""
        found = _read(emitted.payload) if emitted.payload is not None and emitted.nonce == nonce else None
        if found is not None and isinstance(found[1], Question) and found[0] in self._answering:
            self._answering[found[0]](found[1])
            return
        listeners = self._listeners_for(found[0]) if found is not None else []
        if found is None or not listeners or isinstance(found[1], Question):
            self.dropped += 1
            return
        event = Event(time.time(), found[1])
        for listener in listeners:
            listener.take(event)

    def wake(self) -> None:
        """Have all listeners look whether the link is still there."""
        for listener in self._listeners_for(EVERYBODY):
            listener.wake()

    def _listeners_for(self, namespace: int) -> list[Listener]:
        if namespace == EVERYBODY:
            return [listener for listeners in self._listeners.values() for listener in listeners]
        return list(self._listeners.get(namespace, ()))


def _read(payload: bytes) -> tuple[int, Any] | None:
    """Return the namespace and the value that a payload holds, ``None`` for what is none."""
    from devsession.protocol import values

    try:
        namespace, *found = values.parse_all(payload.decode())
    except ProtocolError:
        return None
    match found:
        case [value] if isinstance(namespace, int):
            return namespace, value
        case [str(kind), str(text)] if isinstance(namespace, int):
            return namespace, Opaque(kind, text)
        case [None, str() | None as prompt, bool(as_file)] if isinstance(namespace, int):
            return namespace, Question(prompt, b"\n" if as_file else b"\r")
    return None
