"""`devsession sim`: simulated boards."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from urllib.parse import urlencode

import click

from devsession.cli.options import enable_log, tell_progress
from devsession.cli.outcome import conclude

# Spelled out, as the simulator's own rooms are imported by the commands that use them.
KINDS = ["unix", "microbit", "mps2", "circuitpython"]
LANGUAGES = ["en", "de", "es", "fr"]


@click.group("sim")
def sim_command() -> None:
    """Simulated boards: MicroPython's unix port behind a terminal that behaves as a board's, and firmware of real boards under QEMU.

    \b
    devsession sim serve bench --path /tmp/bench     in one terminal
    devsession -b sim:bench exec "print(1)"          in another, by its name
    mpremote connect /tmp/bench repl                 and with any other tool
    devsession -b sim:microbit exec "print(1)"       a BBC micro:bit, emulated
    devsession -b sim:circuitpython exec "print(1)"  what CircuitPython's documentation says of it
    """


@sim_command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_command(*, as_json: bool) -> None:
    """List the simulated boards that are being served by name, and the ports they are on."""
    from devsession.simulator import registry

    boards = [{"board": f"sim:{name}", "port": str(registry.resolve(name))} for name in registry.names()]
    if as_json:
        sys.stdout.write(json.dumps(boards) + "\n")
    else:
        for board in boards:
            sys.stdout.write(f"{board['board']:<24} {board['port']}\n")
        if not boards:
            sys.stderr.write("no simulated board is being served: devsession sim serve NAME\n")


@sim_command.command("install")
@click.argument("kind", type=click.Choice(KINDS), default="unix")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def install_command(kind: str, *, as_json: bool) -> None:
    """Find what simulated boards of a KIND run, or fetch it, and tell where it is.

    \b
    unix      the MicroPython interpreter: DEVSESSION_MICROPYTHON, else micropython on the
              PATH, else, on Debian and Ubuntu, the distribution's own package, unpacked into
              your cache without root; tells its version, too
    microbit  the BBC micro:bit's firmware: installed, or fetched from Debian in the same way
    mps2      firmware for a Cortex-M3, built by `make firmware` in a checkout of devsession
    circuitpython  the same interpreter as unix: it is simulated from CircuitPython's documentation

    microbit and mps2 need QEMU: apt install qemu-system-arm.
    """
    emulated = kind in {"microbit", "mps2"}
    conclude(_install_emulated(kind, as_json=as_json) if emulated else _install(as_json=as_json))


@sim_command.command("serve")
@click.argument("name", required=False)
@click.option("--kind", type=click.Choice(KINDS), default="unix", help="Which board; unix is the default.")
@click.option("--path", type=click.Path(path_type=Path), help="Also keep a symbolic link to the port here.")
@click.option("--heap", help="The size of the heap, such as 256k.")
@click.option("--root", type=click.Path(path_type=Path), help="Keep the board's files in this directory.")
@click.option(
    "--drive",
    type=click.Choice(["on", "off"]),
    help="CircuitPython: whether a computer has its files as a drive.",
)
@click.option(
    "--language", type=click.Choice(LANGUAGES), help="CircuitPython: the language of its own messages."
)
@click.option("-v", "--verbose", count=True, help="Tell each phase on stderr.")
def serve_command(
    *,
    name: str | None,
    kind: str,
    path: Path | None,
    heap: str | None,
    root: Path | None,
    drive: str | None,
    language: str | None,
    verbose: int,
) -> None:
    """Publish a simulated board as a serial port, until interrupted; its path is the first line printed.

    With NAME it is also found as sim:NAME. Where NAME is a kind, it is that board, and has no name.

    \b
    devsession sim serve bench --path /tmp/bench
    devsession sim serve microbit
    devsession sim serve small --kind microbit
    devsession sim serve circuitpython --root ./CIRCUITPY     saving a file there starts code.py anew
    """
    enable_log(verbose)
    given = {"heap": heap, "root": root, "drive": drive, "language": language}
    given["kind"] = None if kind == "unix" else kind
    options = urlencode({key: value for key, value in given.items() if value is not None})
    conclude(_serve("sim:" + (name or "") + (f"?{options}" if options else ""), path))


async def _install(*, as_json: bool) -> int:
    from devsession.simulator.interpreter import find_interpreter

    found = await find_interpreter(tell_progress)
    if as_json:
        sys.stdout.write(
            json.dumps({"version": found.version, "origin": found.origin, "argv": found.argv}) + "\n"
        )
    else:
        sys.stdout.write(f"MicroPython {found.version}, from the {found.origin}: {' '.join(found.argv)}\n")
    return 0


async def _install_emulated(kind: str, *, as_json: bool) -> int:
    from devsession.simulator.emulation.machines import MACHINES
    from devsession.simulator.emulation.qemu import find_qemu

    emulator = find_qemu()
    firmware = await MACHINES[kind].image(tell_progress)
    if as_json:
        sys.stdout.write(json.dumps({"emulator": emulator, "firmware": str(firmware)}) + "\n")
    else:
        sys.stdout.write(f"{firmware}, run by {emulator}\n")
    return 0


async def _serve(url: str, link: Path | None) -> int:
    from devsession.simulator.serve import serve

    def announce(path: str) -> None:
        sys.stdout.write(path + "\n")
        sys.stdout.flush()

    try:
        await serve(url, link=link, announce=announce, progress=tell_progress)
    except asyncio.CancelledError:
        # Being interrupted is how serving ends.
        return 0
    return 0
