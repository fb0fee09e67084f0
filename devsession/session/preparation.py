"""What goes before a session's programs: its profile, once in each life of the board, and shared variables that have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devsession.errors import DeviceError, SessionError, UsageError
from devsession.protocol import source as sources
from devsession.session import imports, joining
from devsession.session.applying import Applying, had_no_room
from devsession.session.profile_report import ProfileReport
from devsession.session.shared import SharedVariables, Widths, expressions, statements

if TYPE_CHECKING:
    from devsession.session.profile import SessionProfile
    from devsession.session.session import DeviceSession


@dataclass(frozen=True, slots=True, eq=False)
class Push:
    """Shared variables on their way: by name their versions (0 for none) and their values, all as of one ``version``."""

    versions: dict[str, int] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    widths: Widths = (64, None)
    names: int = 0  # how many names were in use then; more come, none go

    @property
    def pieces(self) -> list[str]:
        """The code that sets them, in as many programs as it takes."""
        return joining.packed(statements(self.versions, self.values, self.widths))


NOTHING = Push()
# The version of a name of which it is unknown what the namespace holds.
_UNKNOWN = -1


class Preparation:
    """What has to be on the board before the next program of ``session``."""

    def __init__(
        self, session: DeviceSession, shared: SharedVariables, profile: SessionProfile | None
    ) -> None:
        if profile is not None:
            _check_kind(profile)
        self._session = session
        self._shared = shared
        self._profile = profile
        self.allowed = profile.may_import() if profile else None
        self._names = dict.fromkeys(profile.shared if profile else ())
        # By name the version that the namespace holds, and up to which version there is nothing new.
        self._sent: dict[str, int] = {}
        self._seen = _UNKNOWN
        self._under_way: set[Push] = set()
        # Whether programs carry what is new: not where the board once had no room to compile one that did.
        self._joins = True
        self._lock = asyncio.Lock()
        self._applier: asyncio.Task[object] | None = None
        self._life = 0
        self._applying = Applying(session, profile) if profile else None
        self.is_ready = profile is None
        self.report: ProfileReport | None = None

    def board_started_anew(self) -> None:
        """Know that nothing is on the board any more."""
        self._life += 1
        self._sent.clear()
        self._seen = _UNKNOWN
        self.is_ready = self._profile is None

    def use(self, *names: str) -> None:
        """Have shared variables sent from now on."""
        self._names.update(dict.fromkeys(names))
        self._seen = _UNKNOWN

    async def ready(self) -> None:
        """Apply the profile if that has not been done in this life of the board; raises ProfileError, and what ``exec`` does."""
        if self._applying is None or self.is_ready or self._applier is asyncio.current_task():
            return
        async with self._lock:
            if self.is_ready:
                return
            life = self._life
            push = self._push()
            self._applier = asyncio.current_task()
            try:
                with self.sending(push):
                    await self._applying.apply(push.pieces, tuple(self._names))
            finally:
                self._applier = None
                self.report = self._applying.report
            self.is_ready = life == self._life

    # Before each program

    def check(self, program: str | Path) -> None:
        """Raise UsageError for a program of the user's that imports what the profile does not allow."""
        if self.allowed is None:
            return
        if isinstance(program, str):
            imports.check(program, self.allowed)
            return
        try:
            text = program.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            return  # what reads it to send it says so
        imports.check(text, self.allowed, str(program))

    async def all(self) -> None:
        """Bring all that is to be there, in turns of its own; for what is sent in another way than as a program."""
        await self.ready()
        push = self._push()
        if push is not NOTHING:
            with self.sending(push):
                await self._send(push)

    async def before(self, source: str) -> tuple[str, Push]:
        """Return the source of an exec with what is to go before it, in one; send it ``sending`` what comes with it."""
        await self.ready()
        push = self._push()
        if push is NOTHING:
            return source, push
        is_value = len(source) <= sources.EXPRESSION_LIMIT and sources.is_expression(source)
        return await self._joined(push, source, is_value=is_value)

    async def before_value(self, expression: str) -> tuple[str, Push]:
        """Return an expression with what is to go before it; as ``before``."""
        await self.ready()
        push = self._push()
        if push is NOTHING or not sources.is_expression(sources.normalise(expression)):
            return expression, push
        return await self._joined(push, expression, is_value=True)

    async def before_program(self, program: str | Path) -> tuple[str | Path, Push]:
        """Return a program with what is to go before it; as ``before``. A file is left alone: tracebacks tell its name."""
        self.check(program)
        await self.ready()
        push = self._push()
        if push is NOTHING:
            return program, push
        if isinstance(program, str):
            return await self._joined(push, program, is_value=False)
        await self._send(push)
        return program, push

    def before_start(self, program: str | Path) -> list[str]:
        """Return what is to run before a program that is started at once; raises SessionError while the profile is not applied."""
        self.check(program)
        if not self.is_ready:
            raise SessionError(
                f"the profile of session {self._session.name} is not applied yet",
                board=self._session.url,
                hint="await session.prepare() first",
            )
        # Whether it is there is only known at the end: the next program brings it again.
        return self._push().pieces

    @contextmanager
    def sending(self, push: Push) -> Iterator[None]:
        """Know, when the block ends well, that the board has what was pushed."""
        if push is NOTHING:
            yield
            return
        life = self._life
        self._under_way.add(push)
        try:
            yield
        except DeviceError as error:
            self._joins &= not had_no_room(error)
            raise
        finally:
            self._under_way.discard(push)
        if life == self._life:
            self._sent_by(push)

    def _sent_by(self, push: Push) -> None:
        # One that is still under way may set an older value after this one.
        late = {name for other in self._under_way for name in other.versions}
        self._sent.update((name, at) for name, at in push.versions.items() if name not in late)
        if push.names == len(self._names) and _UNKNOWN not in self._sent.values():
            self._seen = push.version

    def doubt(self, push: Push) -> None:
        """Know that the program with the push in it raised: it may not have come to that."""
        self._sent.update(dict.fromkeys(push.versions, _UNKNOWN))
        self._seen = _UNKNOWN

    def _push(self) -> Push:
        """Return what is new; it counts as unknown until a program that brings it has ended well."""
        if not self._names or self._shared.version == self._seen:
            return NOTHING
        version, versions, values = self._shared.news(self._names, self._sent)
        if not versions:
            self._seen = version
            return NOTHING
        self._sent.update(dict.fromkeys(versions, _UNKNOWN))
        return Push(versions, values, version, self._session.widths(), len(self._names))

    async def _joined(self, push: Push, source: str, *, is_value: bool) -> tuple[str, Push]:
        pieces = push.pieces
        if not self._joins:
            joined = None
        elif is_value:
            joined = joining.before_value(expressions(push.versions, push.values, push.widths), source)
        else:
            joined = joining.before(pieces[0], source) if len(pieces) == 1 else None
        if joined is None:
            await self._send(push)
        return (source if joined is None else joined), push

    async def _send(self, push: Push) -> None:
        self._under_way.add(push)
        try:
            for piece in push.pieces:
                await self._session.perform(piece, evaluate=False)
        finally:
            self._under_way.discard(push)


def _check_kind(profile: object) -> None:
    from devsession.session.profile import SessionProfile

    if not isinstance(profile, SessionProfile):
        raise UsageError(
            f"a profile is a SessionProfile, not {type(profile).__name__}",
            phase="profile",
            hint="SessionProfile.model_validate(...) makes one of a dict",
        )
