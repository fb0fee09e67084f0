"""What a session reaches on its board, without ``await``: variables, parts, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devsession.session import device, files, parts
from devsession.sync.references import Ref
from devsession.sync.twin import Twin, asks, brings, waits

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


class DeviceFiles(Twin[files.DeviceFiles]):
    """Files and directories of the board; all sessions see the same. As ``devsession.session.files.DeviceFiles``."""

    listing = waits(files.DeviceFiles.listing)
    stat = waits(files.DeviceFiles.stat)
    exists = waits(files.DeviceFiles.exists)
    refresh = asks(files.DeviceFiles.refresh)
    read = waits(files.DeviceFiles.read)
    write = waits(files.DeviceFiles.write)
    append = waits(files.DeviceFiles.append)
    remove = waits(files.DeviceFiles.remove)
    mkdir = waits(files.DeviceFiles.mkdir)
    rmdir = waits(files.DeviceFiles.rmdir)
    rename = waits(files.DeviceFiles.rename)
