"""Parts of a board that a session uses and gives back: pins, timers, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devsession.errors import DeviceError, UsageError
from devsession.session.device import checked_name
from devsession.session.files import paths
from devsession.session.files.sources import checked_content
from devsession.session.references import Ref, written

if TYPE_CHECKING:
    from devsession.session.session import DeviceSession

_MACHINE = "__import__('machine')"
_EEXIST = 17


class Parts:
    """Makes handles on parts of the board, each with what is to be done at the session's end; one turn each.

    What cannot be meant raises UsageError before anything is sent.
    """

    def __init__(self, session: DeviceSession) -> None:
        self._session = session

    async def pin(self, number: int | str, mode: str = "OUT", **options: Any) -> Ref:
        """Return a ``machine.Pin``; ``mode`` is the name of one of its constants, ``options`` go to its constructor.

        At the end it is an input again, so that it drives nothing.
        """
        if not (isinstance(mode, str) and mode.isidentifier()):
            raise UsageError(f"a pin's mode is the name of a constant of machine.Pin, not {mode!r}")
        pin = f"{_MACHINE}.Pin"
        given = "".join(f",{checked_name(name)}={written(value)}" for name, value in options.items())
        return await Ref.make(
            self._session,
            f"{pin}({written(number)},{pin}.{mode}{given})",
            f"{{0}}.init({pin}.IN)",
            kind="pin",
            again=True,
        )

    async def timer(self, callback: str, *, period: int, number: int = -1) -> Ref:
        """Return a ``machine.Timer`` that calls ``callback``, an expression in this session's namespace, every ``period`` milliseconds.

        It is stopped at the end.
        """
        if type(period) is not int or period <= 0:
            raise UsageError(f"a timer's period is an int of milliseconds above 0, not {period!r}")
        if type(number) is not int:
            raise UsageError(f"a timer's number is an int, not {number!r}")
        # The line end is for an expression with a comment behind it.
        called = f"({self._session.checked(callback)}\n)"
        timer = f"{_MACHINE}.Timer({number},period={period},callback={called})"
        return await Ref.make(self._session, timer, "{0}.deinit()", kind="timer", again=True)

    async def file(self, path: str, mode: str = "r") -> Ref:
        """Return an open file of the board; it is closed at the end."""
        opened = f"open({written(paths.checked(path))},{written(mode)})"
        return await Ref.make(self._session, opened, "{0}.close()", kind="open file")

    async def temporary_file(self, path: str, content: bytes = b"") -> str:
        """Write ``content`` to a new file of the board and return its path; it is removed at the end, if it is still there.

        One turn more than ``files.write_bytes``, whose errors it raises too. Raises DeviceError with errno 17 (FileExistsError in Python)
        where something is already, and leaves that alone. A write that fails leaves nothing, one that is cancelled nothing after the
        session.
        """
        content = checked_content(content)
        place = await self._session.files.place(path)
        if await self._session.files.exists(place):
            raise DeviceError(
                "OSError",
                f"[Errno 17] EEXIST: {path}",
                errno=_EEXIST,
                board=self._session.url,
                hint="a temporary file is a new one: take another path, or remove what is there",
            )
        held = self._session.push_on_board("temporary file", _REMOVE_FILE.format(written(place)))
        try:
            await self._session.files.write_bytes(place, content)
        except DeviceError:
            await self._session.release(held)
            raise
        return path

    async def temporary_directory(self, path: str) -> str:
        """Make a directory on the board and return its path; it is removed at the end, with everything in it."""
        place = await self._session.files.place(path)
        await self._session.exec_own(f"__import__('os').mkdir({written(place)})")
        self._session.push_on_board("temporary directory", _REMOVE_TREE.format(written(place)))
        return path


# Functions that forget themselves: no name of theirs stays in the session's namespace.
_REMOVE_FILE = """
def _devsession_rm(path, os=__import__('os')):
    try: os.remove(path)
    except OSError as error:
        if error.args[0] != 2: raise
try: _devsession_rm({})
finally: del _devsession_rm
"""
_REMOVE_TREE = """
def _devsession_rm(path, os=__import__('os')):
    for entry in os.ilistdir(path):
        inside = path + '/' + entry[0]
        if entry[1] & 0x4000: _devsession_rm(inside)
        else: os.remove(inside)
    os.rmdir(path)
try: _devsession_rm({})
finally: del _devsession_rm
"""
