"""Waiting for what a board prints."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devsession.board.deadline import Deadline
from devsession.board.output import OutputLog
from devsession.errors import ExpectError

# How far back new output is searched together with what was there before: a match may be as long as this, in bytes.
WINDOW = 65536
# How much of what was seen an error carries.
_SEEN = 4096

Patterns = str | re.Pattern[str] | Sequence[str | re.Pattern[str]]


@dataclass(frozen=True, slots=True)
class Expected:
    """What was waited for: ``index`` of the pattern that matched, its ``match``, and what was printed ``before`` it.

    ``expected[1]`` is the match's group 1.
    """

    index: int
    match: re.Match[str]
    before: str

    def __getitem__(self, group: int | str) -> str:
        found = self.match[group]
        return "" if found is None else str(found)


class Expecter:
    """Searches one board's output, each search from where the last one matched.

    ``ended`` says why nothing more will come, or is ``None`` while something may.
    """

    def __init__(
        self, output: OutputLog, ended: Callable[[], str | None], board: str, position: int = 0
    ) -> None:
        self._output = output
        self._ended = ended
        self._board = board
        self._position = position

    async def expect(self, patterns: Patterns, timeout: float | None) -> Expected:
        """Wait for the first of ``patterns`` (regular expressions over text) to be printed.

        Of several that match the one listed first wins. ``timeout`` in seconds, ``None`` for no limit. Raises ExpectError with what was
        printed instead, when the time is over, the program has ended or the link was lost. When cancelled nothing is consumed.
        """
        compiled = [re.compile(pattern) for pattern in _listed(patterns)]
        deadline = Deadline.after(timeout)
        searched = self._position
        try:
            async with asyncio.timeout(deadline.remaining):
                while True:
                    # In this order: what was printed last is searched though nothing more will come.
                    over = self._ended()
                    if found := self._search(compiled, max(self._position, searched - WINDOW)):
                        return found
                    searched = self._output.end
                    if over is not None:
                        raise self._missing(compiled, over)
                    await self._output.changed()
        except ExpectError:
            raise
        except TimeoutError:
            raise self._missing(compiled, f"{timeout:g} s have passed") from None

    def skip(self) -> None:
        """Leave out what was printed up to now."""
        self._position = self._output.end

    def _search(self, patterns: list[re.Pattern[str]], position: int) -> Expected | None:
        at, data = self._output.since(position)
        # This way of reading bytes that are no UTF-8 has a way back, which tells where the match ended.
        text = data.decode("utf-8", "surrogateescape")
        for index, pattern in enumerate(patterns):
            if match := pattern.search(text):
                begin = len(text[: match.start()].encode("utf-8", "surrogateescape"))
                before = self._output.since(self._position)[1]
                before = before[: max(0, len(before) - len(data) + begin)]
                self._position = at + len(text[: match.end()].encode("utf-8", "surrogateescape"))
                return Expected(index, match, before.decode("utf-8", "backslashreplace"))
        return None

    def _missing(self, patterns: list[re.Pattern[str]], why: str) -> ExpectError:
        wanted = " or ".join(repr(pattern.pattern) for pattern in patterns)
        seen = self._output.since(max(self._position, self._output.end - _SEEN))[1]
        said = "and nothing was printed" if not seen else "and what was printed does not match"
        return ExpectError(f"{wanted} was not printed: {why}, {said}", output=seen, board=self._board)


def _listed(patterns: Patterns) -> Sequence[str | re.Pattern[str]]:
    return [patterns] if isinstance(patterns, str | re.Pattern) else patterns
