"""Completion: the board's own names and modules, asked for in one turn, and the words of the shell's commands."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from devsession.coordinator.coordinator import MultiSessionCoordinator
from devsession.coordinator.program import SessionKind
from devsession.coordinator.states import CoordinatedState
from devsession.errors import DevsessionError, UsageError
from devsession.shell.commands import ALIASES, COMMANDS, command
from devsession.shell.reading import is_command

_DOTTED = re.compile(r"((?:[^\W\d]\w*\.)*)((?:[^\W\d]\w*)?)$")
_IMPORT = re.compile(r"^\s*(?:import\s+(?:[\w.]+\s*,\s*)*|from\s+)(\w*)$")
# A line so far that ends in a string or a comment: what is there names nothing.
_QUOTED = re.compile(r"""^(?:[^'"#]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")*(?:['"]|#.*$)[^'"]*$""")
_NAMES = "list(globals())+dir(__import__('builtins'))"
# What the firmware has is printed by help alone; the value is what the file system has beside it.
_MODULES = (
    "(help('modules'),(lambda s,o:[n for p in s.path if p[:1]!='.'for n in o(p or'/')])"
    "(__import__('sys'),lambda p:(lambda o:o.listdir(p)if p=='/'or p[1:].split('/')[0]in o.listdir('/')else[])"
    "(__import__('os'))))[1]"
)
_KEYWORDS = (
    *("and", "as", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except"),
    *("False", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "None", "not"),
    *("or", "pass", "raise", "return", "True", "try", "while", "with", "yield"),
)


class BoardCompleter(Completer):
    """Completes for the session in the foreground; while that, or its board, is at work there is nothing."""

    def __init__(self, coordinator: MultiSessionCoordinator) -> None:
        self._coordinator = coordinator
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Return nothing: a board's answer is waited for."""
        return ()

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """Yield what the word before the cursor may become."""
        if is_command(document.text):
            for completion in self._of_command(document, complete_event):
                yield completion
            return
        prefix, words = await self._of_python(document.current_line_before_cursor)
        for word in sorted(set(words)):
            if word.startswith(prefix) and (prefix or not word.startswith("_")):
                yield Completion(word, start_position=-len(prefix))

    def _of_command(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        *before, word = document.text_before_cursor.split(" ")
        if not before:
            names = [f"/{name}" for name in (*COMMANDS, *ALIASES)]
            yield from (Completion(name, -len(word)) for name in names if name.startswith(word))
            return
        try:
            takes = command(before[0][1:]).takes.value
        except UsageError:
            return
        what = takes[len(before) - 1] if len(before) <= len(takes) else ""
        if what == "file":
            yield from self._paths.get_completions(Document(word), event)
            return
        yield from (Completion(one, -len(word)) for one in self._words(what) if one.startswith(word))

    def _words(self, what: str) -> list[str]:
        words = {
            "session": [session.name for session in self._coordinator.list()],
            "board": list(self._coordinator.boards),
            "kind": [kind.value for kind in SessionKind],
            "flag": ["--all", "--waiting"],
        }
        return words.get(what, [])

    async def _of_python(self, line: str) -> tuple[str, Iterable[str]]:
        """Return the word before the cursor, and all names that can stand there."""
        session = self._coordinator.foreground
        if session is None or session.state is CoordinatedState.WAITING or _QUOTED.match(line):
            return "", ()
        if imported := _IMPORT.match(line):
            output, found = await self._asked(_MODULES)
            return imported[1], {*_modules(output), *_files(found)}
        dotted = _DOTTED.search(line)
        assert dotted is not None
        owner, prefix = dotted[1].removesuffix("."), dotted[2]
        if not owner:
            if not prefix:
                return "", ()
            _, names = await self._asked(_NAMES)
            return prefix, {*_names(names), *_KEYWORDS}
        _, names = await self._asked(f"dir({owner})")
        return prefix, _names(names)

    async def _asked(self, expression: str) -> tuple[str, object]:
        session = self._coordinator.foreground
        assert session is not None
        try:
            asked = await session.ask(expression)
        except DevsessionError:
            # There is nothing to complete from; the next program says why.
            return "", ()
        return (asked.output, asked.result) if asked is not None else ("", ())


def _names(value: object) -> set[str]:
    """Return what in an answer of a board is a name, and not devsession's own."""
    if not isinstance(value, list):
        return set()
    return {
        name
        for name in value
        if isinstance(name, str) and name.isidentifier() and not name.startswith("_devsession")
    }


def _modules(printed: str) -> set[str]:
    """Return the modules that help() lists: in columns, a package's parts with slashes, a sentence at the end."""
    lines = [line for line in printed.splitlines() if not line.startswith("Plus ")]
    return {word.partition("/")[0] for line in lines for word in line.split()} - {"__main__"}


def _files(value: object) -> set[str]:
    """Return the modules among the names of files and directories."""
    names = value if isinstance(value, list) else []
    stems = [name.removesuffix(".py").removesuffix(".mpy") for name in names if isinstance(name, str)]
    return {stem for stem in stems if stem.isidentifier()}
