"""What a session reaches on its board, without ``await``: variables, parts, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from devsession.session import device, parts
from devsession.session.files import device_files as files
from devsession.session.files import opened
from devsession.session.files.metadata import CacheUse, FileStat
from devsession.sync.references import Ref
from devsession.sync.twin import Block, Fact, Twin, asks, brings, gives, iterates, waits

if TYPE_CHECKING:
    from devsession.session.capabilities import DeviceCapabilities


class DeviceContext(Twin[device.DeviceContext]):
    """Names in a session's namespace on the board; each method is one turn."""

    @property
    def capabilities(self) -> DeviceCapabilities:
        """What the board is and can do; raises SessionError where nothing is known of it."""
        return self._loop.ask(lambda: self._original.capabilities)

    define = waits(device.DeviceContext.define)
    get = waits(device.DeviceContext.get)
    is_defined = waits(device.DeviceContext.is_defined)
    names = waits(device.DeviceContext.names)
    delete = waits(device.DeviceContext.delete)


class Parts(Twin[parts.Parts]):
    """Makes handles on parts of the board, each with what is to be done at the session's end; one turn each."""

    timer = brings(Ref, parts.Parts.timer)
    file = brings(Ref, parts.Parts.file)
    temporary_file = waits(parts.Parts.temporary_file)
    temporary_directory = waits(parts.Parts.temporary_directory)

    def pin(self, number: int | str, mode: str = "OUT", **options: Any) -> Ref:
        """Return a ``machine.Pin``; ``mode`` is the name of one of its constants, ``options`` go to its constructor.

        At the end it is an input again, so that it drives nothing.
        """
        return Ref.of(self._loop.run(lambda: self._original.pin(number, mode, **options)), self._loop)


class DeviceFile(Block[opened.DeviceFile]):
    """A file of a board, open in the block of its ``with``. As ``devsession.session.files.opened.DeviceFile``."""

    path = Fact[str]()
    mode = Fact[str]()
    stat = Fact[FileStat | None]()
    read = waits(opened.DeviceFile.read)
    readline = waits(opened.DeviceFile.readline)
    write = waits(opened.DeviceFile.write)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        """Return the next line."""
        try:
            return self._loop.run(self._original.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None


class DeviceFiles(Twin[files.DeviceFiles]):
    """Files and directories of the board; all sessions see the same. As ``devsession.session.files.device_files.DeviceFiles``."""

    listdir = waits(files.DeviceFiles.listdir)
    scandir = waits(files.DeviceFiles.scandir)
    stat = waits(files.DeviceFiles.stat)
    exists = waits(files.DeviceFiles.exists)
    walk = iterates(files.DeviceFiles.walk)
    glob = waits(files.DeviceFiles.glob)
    hash = waits(files.DeviceFiles.hash)
    statvfs = waits(files.DeviceFiles.statvfs)
    mounts = asks(files.DeviceFiles.mounts)
    chdir = waits(files.DeviceFiles.chdir)
    getcwd = waits(files.DeviceFiles.getcwd)
    known = Fact[CacheUse]()
    invalidate = asks(files.DeviceFiles.invalidate)
    moving = asks(files.DeviceFiles.moving)
    read_bytes = waits(files.DeviceFiles.read_bytes)
    read_text = waits(files.DeviceFiles.read_text)
    write_bytes = waits(files.DeviceFiles.write_bytes)
    write_text = waits(files.DeviceFiles.write_text)
    open = gives(DeviceFile, files.DeviceFiles.open)
    copy = waits(files.DeviceFiles.copy)
    remove = waits(files.DeviceFiles.remove)
    mkdir = waits(files.DeviceFiles.mkdir)
    rmdir = waits(files.DeviceFiles.rmdir)
    rmtree = waits(files.DeviceFiles.rmtree)
    rename = waits(files.DeviceFiles.rename)
    put = waits(files.DeviceFiles.put)
    get = waits(files.DeviceFiles.get)
    sync = waits(files.DeviceFiles.sync)
