"""`devsession pool`: how the pools of this computer stand, whichever processes have them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from devsession.cli.outcome import conclude
from devsession.cli.terminal import aligned, printable
from devsession.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from devsession.pool.shown import ShownPool

# Seconds between two looks of a table that refreshes: pools show what has changed some times a second.
REFRESH = 1.0
# One that Prometheus's list of exporters gives to nobody.
PORT = 9748
_HEADS = ("BOARD", "STATE", "HEALTH", "AGENT", "FOR", "SLEEPING", "USES", "STRIKES", "FREE HEAP", "WHY")
_NOTHING = "-"
_NO_POOL = "no pool is shown on this computer: SessionPool(..., store=PoolStore()) shows itself\n"

_store = click.option(
    "--store",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the pools keep what they know; the default is PoolStore's own.",
)


@click.group("pool")
def pool_command() -> None:
    """Pools of boards: those that programs of this computer have open with a store, SessionPool(..., store=PoolStore()).

    \b
    devsession pool status           a table that refreshes
    devsession pool status --json    the same for programs, once
    devsession pool serve-metrics    for Prometheus
    """


@pool_command.command("status")
@click.option("--once", is_flag=True, help="Print it once; so it is where the output is no terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, once.")
@_store
def status_command(*, once: bool, as_json: bool, store: Path | None) -> None:
    """Show how the pools of this computer stand: which board is whose, who waits, what is sick and why.

    On a terminal it goes on until interrupted. A pool whose process ended without closing it is told of for ten minutes; its boards are
    free. Times are in seconds; HEALTH goes from 0 to 1, SLEEPING counts the sessions a board keeps for agents who may come back.

    \b
    devsession pool status
    devsession pool status --once
    devsession pool status --json | jq '.[].metrics.hit_rate'
    """
    goes_on = sys.stdout.isatty() and not once and not as_json
    conclude(_watch(store) if goes_on else _tell(store, as_json=as_json))


@pool_command.command("serve-metrics")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@_store
def serve_metrics_command(*, port: int, host: str, store: Path | None) -> None:
    """Serve the figures of this computer's pools to Prometheus, until interrupted; the URL is the first line printed.

    It needs prometheus_client: pip install 'devsession[prometheus]'. examples/grafana has a dashboard and alert rules.

    \b
    devsession pool serve-metrics
    devsession pool serve-metrics --host 0.0.0.0 --port 9000
    """
    conclude(_serve(host, port, store))


async def _tell(store: Path | None, *, as_json: bool) -> int:
    from devsession.pool.shown import shown_pools

    pools = shown_pools(store)
    if as_json:
        sys.stdout.write(json.dumps([_plain(pool) for pool in pools]) + "\n")
    elif pools:
        sys.stdout.write("\n".join(map(_text, pools)))
    else:
        sys.stderr.write(_NO_POOL)
    return 0


async def _watch(store: Path | None) -> int:
    from rich.live import Live

    from devsession.pool.shown import shown_pools

    # Being interrupted is how watching ends.
    with contextlib.suppress(asyncio.CancelledError), Live(auto_refresh=False) as live:
        while True:
            live.update(_drawn(shown_pools(store)), refresh=True)
            await asyncio.sleep(REFRESH)
    return 0


async def _serve(host: str, port: int, store: Path | None) -> int:
    try:
        from prometheus_client import CollectorRegistry
    except ImportError as error:
        raise UsageError(
            "prometheus_client is not installed", hint="pip install 'devsession[prometheus]'"
        ) from error
    from devsession.pool.prometheus import HostCollector, serving

    registry = CollectorRegistry()
    registry.register(HostCollector(store))
    with serving(registry, host=host, port=port) as url:
        sys.stdout.write(url + "\n")
        sys.stdout.flush()
        # Being interrupted is how serving ends.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    return 0


def _plain(pool: ShownPool) -> dict[str, Any]:
    from pydantic import TypeAdapter

    from devsession.pool.shown import ShownPool as Shown

    metrics = pool.metrics
    told: dict[str, Any] = TypeAdapter(Shown).dump_python(pool, mode="json")
    told["metrics"] |= {
        "requests": metrics.requests,
        "hit_rate": metrics.hit_rate,
        "health_pass_rate": metrics.health_pass_rate,
        "average_lifetime": metrics.average_lifetime,
    }
    return told


def _summary(pool: ShownPool) -> str:
    now, metrics = pool.snapshot, pool.metrics
    whose = f"{now.name} of {pool.program} (process {pool.pid})"
    if not pool.is_alive:
        ago = time.time() - pool.shown_at
        return printable(f"{whose}: ended without closing it, last seen {ago:.0f} s ago; its boards are free")
    parts = [
        f"{whose}: {now.size} of {now.min_size} to {now.max_size} boards",
        f"{now.active} leased, {now.idle} idle, {now.unhealthy} unhealthy",
        f"{now.waiting} waiting",
        f"{now.sessions} sessions",
        f"{metrics.requests} requests, {metrics.request_rate:.1f}/s",
    ]
    if metrics.hit_rate is not None:
        parts.append(f"{metrics.hit_rate:.0%} reused")
    if (usual := metrics.waits.quantile(0.5)) is not None and (
        slow := metrics.waits.quantile(0.99)
    ) is not None:
        parts.append(f"waits {_seconds(usual)}, 99 % within {_seconds(slow)}")
    if now.is_draining:
        parts.append("draining")
    return printable("; ".join(parts))


def _seconds(time: float) -> str:
    return f"{time * 1000:.2f} ms" if time < 1 else f"{time:.1f} s"


def _rows(pool: ShownPool) -> list[list[str]]:
    if not pool.is_alive:
        return []
    # Leases have gone on since the pool showed itself.
    passed = time.time() - pool.shown_at
    rows = []
    for board in pool.snapshot.boards:
        since = None if board.lease_age is None else f"{board.lease_age + passed:.0f}"
        why = "; ".join(board.reasons)
        if board.retry_in is not None:
            why += f"; tried again in {max(board.retry_in - passed, 0):.0f} s"
        cells = (
            board.name + (" (pinned)" if board.is_pinned else ""),
            board.state.value,
            f"{board.score:.2f}",
            board.agent,
            since,
            len(board.sleeping),
            board.uses,
            board.strikes,
            board.free_heap,
            why.removeprefix("; "),
        )
        rows.append([_cell(cell) for cell in cells])
    return rows


def _cell(value: object) -> str:
    return _NOTHING if value in {None, ""} else printable(str(value)).replace("\n", " ")


def _text(pool: ShownPool) -> str:
    rows = _rows(pool)
    table = aligned([_HEADS, *rows]) if rows else []
    return "".join(line + "\n" for line in (_summary(pool), *table))


def _drawn(pools: tuple[ShownPool, ...]) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    if not pools:
        return Text(_NO_POOL.strip())
    parts: list[RenderableType] = []
    for pool in pools:
        parts.append(Text(_summary(pool), style="bold" if pool.is_alive else "bold red"))
        table = Table(box=None, pad_edge=False, header_style="bold")
        for head in _HEADS:
            table.add_column(head, overflow="fold")
        rows = _rows(pool)
        for row in rows:
            table.add_row(*map(Text, row))
        if rows:
            parts.append(table)
    return Group(*parts)
