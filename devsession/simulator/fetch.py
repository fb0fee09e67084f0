"""Fetches the MicroPython unix port from the distribution's own archive into the user's cache: no root, nothing of the system changed."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import fcntl
import json
import os
import platform
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from devsession.errors import InterpreterNotFoundError
from devsession.simulator import apt_sources
from devsession.simulator.apt import UNPACK_TIMEOUT, PrivateApt, run
from devsession.simulator.apt_sources import Source
from devsession.simulator.interpreter import START, Progress, fetched

PACKAGE = "micropython"
LEAST_VERSION = (1, 20)
# The architectures tried, as the kernel names them, and their dynamic loaders.
LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}
# One look at the lock of another process that is fetching; a fetch takes some ten seconds.
LOCK_INTERVAL = 0.2


def is_possible() -> bool:
    """Whether this machine has what fetching needs: apt, and an architecture that was tried."""
    tools = all(shutil.which(tool) for tool in ("apt-get", "apt-cache", "dpkg-deb"))
    return tools and platform.machine() in LOADERS


async def fetch(cache: Path, progress: Progress) -> tuple[str, ...]:
    """Fetch the interpreter with its libraries into ``cache`` and return how it is started.

    From the newest stable release of the distribution that has it, beginning with the machine's own. ``progress`` is told each step
    in words. Raises InterpreterNotFoundError with the tail of apt's output. Of processes fetching at once one does the work. When
    cancelled nothing half-done stays.
    """
    async with _alone(cache, progress):
        started = fetched(cache)
        if started is not None:
            return started
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as directory:
            place = await _build(Path(directory), progress)
            # What is left of an interrupted removal must not be in the way.
            shutil.rmtree(cache / "unix", ignore_errors=True)
            place.rename(cache / "unix")
    started = fetched(cache)
    assert started is not None
    progress(f"the interpreter is in {cache / 'unix'}")
    return started


async def _build(work: Path, progress: Progress) -> Path:
    apt, version = await _find_archive(work, progress)
    packages = await _with_libraries(apt)
    progress(f"fetching {PACKAGE} {version} and {len(packages) - 1} libraries")
    place = work / "place"
    downloads = tempfile.mkdtemp(dir=work)
    for archive in await apt.download(packages, Path(downloads)):
        await run("dpkg-deb", "-x", str(archive), str(place), cwd=work, timeout=UNPACK_TIMEOUT)
    words = _start_command(place)
    (place / START).write_text(json.dumps(words), encoding="utf-8")
    # Proves that the libraries fit, before anything is kept.
    tried = [word.format(place=place) for word in words]
    await run(*tried, "-c", "print(1)", cwd=work, timeout=UNPACK_TIMEOUT)
    return place


async def _find_archive(work: Path, progress: Progress) -> tuple[PrivateApt, str]:
    release = platform.freedesktop_os_release()
    sources = apt_sources.main_archives(read_sources(), apt_sources.codename(release))
    if not sources:
        raise _failure("the apt sources of this machine name no main archive of its release")
    components = ("main", "universe") if apt_sources.is_ubuntu(release) else ("main",)
    failures = []
    for number, (suite, source) in enumerate(_candidates(sources, release)):
        progress(f"looking for {PACKAGE} in {suite}")
        apt = PrivateApt.make(work / f"apt{number}", source.to_deb822(suite, components))
        try:
            await apt.update()
        except InterpreterNotFoundError as error:
            failures.append(f"{suite}: {error.message}")
            continue
        version = await _version(apt, release)
        if version is not None:
            return apt, version
        failures.append(f"{suite}: no {PACKAGE} {'.'.join(map(str, LEAST_VERSION))} or later")
    raise _failure("\n".join(["no release of the distribution gave an interpreter", *failures]))


def _candidates(sources: list[Source], release: dict[str, str]) -> Iterator[tuple[str, Source]]:
    table = Path("/usr/share/distro-info/ubuntu.csv")
    text = table.read_text(encoding="utf-8") if table.is_file() else ""
    today = dt.datetime.now(dt.UTC).date()
    for suite in apt_sources.suites(release, text, today):
        for source in sources:
            yield suite, source


async def _version(apt: PrivateApt, release: dict[str, str]) -> str | None:
    # An archive of somebody else may use the distribution's suite names.
    if apt.origin() not in {release.get("ID", ""), *release.get("ID_LIKE", "").split()}:
        return None
    shown = await apt.show(PACKAGE)
    if shown is None or apt_sources.upstream_version(shown.get("version", "")) < LEAST_VERSION:
        return None
    return shown["version"]


async def _with_libraries(apt: PrivateApt) -> list[str]:
    # All of them, the C library too, whatever the machine has: then an upgrade of the machine cannot break the interpreter.
    packages = [PACKAGE]
    for package in packages:
        shown = await apt.show(package)
        depends = apt_sources.dependencies(shown.get("depends", "")) if shown else []
        packages += [name for name in dict.fromkeys(depends) if name not in packages]
    return packages


def _start_command(place: Path) -> list[str]:
    # Through the loader that belongs to the C library, which may be newer than the machine's.
    loader = _only(place, LOADERS[platform.machine()])
    program = _only(place, PACKAGE)
    libraries = dict.fromkeys(path.parent for path in sorted(place.rglob("lib*.so*")))
    path = ":".join(
        "{place}/" + str(folder.relative_to(place)) for folder in libraries if folder.name != "gconv"
    )
    words = ["{place}/" + str(part.relative_to(place)) for part in (loader, program)]
    return [words[0], "--library-path", path, words[1]]


def _only(place: Path, name: str) -> Path:
    found = [path for path in sorted(place.rglob(name)) if path.is_file() and os.access(path, os.X_OK)]
    if not found:
        raise _failure(f"the packages hold no {name}")
    # Not through a link: an absolute one would lead to the machine's own file.
    return found[0].resolve()


def read_sources(directory: Path = Path("/etc/apt")) -> list[Source]:
    """Read all apt sources below ``directory``, in apt's order; files that cannot be read are passed over."""
    sources: list[Source] = []
    parts = sorted((directory / "sources.list.d").glob("*"))
    for path in (directory / "sources.list", *parts):
        parse = {".list": apt_sources.parse_one_line, ".sources": apt_sources.parse_deb822}.get(path.suffix)
        if parse is not None:
            with contextlib.suppress(OSError):
                sources += parse(path.read_text(encoding="utf-8", errors="replace"))
    return sources


@contextlib.asynccontextmanager
async def _alone(cache: Path, progress: Progress) -> AsyncIterator[None]:
    descriptor = _open_lock(cache)
    try:
        if not _lock(descriptor):
            progress("waiting for another process that is fetching the interpreter")
            while not _lock(descriptor):  # noqa: ASYNC110 - a lock between processes has no event
                await asyncio.sleep(LOCK_INTERVAL)
        yield
    finally:
        os.close(descriptor)


def _open_lock(cache: Path) -> int:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        return os.open(cache / "fetch.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _failure(f"the cache cannot be written: {error}") from error


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _failure(message: str) -> InterpreterNotFoundError:
    return InterpreterNotFoundError(
        message, phase="fetch", hint=f"apt install {PACKAGE}, or set DEVSESSION_MICROPYTHON"
    )
