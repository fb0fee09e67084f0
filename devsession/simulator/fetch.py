"""Fetches a program from the distribution's own archive into the user's cache: no root, nothing of the system changed.

That is the MicroPython unix port; the tests fetch the server of serial ports that links are tried against in the same way.
"""

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
from dataclasses import dataclass
from pathlib import Path

from devsession.errors import InterpreterNotFoundError
from devsession.simulator import apt_sources
from devsession.simulator.apt import UNPACK_TIMEOUT, PrivateApt, run
from devsession.simulator.apt_sources import Source
from devsession.simulator.interpreter import PLACE, START, Progress, fetched

# The architectures tried, as the kernel names them, and their dynamic loaders.
LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}
# One look at the lock of another process that is fetching; a fetch takes some ten seconds.
LOCK_INTERVAL = 0.2
ELF = b"\x7fELF"


@dataclass(frozen=True, slots=True)
class Program:
    """A program that the distribution has in a package of its name, ``least`` the first version that will do.

    ``place`` is its directory in the cache, ``proof`` the arguments with which it ends well where all its libraries fit. Where a package
    is wanted for a ``file``, that is its path below the root; it is what "starts" it then, and nothing is tried.
    """

    name: str
    least: tuple[int, ...]
    place: str
    proof: tuple[str, ...]
    hint: str
    file: str | None = None


MICROPYTHON = Program(
    "micropython",
    least=(1, 20),
    place=PLACE,
    proof=("-c", "print(1)"),
    hint="apt install micropython, or set DEVSESSION_MICROPYTHON",
)


def is_possible() -> bool:
    """Whether this machine has what fetching needs: apt, and an architecture that was tried."""
    tools = all(shutil.which(tool) for tool in ("apt-get", "apt-cache", "dpkg-deb"))
    return tools and platform.machine() in LOADERS


async def fetch(cache: Path, progress: Progress, program: Program = MICROPYTHON) -> tuple[str, ...]:
    """Fetch ``program`` with its libraries into ``cache`` and return how it is started.

    From the newest stable release of the distribution that has it, beginning with the machine's own. ``progress`` is told each step
    in words. Raises InterpreterNotFoundError with the tail of apt's output. Of processes fetching at once one does the work. When
    cancelled nothing half-done stays.
    """
    async with alone(cache, progress):
        started = fetched(cache, program.place)
        if started is not None:
            return started
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as directory:
            place = await _build(Path(directory), progress, program)
            # What is left of an interrupted removal must not be in the way.
            shutil.rmtree(cache / program.place, ignore_errors=True)
            place.rename(cache / program.place)
    started = fetched(cache, program.place)
    assert started is not None
    progress(f"{program.name} is in {cache / program.place}")
    return started


async def _build(work: Path, progress: Progress, program: Program) -> Path:
    apt, version = await find_archive(work, progress, program)
    packages = await _with_libraries(apt, program.name)
    progress(f"fetching {program.name} {version} and {len(packages) - 1} libraries")
    place = work / "place"
    downloads = tempfile.mkdtemp(dir=work)
    for archive in await apt.download(packages, Path(downloads)):
        await run("dpkg-deb", "-x", str(archive), str(place), cwd=work, timeout=UNPACK_TIMEOUT)
    words = _start_command(place, program)
    (place / START).write_text(json.dumps(words), encoding="utf-8")
    if program.file is None:
        # Proves that the libraries fit, before anything is kept.
        tried = [word.format(place=place) for word in words]
        await run(*tried, *program.proof, cwd=work, timeout=UNPACK_TIMEOUT)
    return place


