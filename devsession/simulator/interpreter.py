"""Finds the MicroPython unix port that simulated boards run on, and remembers what it found."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from devsession.errors import InterpreterNotFoundError, InterpreterTooOldError

VARIABLE = "DEVSESSION_MICROPYTHON"
# exec with a namespace, execfile from a file system in Python, getdelim over ffi: all there since this version.
LEAST_VERSION = (1, 20)
# In a directory that holds a fetched interpreter: the words that start it, with the directory as {place}.
START = "start.json"
# The directory of the interpreter in the cache.
PLACE = "unix"
# Printed by the interpreter: its version, then the modules that it was built without.
PROBE = """
import sys
print('.'.join([str(n) for n in sys.implementation.version[:3]]))
for name in ('ffi', 'os', 'select', 'termios'):
    try: __import__(name)
    except ImportError: print(name)
"""
# Ample for a process that prints two lines, also on a loaded machine.
PROBE_TIMEOUT = 20.0

Origin = Literal["environment", "path", "cache"]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter that boards can run on: how it is started, its version such as ``"1.26.1"``, and where it was found."""

    argv: tuple[str, ...]
    version: str
    origin: Origin

    @property
    def release(self) -> tuple[int, ...]:
        """The version as numbers, to compare."""
        return tuple(int(part) for part in self.version.split(".") if part.isdigit())


def cache_directory() -> Path:
    """Return where fetched interpreters and findings about interpreters are kept; it need not exist yet."""
    return user_cache_path("devsession") / "micropython"


def how_to_install() -> str:
    """Return one line that says how to get an interpreter on this system."""
    if sys.platform == "darwin":
        return f"brew install micropython, or set {VARIABLE}"
    return f"apt install micropython (Debian 13 and later, Ubuntu), or set {VARIABLE} to one"


async def find_interpreter(progress: Progress = lambda _: None) -> Interpreter:
    """Find an interpreter: ``DEVSESSION_MICROPYTHON``, else ``PATH``, else the user's cache, else fetched into it where apt is.

    ``progress`` is told in words what takes time. Raises InterpreterNotFoundError with how to install one, and InterpreterTooOldError.
    When cancelled nothing half-done stays.
    """
    configured = os.environ.get(VARIABLE)
    if configured:
        return await _examine(_command(configured), "environment")
    on_path = shutil.which("micropython")
    if on_path:
        return await _examine((on_path,), "path")
    return await _examine(fetched(cache_directory()) or await _fetch(progress), "cache")


def fetched(cache: Path, name: str = PLACE) -> tuple[str, ...] | None:
    """Return how what was fetched into ``cache`` under ``name`` is started, ``None`` when nothing was."""
    place = cache / name
    try:
        words = json.loads((place / START).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return tuple(word.format(place=place) for word in words)


async def _fetch(progress: Progress) -> tuple[str, ...]:
    # Only here, as fetching needs much that finding does not.
    from devsession.simulator import fetch

    if not fetch.is_possible():
        raise InterpreterNotFoundError("no MicroPython interpreter was found", hint=how_to_install())
    return await fetch.fetch(cache_directory(), progress)


def _command(text: str) -> tuple[str, ...]:
    if Path(text).is_file():
        return (str(Path(text).absolute()),)
    words = shlex.split(text)
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise InterpreterNotFoundError(
            f"{VARIABLE} names {text!r}, which cannot be started", hint=how_to_install()
        )
    return (program, *words[1:])


async def _examine(argv: tuple[str, ...], origin: Origin) -> Interpreter:
    key = _key(argv)
    lines = _remembered().get(key)
    if lines is None:
        lines = await _probe(argv)
        _remember(key, lines)
    version, *missing = lines
    interpreter = Interpreter(argv, version, origin)
    if interpreter.release < LEAST_VERSION:
        raise InterpreterTooOldError(
            f"{argv[-1]} is MicroPython {version}; simulated boards need {'.'.join(map(str, LEAST_VERSION))} or later",
            version=version,
            hint=how_to_install(),
        )
    if missing:
        raise InterpreterNotFoundError(
            f"{argv[-1]} was built without {', '.join(missing)}", hint=how_to_install()
        )
    return interpreter


async def _probe(argv: tuple[str, ...]) -> list[str]:
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            "-c",
            PROBE,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        raise InterpreterNotFoundError(
            f"{argv[0]} cannot be started: {error.strerror}", hint=how_to_install()
        ) from error
    try:
        output, _ = await asyncio.wait_for(process.communicate(), PROBE_TIMEOUT)
    except TimeoutError as error:
        raise InterpreterNotFoundError(
            f"{shlex.join(argv)} did not answer within {PROBE_TIMEOUT:g} s", hint=how_to_install()
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = output.decode(errors="replace").split()
    if process.returncode or not lines or not lines[0][0].isdigit():
        raise InterpreterNotFoundError(
            f"{shlex.join(argv)} is not MicroPython's unix port", seen=output, hint=how_to_install()
        )
    return lines


def _key(argv: tuple[str, ...]) -> str:
    # Every word that is a file counts: behind a dynamic loader the interpreter is the last one.
    stamps = [f"{word}@{Path(word).stat().st_mtime_ns}" if Path(word).is_file() else word for word in argv]
    return "\n".join(stamps)


def _remembered() -> dict[str, list[str]]:
    try:
        found = json.loads((cache_directory() / "probed.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(key: str, lines: list[str]) -> None:
    # Only saves time, so a cache that cannot be written is no error; replaced in one step, so that no reader sees half of it.
    path = cache_directory() / "probed.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps({**_remembered(), key: lines}), encoding="utf-8")
        part.replace(path)
    except OSError:
        return
