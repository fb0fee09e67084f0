"""Builds the firmware of the emulated board ``sim:mps2``: `make firmware`.

MicroPython's qemu port from the distribution's source package, for the board MPS2_AN385, with LittleFS on a RAM disk (``ramdisk``). It
stays in the user's cache until one of the files here changes. Needs no root; wanted are the packages that ``images.MPS2_TOOLS`` lists.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from devsession.errors import SimulatorError
from devsession.simulator import fetch
from devsession.simulator.apt import UNPACK_TIMEOUT, run
from devsession.simulator.emulation.images import MPS2_PLACE, MPS2_TOOLS
from devsession.simulator.interpreter import START, cache_directory, fetched

HERE = Path(__file__).resolve().parent
SOURCES = fetch.Program(
    "micropython",
    # The qemu port has board definitions since 1.24; 1.25 and 1.26 are known to work.
    least=(1, 25),
    place=MPS2_PLACE,
    proof=(),
    hint=f"sudo apt install {' '.join(MPS2_TOOLS)}",
)
# A quarter of a minute on two idle cores.
BUILD_TIMEOUT = 900.0
# In the cache beside the firmware: what it was built of.
INPUTS = "inputs"
IMAGE = "firmware.elf"


def say(text: str) -> None:
    """Tell a step."""
    sys.stderr.write(text + "\n")


async def main() -> None:
    """Build the firmware unless it is there, and print its path."""
    cache = cache_directory()
    async with fetch.alone(cache, say):
        if not is_current(cache / MPS2_PLACE):
            with tempfile.TemporaryDirectory(prefix="build-", dir=cache) as work:
                built = await build(Path(work))
                shutil.rmtree(cache / MPS2_PLACE, ignore_errors=True)
                built.rename(cache / MPS2_PLACE)
    words = fetched(cache, MPS2_PLACE)
    assert words is not None
    sys.stdout.write(words[0] + "\n")


async def build(work: Path) -> Path:
    """Fetch, unpack, patch and build in ``work``; return the directory that goes into the cache."""
    apt, version = await fetch.find_archive(work, say, SOURCES, types="deb deb-src")
    archives = tempfile.mkdtemp(dir=work)
    say(f"fetching the sources of MicroPython {version}")
    await apt.download_source("micropython", Path(archives))
    source = await unpack(Path(archives), Path(tempfile.mkdtemp(dir=work)))
    say("building the firmware")
    jobs = f"-j{os.cpu_count() or 1}"
    await run("make", "-C", "mpy-cross", jobs, cwd=source, timeout=BUILD_TIMEOUT)
    # The default manifest wants micropython-lib, which the package does not carry.
    manifest = empty(work / "manifest.py")
    options = {
        "BOARD": "MPS2_AN385",
        "FROZEN_MANIFEST": manifest,
        "MICROPY_HEAP_SIZE": 256 * 1024,
        "MICROPY_VFS_LFS2": 1,
        "USER_C_MODULES": HERE,
        "LDSCRIPT": HERE / "mps2.ld",
        "BUILD": work / "build",
    }
    words = [f"{name}={value}" for name, value in options.items()]
    await run("make", "-C", "ports/qemu", jobs, *words, cwd=source, timeout=BUILD_TIMEOUT)
    return collect(work)


def empty(path: Path) -> Path:
    """Make an empty file."""
    path.touch()
    return path


async def unpack(archives: Path, source: Path) -> Path:
    """Unpack the source package in ``archives`` into the empty ``source``, apply the distribution's patches, and return it."""
    for pattern, strip in (("*.orig.tar.*", 1), ("*.debian.tar.*", 0)):
        words = ("tar", "-xf", find(archives, pattern), f"--strip-components={strip}")
        await run(*words, cwd=source, timeout=UNPACK_TIMEOUT)
    for patch in patches(source):
        await run("patch", "-p1", "-i", patch, cwd=source, timeout=UNPACK_TIMEOUT)
    return source


def find(archives: Path, pattern: str) -> str:
    """Return the path of the one archive that fits."""
    (found,) = archives.glob(pattern)
    return str(found)


def patches(source: Path) -> list[str]:
    """Return the paths of the distribution's patches, in order."""
    directory = source / "debian" / "patches"
    names = [
        line.partition("#")[0].strip() for line in (directory / "series").read_text("utf-8").splitlines()
    ]
    return [str(directory / name) for name in names if name]


def collect(work: Path) -> Path:
    """Put what is kept of the build into a directory of its own."""
    place = work / "place"
    place.mkdir()
    (work / "build" / IMAGE).rename(place / IMAGE)
    (place / START).write_text(json.dumps(["{place}/" + IMAGE]), encoding="utf-8")
    (place / INPUTS).write_text(inputs(), encoding="utf-8")
    return place


def is_current(place: Path) -> bool:
    """Whether the firmware in ``place`` was built of what is here."""
    try:
        return (place / INPUTS).read_text(encoding="utf-8") == inputs() and (place / IMAGE).is_file()
    except OSError:
        return False


def inputs() -> str:
    """Return a hash over everything that the firmware is built of, except the package."""
    files = sorted(path for path in HERE.rglob("*") if path.suffix in {".py", ".c", ".mk", ".ld"})
    contents = [(path.relative_to(HERE).as_posix(), path.read_bytes()) for path in files]
    return hashlib.sha256(repr(contents).encode()).hexdigest()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except SimulatorError as error:
        sys.exit(str(error))
