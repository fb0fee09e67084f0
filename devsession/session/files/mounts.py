"""Directories of this side that a board sees as file systems of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from devsession.errors import CapabilityError, DeviceError, MethodMissingError, UsageError
from devsession.methods.arguments import encode
from devsession.protocol.source import HELPER, bytes_literal
from devsession.session.cleanup import Held
from devsession.session.files import paths
from devsession.session.files.mount_code import block_of, forms_of, mounting
from devsession.session.files.mount_service import MountService
from devsession.session.files.shown import Shown
from devsession.session.files.transfer_code import LEAST_HEAP

if TYPE_CHECKING:
    from devsession.session.session import Commons, DeviceSession

# How boards fail that have no file systems in Python, or cannot wait for input.
_LACKING = frozenset({"ImportError", "AttributeError", "NameError"})


class Mount:
    """A directory of this side that a board sees; made by ``DeviceSession.mount``, released with the session.

    ``local`` is the directory, ``remote`` where the board sees it, ``writable`` whether it may change it.
    """

    def __init__(self, session: DeviceSession, commons: Commons, shown: Shown, remote: str) -> None:
        self.local = shown.root
        self.remote = remote
        self.writable = shown.writable
        self._session = session
        self._board = commons.board
        self._metadata = commons.files
        self._capabilities = commons.facts.capabilities
        heap = self._board.free_heap or self._capabilities.heap_free or 0
        found = forms_of(self._capabilities, heap)
        if self._capabilities.implementation == "circuitpython":
            raise self._lacking("file systems written in Python")
        if found is None:
            raise self._lacking(f"{LEAST_HEAP} bytes of free heap, or base64")
        self._program = mounting(
            found[0].coding, found[1], can_name=self._capabilities.features.get("compile") is True
        )
        self._block = block_of(heap, self._board.flow)
        self._service = MountService(shown, *found, self._block, self._capabilities.epoch_year)
        self._number = self._board.serve(self._service)
        self._held: list[Held] = []

    def __repr__(self) -> str:
        return f"<Mount of {self.local} at {self.remote}{', writable' if self.writable else ''}>"

    @classmethod
    async def make(cls, session: DeviceSession, commons: Commons, shown: Shown, remote: str) -> Mount:
        """Have the board see a directory; raises what ``DeviceSession.mount`` does."""
        await session.ready()
        session.check()
        if remote in commons.files.mounted:
            raise UsageError(
                f"the board sees another directory at {remote}",
                board=session.url,
                phase="mount",
                hint="release that first",
            )
        mount = cls(session, commons, shown, remote)
        # Held before it is there: should that be cancelled, nobody knows whether it is.
        mount._held = [
            session.push_cleanup(mount.withdraw),
            session.push_on_board("mount", mount._unmounting),
        ]
        session.mounts.append(mount)
        try:
            await mount._mount()
        except DeviceError as error:
            await mount.release()
            if error.kind in _LACKING:
                raise mount._lacking(error.text) from error
            raise
        mount._held[1].make_again = mount._mount
        return mount

    async def release(self) -> None:
        """Unmount it now, and close what programs have left open in it; releasing it again does nothing."""
        while self._held:
            held = self._held.pop()
            if held in self._session.resources:
                await self._session.release(held)
        if self in self._session.mounts:
            self._session.mounts.remove(self)

    def withdraw(self) -> None:
        """Answer nothing more of what the board asks; it sees the directory still, and gets nothing from there."""
        if self._metadata.mounted.get(self.remote) == self._number:
            del self._metadata.mounted[self.remote]
        self._metadata.forget()
        self._board.withdraw(self._number)
        self._service.close()

    def _lacking(self, what: str) -> CapabilityError:
        return CapabilityError(str(self._capabilities), missing=(what,), unknown={}, board=self._session.url)

    async def _mount(self) -> None:
        self._service.close()
        self._metadata.mounted[self.remote] = self._number
        arguments = f"{self._number},{encode(self.remote)},{self._block},{self._key}"
        try:
            await self._board.call(self._program.key, self._program.call(arguments), name="mount")
        except MethodMissingError:
            await self._board.ask(self._program.first_call(arguments), name="mount")

    @property
    def _key(self) -> str:
        return bytes_literal(self._program.key.encode())

    @property
    def _unmounting(self) -> str:
        arguments = f"{self._number},{encode(self.remote)},0,{self._key}"
        helper = f"__import__('__main__').{HELPER}_h"
        return f"(lambda h:h['h'].get({self._key},lambda*a:0)(h,{arguments}))({helper})"


def shown(local: str | Path, *, writable: bool) -> Shown:
    """Return what a board is to see of this side; raises UsageError for what is no directory."""
    try:
        return Shown(Path(local), writable=writable)
    except OSError as error:
        raise UsageError(f"{local} cannot be shown: {error.strerror}", phase="mount") from error


def checked_place(remote: paths.AnyPath) -> str:
    """Return where a board is to see something; raises UsageError for what is no name in its root."""
    place = paths.checked(remote)
    if not re.fullmatch(r"/[^/]+", place) or place in {"/.", "/.."}:
        raise UsageError(
            f"{place!r} is no place for a directory",
            phase="mount",
            hint="a name in the root, such as /remote",
        )
    return place
