"""apt in a private directory: its own lists, caches and state, the machine's own mirrors, keys, proxies and signature checks. No root."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from devsession.errors import InterpreterNotFoundError
from devsession.simulator.apt_sources import parse_fields

# Package lists are some ten megabytes, the packages five.
UPDATE_TIMEOUT = 180.0
DOWNLOAD_TIMEOUT = 180.0
UNPACK_TIMEOUT = 60.0
TAIL = 800

# Hooks of the system's configuration want root; translations and other indexes are not needed; all files belong to us already.
CONFIGURATION = """
#clear APT::Update;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Post-Invoke;
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
APT::Update::Error-Mode "any";
APT::Sandbox::User "";
APT::Install-Recommends "false";
Dir::State "{directory}/state";
Dir::State::Lists "{directory}/lists";
Dir::State::status "{directory}/status";
Dir::Cache "{directory}/cache";
Dir::Etc::SourceList "{directory}/archive.sources";
Dir::Etc::SourceParts "{directory}/none";
Dir::Etc::Preferences "{directory}/none";
Dir::Etc::PreferencesParts "{directory}/none";
"""


@dataclass(frozen=True, slots=True)
class PrivateApt:
    """An apt of its own in ``directory``, which sees one archive only."""

    directory: Path

    @classmethod
    def make(cls, directory: Path, sources: str) -> PrivateApt:
        """Lay out ``directory`` for the archive described by ``sources``, the text of a ``.sources`` file."""
        for name in ("state", "lists/partial", "cache/archives/partial", "none"):
            (directory / name).mkdir(parents=True)
        (directory / "status").touch()
        (directory / "archive.sources").write_text(sources, encoding="utf-8")
        (directory / "apt.conf").write_text(CONFIGURATION.format(directory=directory), encoding="utf-8")
        return cls(directory)

    async def update(self) -> None:
        """Fetch the archive's package lists; apt checks their signatures. Raises InterpreterNotFoundError."""
        await run(
            "apt-get", "-c", self._configuration, "-q", "update", cwd=self.directory, timeout=UPDATE_TIMEOUT
        )

    def origin(self) -> str:
        """Return who signed for the archive (``Origin`` of its Release file), in lower case; empty when nothing was fetched."""
        for path in (self.directory / "lists").glob("*Release"):
            text = path.read_text(encoding="utf-8", errors="replace")
            for line in text.splitlines():
                if line.startswith("Origin:"):
                    return line.partition(":")[2].strip().lower()
        return ""

    async def show(self, package: str) -> dict[str, str] | None:
        """Return the fields, in lower case, of the newest version of ``package``; ``None`` when the archive has none."""
        with contextlib.suppress(
            InterpreterNotFoundError
        ):  # how apt-cache says that there is no such package
            shown = await run(
                *("apt-cache", "-c", self._configuration, "--no-all-versions", "show", package),
                cwd=self.directory,
                timeout=UNPACK_TIMEOUT,
            )
            return next(parse_fields(shown), None)
        return None

    async def download(self, packages: list[str], into: Path) -> list[Path]:
        """Fetch packages, checked against the signed lists, into the empty directory ``into``; raises InterpreterNotFoundError."""
        await run(
            *("apt-get", "-c", self._configuration, "-q", "download", *packages),
            cwd=into,
            timeout=DOWNLOAD_TIMEOUT,
        )
        return _packages_in(into)

    async def download_source(self, package: str, into: Path) -> None:
        """Fetch the source archives of ``package``, checked as packages are, into ``into``; raises InterpreterNotFoundError."""
        await run(
            *("apt-get", "-c", self._configuration, "-q", "source", "--download-only", package),
            cwd=into,
            timeout=DOWNLOAD_TIMEOUT,
        )

    @property
    def _configuration(self) -> str:
        return str(self.directory / "apt.conf")


def _packages_in(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.deb"))


async def run(*argv: str, cwd: Path, timeout: float) -> str:
    """Run a program without input and return what it printed.

    Raises InterpreterNotFoundError with the tail of it when the program fails or takes longer than ``timeout`` seconds. When
    cancelled the program and what it started are ended first.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout)
    except TimeoutError as error:
        raise InterpreterNotFoundError(
            f"{argv[0]} did not end within {timeout:g} s", phase="fetch"
        ) from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    text = output.decode(errors="replace")
    if process.returncode:
        raise InterpreterNotFoundError(f"{argv[0]} failed:\n{text[-TAIL:].strip()}", phase="fetch")
    return text
