"""What keys do in the shell, and what of what was typed is kept."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from prompt_toolkit.filters import is_searching
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from devsession.shell.reading import indentation, is_whole


class Typist(Protocol):
    """Who is told of keys."""

    @property
    def is_asked(self) -> bool:
        """Whether what is typed goes to a program that asks for it."""

    def interrupt(self) -> None:
        """Stop what runs in the foreground."""

    def suspend(self) -> None:
        """Stop this process until it is brought back."""


def bindings(typist: Typist) -> KeyBindings:
    """Return what keys do beside editing."""
    keys = KeyBindings()
    # A search in the history has keys of its own for these.
    edits = ~is_searching

    @keys.add("enter", filter=edits)
    def take_or_go_on(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None
        elif typist.is_asked or (is_whole(buffer.text) and not buffer.document.text_after_cursor.strip()):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n" + indentation(buffer.document.current_line_before_cursor))

    @keys.add("escape", "enter", filter=edits)
    def begin_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c", filter=edits)
    def interrupt(event: KeyPressEvent) -> None:
        typist.interrupt()

    @keys.add("c-z")
    def suspend(event: KeyPressEvent) -> None:
        typist.suspend()

    return keys


class History(FileHistory):
    """What was typed before, in the file ``path`` that its user alone can read; what programs ask for is not kept there."""

    def __init__(self, path: Path, typist: Typist) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        super().__init__(str(path))
        self._typist = typist

    def load_history_strings(self) -> Iterable[str]:
        """Return what was typed, the last first; nothing where it cannot be read."""
        try:
            return super().load_history_strings()
        except OSError:
            return ()

    def append_string(self, string: str) -> None:
        """Keep what was typed, unless a program asked for it."""
        if not self._typist.is_asked and string.strip():
            super().append_string(string)
