"""`devsession boards`: what is attached, and what comes and goes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from devsession.cli.outcome import conclude
from devsession.cli.terminal import aligned, printable
from devsession.transport.holders import holder_of
from devsession.transport.ports import Port, list_ports

if TYPE_CHECKING:
    from devsession.transport.watch import PortEvent

# The heads of the columns, and what stands under them in the JSON.
_COLUMNS = (
    ("BOARD", "board"),
    ("IDENTITY", "identity"),
    ("VID:PID", "usb"),
    ("PROBABLY", "family"),
    ("MAKER", "manufacturer"),
    ("PRODUCT", "product"),
    ("SERIAL", "serial_number"),
    ("LOCATION", "location"),
    ("HELD BY", "holder"),
)
# Columns that a narrow terminal shows whole: they are copied from there.
_WHOLE = frozenset({"board", "usb"})
_NOTHING = "-"


@click.command("boards")
@click.option("--watch", is_flag=True, help="Go on, and print what comes and goes until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list; with --watch one object a line.")
def boards_command(*, watch: bool, as_json: bool) -> None:
    """List the boards attached: USB serial ports, and the simulated boards that are being served.

    Each is named with -b by its port, by its identity or serial number (-b id:SERIAL, which stays when the port is renumbered), or as in
    mpremote: a0 is /dev/ttyACM0, u0 /dev/ttyUSB0, c3 COM3. PROBABLY is a guess from VID:PID: devsession info asks the board itself.

    \b
    devsession boards
    devsession boards --json
    devsession boards --watch
    """
    conclude(_watch(as_json=as_json) if watch else _list(as_json=as_json))


async def _list(*, as_json: bool) -> int:
    boards = [_described(port, holder=holder_of(port.path)) for port in list_ports()] + _served()
    if as_json:
        sys.stdout.write(json.dumps(boards) + "\n")
    elif not boards:
        sys.stderr.write("no board is attached: devsession doctor tells why, -b sim: is a simulated one\n")
    elif sys.stdout.isatty():
        _draw(boards)
    else:
        _print(boards)
    return 0


async def _watch(*, as_json: bool) -> int:
    from devsession.transport.watch import watch_ports

    # Being interrupted is how watching ends.
    with contextlib.suppress(asyncio.CancelledError):
        async with contextlib.aclosing(watch_ports()) as events:
            async for event in events:
                sys.stdout.write((json.dumps(_told(event)) if as_json else _line(event)) + "\n")
                sys.stdout.flush()
    return 0


def _described(port: Port, **more: str | None) -> dict[str, Any]:
    known = asdict(port)
    usb = f"{port.vid or 0:04x}:{port.pid or 0:04x}"
    return {"board": port.path, "port": known.pop("path"), **known, "usb": usb, "family": port.family, **more}


def _served() -> list[dict[str, Any]]:
    if sys.platform == "win32":
        return []
    from devsession.simulator import registry

    # A server may end while we look.
    served = ((name, registry.resolve(name)) for name in registry.names())
    return [_simulated(f"sim:{name}", str(path)) for name, path in served if path is not None]


def _simulated(url: str, path: str) -> dict[str, Any]:
    family = "simulated board"
    return {"board": url, "port": path, "identity": url, "family": family, "holder": holder_of(path)}


def _told(event: PortEvent) -> dict[str, Any]:
    return {"event": _verb(event), **_described(event.port)}


def _line(event: PortEvent) -> str:
    port = event.port
    what = " ".join(filter(None, (port.identity, port.family or port.product)))
    return f"{_verb(event):<8} {port.path}  {printable(what)}"


def _verb(event: PortEvent) -> str:
    return type(event).__name__.removeprefix("Port").lower()


def _cells(board: dict[str, Any]) -> list[str]:
    return [printable(str(board.get(key) or _NOTHING)).replace("\n", " ") for _, key in _COLUMNS]


def _print(boards: list[dict[str, Any]]) -> None:
    rows = [[head for head, _ in _COLUMNS], *map(_cells, boards)]
    sys.stdout.writelines(line + "\n" for line in aligned(rows))


def _draw(boards: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    rows = [_cells(board) for board in boards]
    # A narrow terminal is not filled with columns in which nothing stands.
    shown = [number for number in range(len(_COLUMNS)) if any(row[number] != _NOTHING for row in rows)]
    for number in shown:
        table.add_column(_COLUMNS[number][0], overflow="fold", no_wrap=_COLUMNS[number][1] in _WHOLE)
    for row in rows:
        table.add_row(*(Text(row[number]) for number in shown))
    Console().print(table)