async def find_archive(
    work: Path, progress: Progress, program: Program, types: str = "deb"
) -> tuple[PrivateApt, str]:
    """Return an apt, made below ``work``, for the first release that has ``program``, and the version there.

    ``types`` is ``"deb deb-src"`` where the sources are wanted. Raises InterpreterNotFoundError. When cancelled nothing goes on.
    """
    release = platform.freedesktop_os_release()
    sources = apt_sources.main_archives(read_sources(), apt_sources.codename(release))
    if not sources:
        raise _failure(program, "the apt sources of this machine name no main archive of its release")
    components = ("main", "universe") if apt_sources.is_ubuntu(release) else ("main",)
    failures = []
    for number, (suite, source) in enumerate(_candidates(sources, release)):
        progress(f"looking for {program.name} in {suite}")
        apt = PrivateApt.make(work / f"apt{number}", source.to_deb822(suite, components, types))
        try:
            await apt.update()
        except InterpreterNotFoundError as error:
            failures.append(f"{suite}: {error.message}")
            continue
        version = await _version(apt, release, program)
        if version is not None:
            return apt, version
        failures.append(f"{suite}: no {program.name} {'.'.join(map(str, program.least))} or later")
    raise _failure(program, "\n".join([f"no release of the distribution gave {program.name}", *failures]))


def _candidates(sources: list[Source], release: dict[str, str]) -> Iterator[tuple[str, Source]]:
    table = Path("/usr/share/distro-info/ubuntu.csv")
    text = table.read_text(encoding="utf-8") if table.is_file() else ""
    today = dt.datetime.now(dt.UTC).date()
    for suite in apt_sources.suites(release, text, today):
        for source in sources:
            yield suite, source


async def _version(apt: PrivateApt, release: dict[str, str], program: Program) -> str | None:
    # An archive of somebody else may use the distribution's suite names.
    if apt.origin() not in {release.get("ID", ""), *release.get("ID_LIKE", "").split()}:
        return None
    shown = await apt.show(program.name)
    if shown is None or apt_sources.upstream_version(shown.get("version", "")) < program.least:
        return None
    return shown["version"]


async def _with_libraries(apt: PrivateApt, package: str) -> list[str]:
    # All of them, the C library too, whatever the machine has: then an upgrade of the machine cannot break the program.
    packages = [package]
    for wanted in packages:
        shown = await apt.show(wanted)
        depends = apt_sources.dependencies(shown.get("depends", "")) if shown else []
        packages += [name for name in dict.fromkeys(depends) if name not in packages]
    return packages


def _start_command(place: Path, program: Program) -> list[str]:
    if program.file is not None:
        if not (place / program.file).is_file():
            raise _failure(program, f"the package holds no {program.file}")
        return ["{place}/" + program.file]
    # Through the loader that belongs to the C library, which may be newer than the machine's.
    loader = _only(place, LOADERS[platform.machine()], program)
    executable = _only(place, program.name, program)
    libraries = dict.fromkeys(path.parent for path in sorted(place.rglob("lib*.so*")))
    path = ":".join(
        "{place}/" + str(folder.relative_to(place)) for folder in libraries if folder.name != "gconv"
    )
    words = ["{place}/" + str(part.relative_to(place)) for part in (loader, executable)]
    return [words[0], "--library-path", path, words[1]]


def _only(place: Path, name: str, program: Program) -> Path:
    found = [path for path in sorted(place.rglob(name)) if path.is_file() and _is_executable(path)]
    if not found:
        raise _failure(program, f"the packages hold no {name}")
    # Not through a link: an absolute one would lead to the machine's own file.
    return found[0].resolve()


def _is_executable(path: Path) -> bool:
    # Not the script of the same name that starts a service.
    with path.open("rb") as file:
        return os.access(path, os.X_OK) and file.read(len(ELF)) == ELF


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
async def alone(cache: Path, progress: Progress) -> AsyncIterator[None]:
    """Be the only process that changes ``cache`` while the block runs; ``progress`` is told when that has to be waited for."""
    descriptor = _open_lock(cache)
    try:
        if not _lock(descriptor):
            progress("waiting for another process that is fetching")
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
        raise InterpreterNotFoundError(
            f"the cache cannot be written: {error}", phase="fetch", hint="XDG_CACHE_HOME says where it is"
        ) from error


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _failure(program: Program, message: str) -> InterpreterNotFoundError:
    return InterpreterNotFoundError(message, phase="fetch", hint=program.hint)
