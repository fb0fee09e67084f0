"""Parts of a board that a session uses and gives back: pins, timers, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devsession.session.references import Ref, written

if TYPE_CHECKING:
    from devsession.session.session import DeviceSession

_MACHINE = "__import__('machine')"


class Parts:
    """Makes handles on parts of the board, each with what is to be done at the session's end; one turn each."""

    def __init__(self, session: DeviceSession) -> None:
        self._session = session

    async def pin(self, number: int | str, mode: str = "OUT", **options: Any) -> Ref:
        """Return a ``machine.Pin``; ``mode`` is the name of one of its constants, ``options`` go to its constructor.

        At the end it is an input again, so that it drives nothing.
        """
        pin = f"{_MACHINE}.Pin"
        given = "".join(f",{name}={written(value)}" for name, value in options.items())
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
        timer = f"{_MACHINE}.Timer({number},period={period},callback={callback})"
        return await Ref.make(self._session, timer, "{0}.deinit()", kind="timer", again=True)

    async def file(self, path: str, mode: str = "r") -> Ref:
        """Return an open file of the board; it is closed at the end."""
        opened = f"open({written(path)},{written(mode)})"
        return await Ref.make(self._session, opened, "{0}.close()", kind="open file")

    async def temporary_file(self, path: str, content: bytes = b"") -> str:
        """Write ``content`` to a new file of the board and return its path; it is removed at the end."""
        await self._session.exec(f"with open({written(path)},'wb') as f: f.write({written(content)})\ndel f")
        self._session.push_on_board("temporary file", f"__import__('os').remove({written(path)})")
        return path

    async def temporary_directory(self, path: str) -> str:
        """Make a directory on the board and return its path; it is removed at the end, with everything in it."""
        await self._session.exec(f"__import__('os').mkdir({written(path)})")
        self._session.push_on_board("temporary directory", _REMOVE_TREE.format(written(path)))
        return path


# A function that forgets itself: no name of it stays in the session's namespace.
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
