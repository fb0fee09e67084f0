"""Applying a profile to a session: in one turn where there are no files to place, and told in a report."""

from __future__ import annotations

import posixpath
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from devsession.errors import DeadlineError, DeviceError, DevsessionError, ProfileError
from devsession.methods.arguments import encode
from devsession.session import joining
from devsession.session.cleanup import Held, ResourceState
from devsession.session.profile_report import PlacedFile, ProfileFailure, ProfileReport

if TYPE_CHECKING:
    from devsession.session.profile import SessionProfile
    from devsession.session.session import DeviceSession

_ENOENT = 2


class Applying:
    """Applies ``profile`` to ``session``, as often as the board starts anew; ``report`` says how that went the last time."""

    def __init__(self, session: DeviceSession, profile: SessionProfile) -> None:
        self._session = session
        self._profile = profile
        self._teardown: Held | None = None
        self.report = ProfileReport()

    async def apply(self, shared: list[str], names: tuple[str, ...]) -> None:
        """Apply all of it, with the code that sets the shared variables of those names; raises ProfileError, and what ``exec`` does."""
        begun = time.monotonic()
        self.report = ProfileReport()
        try:
            await self._apply(shared, names)
        finally:
            self.report = replace(self.report, duration=time.monotonic() - begun)
        if self._profile.teardown:
            self._hold_teardown()

    async def _apply(self, shared: list[str], names: tuple[str, ...]) -> None:
        profile = self._profile
        async with self._part("variables"):
            values = {**self._given(), **profile.variables}
            widths = self._session.widths()
            definitions = [f"{name}={encode(value, *widths, name=name)}" for name, value in values.items()]
        present = [module for module in profile.modules if not self._is_placed(module)]
        # Every module is tried before anything has a name: one that is not there leaves nothing behind.
        trials = [f"__import__({module!r})" for module in present]
        if profile.files and trials:
            await self._run("modules", joining.grouped(trials))
            trials = []
        for path, content in profile.files.items():
            await self._place(path, content)
        trials += [f"__import__({module!r})" for module in profile.modules if module not in present]
        named = [f"import {module}" for module in profile.modules]
        groups = [*joining.grouped([*trials, *named, *definitions]), *([piece] for piece in shared)]
        await self._set_up(groups)
        self.report = replace(
            self.report,
            modules=profile.modules,
            variables=tuple(values),
            shared=names,
            setup=bool(profile.setup),
        )

    async def _set_up(self, groups: list[list[str]]) -> None:
        """Run what sets up the namespace, and the setup code: in one with the last of it where that goes."""
        setup = self._profile.setup
        joined = joining.before(";".join(groups[-1]), setup) if setup and groups else None
        await self._run("variables", groups if joined is None else groups[:-1])
        if not setup:
            return
        async with self._part("setup"):
            if joined is not None:
                try:
                    await self._perform(joined)
                except DeviceError as error:
                    if not had_no_room(error):
                        raise
                else:
                    return
                await self._send(groups[-1])
            await self._perform(setup)

    async def _run(self, part: str, groups: list[list[str]]) -> None:
        async with self._part(part):
            for group in groups:
                await self._send(group)

    async def _send(self, statements: list[str]) -> None:
        """Run statements in one, or in halves where the board has no room for that."""
        try:
            await self._perform(";".join(statements))
        except DeviceError as error:
            if not had_no_room(error) or len(statements) == 1:
                raise
            half = len(statements) // 2
            await self._send(statements[:half])
            await self._send(statements[half:])

    async def _perform(self, code: str) -> None:
        await self._session.perform(code, evaluate=False, timeout=self._profile.setup_timeout)

    @asynccontextmanager
    async def _part(self, part: str) -> AsyncIterator[None]:
        """Tell in the report what fails in the block, and raise ProfileError for what the board raised."""
        try:
            yield
        except DeviceError as error:
            missing = await self._missing() if error.kind == "ImportError" else ()
            failures = missing or (ProfileFailure(part, error.message),)
            self.report = replace(self.report, failures=failures)
            told = "; ".join(f"{failure.part}: {failure.reason}" for failure in failures)
            raise ProfileError(
                f"the profile of session {self._session.name} could not be applied: {told}",
                report=self.report,
                board=self._session.url,
            ) from error
        except DeadlineError as error:
            error.message = f"the {part} of the profile of session {self._session.name}: {error.message}"
            self.report = replace(self.report, failures=(ProfileFailure(part, error.message),))
            raise
        except DevsessionError as error:
            self.report = replace(self.report, failures=(ProfileFailure(part, error.message),))
            raise

    async def _missing(self) -> tuple[ProfileFailure, ...]:
        """Ask which modules cannot be imported: only after something went wrong, as it takes a turn each."""
        missing = []
        for module in self._profile.modules:
            if self._is_placed(module) and not self.report.files:
                continue
            try:
                await self._session.perform(f"__import__({module!r})and None")
            except DeviceError as error:
                missing.append(ProfileFailure(f"module {module}", error.message))
        return tuple(missing)

    # Files

    def _is_placed(self, module: str) -> bool:
        """Whether a module comes with the profile's own files."""
        top = module.partition(".")[0]
        names = {f"{top}.py", f"{top}.mpy"}
        return any(
            posixpath.basename(path) in names or f"/{top}/" in f"/{path}" for path in self._profile.files
        )

    async def _place(self, path: str, content: bytes) -> None:
        async with self._part(f"file {path}"):
            written = not await self._is_there(path, content)
            if written:
                await self._write(path, content)
            placed = PlacedFile(path, len(content), written)
        self.report = replace(self.report, files=(*self.report.files, placed))

    async def _is_there(self, path: str, content: bytes) -> bool:
        # Reading costs what writing does, but wears no flash.
        files = self._session.files
        if not await files.exists(path):
            return False
        found = await files.stat(path)
        return not found.is_dir and found.size == len(content) and await files.read_bytes(path) == content

    async def _write(self, path: str, content: bytes) -> None:
        files = self._session.files
        try:
            await files.write_bytes(path, content)
        except DeviceError as error:
            folder = posixpath.dirname(path)
            if error.errno != _ENOENT or not folder.strip("/"):
                raise
            await files.mkdir(folder, parents=True, exist_ok=True)
            await files.write_bytes(path, content)

    # What is given, and given back

    def _given(self) -> dict[str, str]:
        if not self._profile.given:
            return {}
        started = self._session.created_at.isoformat(timespec="seconds")
        return {"DEVSESSION_VERSION": _version(), "SESSION_STARTED": started}

    def _hold_teardown(self) -> None:
        if self._teardown is None:
            self._teardown = self._session.push_on_board("teardown", self._profile.teardown)
        elif self._teardown.state is ResourceState.GONE:
            # The board started anew: it keeps its place behind everything that was registered later.
            self._teardown.state = ResourceState.ACTIVE


def had_no_room(error: DeviceError) -> bool:
    """Whether the board had no room to compile a program: then nothing of it ran, and its traceback has no frames."""
    return error.kind == "MemoryError" and not error.frames


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("devsession")
    except metadata.PackageNotFoundError:
        return "unknown"
