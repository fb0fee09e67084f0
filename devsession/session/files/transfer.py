"""Moving what is in files in one exec: a program of the board takes it or sends it, and says whether it arrived as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from devsession.board.board import Board
from devsession.board.exchange import Exchange
from devsession.board.log import log
from devsession.errors import DeviceError, MethodMissingError, RemoteProtocolError
from devsession.methods.arguments import encode
from devsession.protocol.segments import END, Form, heading
from devsession.session.files.sources import Content
from devsession.session.files.transfer_code import SEGMENT_LEAST, Program, getting, grant_of, putting

# How long nothing may move, in seconds: a file system that tidies up takes some.
PATIENCE = 10.0
# How often what was damaged on its way is sent again.
DAMAGES = 2
# What damage makes of hashes and of deflated data, and of lengths, numbers and text.
_EBADMSG = 74
_OF_DAMAGE = frozenset({"ValueError", "UnicodeError", "EOFError"})
# What the program is to be called with, and what goes on meanwhile.
_Attempt = tuple[Program, str, Exchange]


def nobody(_: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A file for the board, or a directory where ``content`` is ``None``.

    ``beside``: the number of the name that it has meanwhile, or 0.
    """

    path: str
    content: Content | None
    beside: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part of a file of the board: where it begins, and how many bytes at most (-1: all)."""

    path: str
    begin: int = 0
    size: int = -1


class Transfer:
    """Moves files in the form that a board has; ``kind`` as ``form_of`` tells it, ``patience`` in seconds."""

    def __init__(self, board: Board, form: Form, kind: str, patience: float = PATIENCE) -> None:
        self._board = board
        self._form = form
        self._kind = kind
        self._patience = patience

    async def put(
        self, files: Sequence[Outgoing], what: str, sent: Callable[[int], object] = nobody
    ) -> tuple[int, ...]:
        """Put files on the board, and return mode, size and time of the last; ``what`` is what messages call them.

        ``sent`` is told of each piece handed on how many bytes of theirs it is; again, should they have to be sent again.

        Raises DeviceError: those before the one that failed are there then; RemoteProtocolError for what was damaged again and again, and
        what ``Board.exec`` does.
        """

        def attempt(form: Form) -> _Attempt:
            grant = grant_of(form, self._board.flow)
            exchange = Exchange(
                patience=self._patience, chunks=lambda: _chunks(files, form, sent), grant=grant
            )
            return putting(form, self._kind), f"{grant},{form.window}", exchange

        found: tuple[int, ...] = await self._perform(attempt, lambda _form, told: told, f"putting {what}")
        return found

    async def get(self, files: Sequence[Wanted], what: str) -> list[bytes]:
        """Return parts of the board's files, all of which are held in memory here; raises as ``put``."""
        parts: list[list[bytes]] = []

        def attempt(form: Form) -> _Attempt:
            parts[:] = [[]]

            def take(payload: bytes) -> None:
                if payload:
                    parts[-1].append(payload)
                else:
                    parts.append([])

            listed = "".join(f"({encode(file.path)},{file.begin},{file.size})," for file in files)
            exchange = Exchange(patience=self._patience, take=take)
            return getting(form, self._kind), f"{form.size},[{listed}]", exchange

        def verified(form: Form, told: Any) -> list[bytes]:
            found = [_whole(part, form) for part in parts[:-1]]
            if [_digest(form, data) for data in found] != told:
                raise RemoteProtocolError("what came is not what was sent", phase="files")
            return found

        got: list[bytes] = await self._perform(attempt, verified, f"getting {what}")
        return got

    async def _perform(
        self, attempt: Callable[[Form], _Attempt], verified: Callable[[Form, Any], Any], what: str
    ) -> Any:
        form, damages = self._form, 0
        while True:
            try:
                return verified(form, await self._call(*attempt(form), what))
            except DeviceError as error:
                if error.kind == "MemoryError" and form.size > SEGMENT_LEAST:
                    # Others took the heap, or it is in pieces.
                    form = form.smaller()
                    continue
                if error.errno != _EBADMSG and error.kind not in _OF_DAMAGE:
                    raise
                damage: Exception = error
            except RemoteProtocolError as error:
                damage = error
            damages += 1
            log.event("transfer again", board=self._board.url, what=what, why=str(damage))
            if damages > DAMAGES:
                raise RemoteProtocolError(
                    f"{what}: it was damaged on its way {damages} times, and what was there before is there still",
                    board=self._board.url,
                    phase="files",
                    hint="a slower baud rate, a shorter cable or a link with flow control",
                ) from damage

    async def _call(self, program: Program, arguments: str, exchange: Exchange, what: str) -> Any:
        call: Any = {"timeout": self._patience, "name": what, "exchange": exchange}
        with suppress(MethodMissingError):
            return (await self._board.call(program.key, program.call(arguments), **call)).value
        return (await self._board.ask(program.first_call(arguments), **call)).value


async def _chunks(
    files: Sequence[Outgoing], form: Form, sent: Callable[[int], object]
) -> AsyncIterator[bytes]:
    for file in files:
        # The board looks whether there is room for both contents.
        size = file.content.size if file.content is not None and file.beside else 0
        for segment in form.segments(heading(file.path, size, file.beside)):
            yield segment
        if file.content is None:
            continue
        digest = form.check.begin()
        for piece in file.content.pieces(form.piece):
            digest.update(piece)
            for segment in form.segments(piece):
                yield segment
            sent(len(piece))
        yield END
        for segment in form.segments(digest.digest()):
            yield segment
    yield END


def _digest(form: Form, data: bytes) -> bytes:
    digest = form.check.begin()
    digest.update(data)
    return digest.digest()


def _whole(part: list[bytes], form: Form) -> bytes:
    try:
        return b"".join([form.decode(payload) for payload in part])
    except ValueError as error:
        raise RemoteProtocolError(f"what came is no {form.coding.value}", phase="files") from error
