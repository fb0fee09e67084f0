"""Finding the interpreter: the environment, the path, the cache, the distribution's archive."""

import asyncio
import datetime as dt
import os
import stat
import subprocess
from pathlib import Path

import pytest

from devsession.errors import InterpreterNotFoundError, InterpreterTooOldError, SimulatorError, UsageError
from devsession.simulator import apt_sources, fetch, interpreter, registry
from devsession.simulator.apt_sources import Source
from devsession.simulator.interpreter import find_interpreter
from devsession.simulator.url import SimUrl

DEB822 = """
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb-src
URIs: http://mirror.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://mirror.example/other
Suites: bookworm
Components: main
Enabled: no
"""
ONE_LINE = """
# deb http://old.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/ubuntu noble main universe
deb-src http://mirror.example/ubuntu noble main
deb cdrom:[Debian]/ bookworm main
"""
UBUNTU = "version,codename,series,created,release\n22.04 LTS,Jammy,jammy,2021-10-14,2022-04-21\n23.10,Mantic,mantic,2023-04-27,2023-10-12\n24.04 LTS,Noble,noble,2023-10-26,2024-04-25\n"


def test_archives_in_both_forms_are_read():
    (debian,) = apt_sources.parse_deb822(DEB822)
    assert debian == Source(
        ("http://mirror.example/debian",),
        ("bookworm", "bookworm-updates"),
        ("main", "contrib"),
        "/usr/share/keyrings/archive.gpg",
    )
    ubuntu, disc = apt_sources.parse_one_line(ONE_LINE)
    assert (ubuntu.suites, ubuntu.components, ubuntu.signed_by) == (
        ("noble",),
        ("main", "universe"),
        "/k.gpg",
    )
    assert apt_sources.main_archives([debian, ubuntu, disc], "bookworm") == [debian]
    assert (
        "Suites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/archive.gpg\n"
        in debian.to_deb822("trixie", ["main"])
    )


def test_the_systems_own_suite_comes_first_then_newer_stable_ones():
    today = dt.date(2026, 1, 1)
    assert apt_sources.suites({"ID": "debian", "VERSION_CODENAME": "bookworm"}, "", today) == [
        "bookworm",
        "stable",
    ]
    assert apt_sources.suites({"ID": "ubuntu", "VERSION_CODENAME": "jammy"}, UBUNTU, today) == [
        "jammy",
        "noble",
    ]
    assert apt_sources.suites({"ID": "ubuntu", "VERSION_CODENAME": "jammy"}, "", today) == ["jammy", "noble"]
    assert (
        apt_sources.codename({"ID": "mint", "UBUNTU_CODENAME": "noble", "VERSION_CODENAME": "x"}) == "noble"
    )


def test_package_fields():
    assert apt_sources.dependencies("libc6 (>= 2.38), libffi8 | libffi7, python3:any, libz1:amd64") == [
        "libc6",
        "libffi8",
        "libz1",
    ]
    assert apt_sources.upstream_version("1:1.25.0+ds-1") == (1, 25, 0)
    assert apt_sources.upstream_version("unknown") == ()


@pytest.fixture
def no_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DEVSESSION_MICROPYTHON", raising=False)
    monkeypatch.setattr(interpreter.shutil, "which", lambda name: None)
    return tmp_path


def script(directory: Path, text: str) -> str:
    path = directory / "micropython"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


async def test_an_old_interpreter_is_refused_by_name(no_interpreter: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DEVSESSION_MICROPYTHON", script(no_interpreter, "echo 1.19.1"))
    with pytest.raises(InterpreterTooOldError, match=r"1\.19\.1") as caught:
        await find_interpreter()
    assert caught.value.version == "1.19.1"


async def test_what_is_no_interpreter_is_told(no_interpreter: Path, monkeypatch: pytest.MonkeyPatch):
    for text in ("exit 3", "echo nonsense"):
        monkeypatch.setenv("DEVSESSION_MICROPYTHON", script(no_interpreter, text))
        with pytest.raises(SimulatorError):
            await find_interpreter()
    monkeypatch.setenv("DEVSESSION_MICROPYTHON", "no-such-program")
    with pytest.raises(InterpreterNotFoundError, match="no-such-program"):
        await find_interpreter()


async def test_where_nothing_can_be_fetched_it_says_how_to_install(
    no_interpreter: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fetch, "is_possible", lambda: False)
    with pytest.raises(InterpreterNotFoundError) as caught:
        await find_interpreter()
    assert "install micropython" in str(caught.value)


async def test_the_distributions_package_is_fetched_once_and_then_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if not fetch.is_possible():
        pytest.skip("no apt here: nothing is fetched on this system")
    said: list[str] = []
    # Two at once: one does the work, the other waits for it.
    first, second = await asyncio.gather(
        fetch.fetch(tmp_path, said.append), fetch.fetch(tmp_path, said.append)
    )
    assert first == second
    version = subprocess.run(
        [*first, "-c", "import sys; print(sys.implementation[0])"], capture_output=True, text=True, check=True
    )
    assert version.stdout == "micropython\n"
    assert said
    assert {path.name for path in tmp_path.iterdir()} <= {"unix", "lock", ".lock", "fetch.lock"}
    again: list[str] = []
    assert await fetch.fetch(tmp_path, again.append) == first
    assert again == []


@pytest.mark.parametrize(
    "url",
    [
        "sim:../x",
        "sim:?heap=1k",
        "sim:?heap=x",
        "sim:?root=/",
        "sim:?what=1",
        "sim:?heap=1m&heap=2m",
        "sim:?repl=odd",
        "sim:circuitpython?repl=native",
        "sim:circuitpython?language=xx",
        "sim:circuitpython?drive=maybe",
        "sim:?drive=on",
        "sim:mps2?heap=64k",
        "sim:mps2?kind=microbit",
        "sim:bench?kind=esp32",
    ],
)
def test_urls_that_cannot_be_are_refused(url: str):
    with pytest.raises(UsageError):
        SimUrl.parse(url)


def test_urls_are_read(tmp_path: Path):
    wanted = SimUrl.parse(f"sim:bench?heap=256k&root={tmp_path}&repl=native")
    assert (wanted.name, wanted.heap, wanted.root, wanted.repl) == ("bench", 256 * 1024, tmp_path, "native")
    assert SimUrl.parse("sim:bench?kind=unix&heap=256k") == SimUrl("bench", heap=256 * 1024)
    assert SimUrl.parse("sim:microbit") == SimUrl.parse("sim:?kind=microbit") == SimUrl(kind="microbit")
    assert SimUrl.parse("sim:bench?kind=mps2") == SimUrl("bench", kind="mps2")


def test_names_of_boards_nobody_serves_any_more_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with registry.published("bench", "/dev/pts/99"):
        assert registry.names() == ["bench"]
        assert registry.resolve("bench") == Path("/dev/pts/99")
        with (
            pytest.raises(SimulatorError, match="already served"),
            registry.published("bench", "/dev/pts/98"),
        ):
            pass
    assert registry.names() == []
    assert registry.resolve("bench") is None
    directory = registry.directory()
    (directory / "left").symlink_to("/dev/pts/97")
    assert registry.resolve("left") is None
    os.chmod(directory, 0o755)
    with pytest.raises(SimulatorError, match="chmod 700"):
        registry.directory()
