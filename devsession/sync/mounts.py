"""Directories of this side that a board sees, without ``await``."""

from __future__ import annotations

from pathlib import Path

from devsession.session.files import mounts
from devsession.sync.twin import Fact, Twin, waits


class Mount(Twin[mounts.Mount]):
    """A directory of this side that a board sees; made by ``DeviceSession.mount``, released with the session."""

    local = Fact[Path]()
    remote = Fact[str]()
    writable = Fact[bool]()

    release = waits(mounts.Mount.release)
