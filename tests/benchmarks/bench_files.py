"""devsession against mpremote, Belay and mpytool at the same jobs, each on a board of its own behind a metering link of its own.

    python tests/benchmarks/bench_files.py [--quick] [--json FILE] [--chart FILE.svg] [--also EARLIER.json]

Rounds are interleaved, medians are printed: of 5, of 3 where one run takes over 10 s, and what takes over 30 s is done once. Ratios are
taken within a round: `limit` is the time over that of a plain blast of the payload through the same link, `devsession` the time over
devsession's. The board is reached under a name that is not below /dev/pts, where mpremote skips its waits as it does on no real port.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import chart
from contenders import CONTENDERS, FAILURES, Missing, versions
from hall import Hall, perform
from jobs import Job, WrongResultError, jobs, make_tree
from metering_link import Pace
from report import print_job, print_targets
from station import Blast, Cost, blast

LINKS = {
    "instant": Pace(),
    "115200": Pace(rate=115200 / 10, latency=0.0005),
    "USB-like": Pace(rate=1e6, latency=0.0005),
}
WORDS = {
    "instant": "instant: nothing takes time but the tool, the board and this machine",
    "115200": "115200 baud: 10 bits a byte, 0.5 ms each way",
    "USB-like": "USB-like: 1 MB/s, 0.5 ms each way, so 1 ms a turn",
}
RUNS, FEWER, SLOW, ONCE = 5, 3, 10.0, 30.0


@dataclass
class Measured:
    """What one tool needed for one job on one link; ``note`` says why there are no runs."""

    contender: str
    runs: dict[int, Cost] = field(default_factory=dict)
    note: str = ""

    def wants(self, run: int, *, quick: bool) -> bool:
        if self.note or (quick and run):
            return False
        first = self.runs[0].seconds if self.runs else 0.0
        return run < (1 if first > ONCE else FEWER if first > SLOW else RUNS)


def measure(job: Job, hall: Hall, measured: Measured, run: int) -> None:
    """Have one tool do a job once more."""
    try:
        with (hall.fresh if job.fresh else hall.kept)(measured.contender) as bench:
            measured.runs[run] = perform(job, bench)
    except Missing as missing:
        measured.note = str(missing)
    except (WrongResultError, *FAILURES) as failure:
        hall.give_up(measured.contender)
        measured.runs.clear()
        measured.note = f"failed: {type(failure).__name__}: {failure}".splitlines()[0][:100]


def compare(job: Job, hall: Hall, plain: Blast | None, names: list[str], *, quick: bool) -> list[dict]:
    """Have each tool do a job as often as it takes, and return a row of results for each."""
    all_measured = [Measured(name) for name in names]
    limits = {}
    for run in range(RUNS):
        turn = [measured for measured in all_measured if measured.wants(run, quick=quick)]
        if turn and plain:
            limits[run] = job.limit(plain)
        for measured in turn:
            measure(job, hall, measured, run)
    return [row(job, measured, limits, all_measured[0]) for measured in all_measured]


def row(job: Job, measured: Measured, limits: dict[int, float], first: Measured) -> dict:
    """Return the medians of one tool at one job."""
    made = {"job": job.name, "tool": measured.contender, "runs": len(measured.runs), "note": measured.note}
    if not measured.runs:
        return made

    def median(value: Callable[[int], float], runs: dict[int, Cost] = measured.runs) -> float | None:
        values = [value(run) for run in runs]
        return statistics.median(values) if values else None

    runs = measured.runs
    payload, way = (job.up, "up") if job.up else (job.down, "down")
    both = {run: cost for run, cost in runs.items() if run in first.runs}
    return made | {
        "turns": median(lambda run: runs[run].turns),
        "up": median(lambda run: runs[run].up),
        "down": median(lambda run: runs[run].down),
        "seconds": median(lambda run: runs[run].seconds),
        "per_byte": median(lambda run: getattr(runs[run], way) / payload) if payload else None,
        "over_limit": median(lambda run: runs[run].seconds / limits[run]) if limits else None,
        "over_devsession": median(lambda run: runs[run].seconds / first.runs[run].seconds, both),
        "each": [asdict(cost) for cost in runs.values()],
    }


def on_link(name: str, tree_size: int, wanted: argparse.Namespace) -> list[dict]:
    """Do all jobs on one link, and print each as it is done."""
    print(f"\n{WORDS[name]}")
    rows = []
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        # A link that takes no time has no limit to compare with.
        plain = (
            stack.enter_context(blast(Path(directory, "blast"), LINKS[name])) if LINKS[name].rate else None
        )
        hall = Hall(Path(directory), LINKS[name], stack)
        for tool in wanted.tools:
            hall.keep(tool)
        for job in jobs(name, tree_size):
            if wanted.job in job.name:
                done = compare(job, hall, plain, wanted.tools, quick=wanted.quick)
                print_job(job.name, done)
                rows += [{"link": name} | each for each in done]
    return rows


def key(made: dict) -> tuple[str, str, str]:
    return made["link"], made["job"], made["tool"]


def earlier(file: Path | None) -> dict[tuple[str, str, str], dict]:
    """Return the rows of an earlier run."""
    return {key(each): each for each in json.loads(file.read_text())["rows"]} if file else {}


def save(wanted: argparse.Namespace, rows: list[dict], made: dict[str, str]) -> None:
    """Write what was asked for, as far as it is known."""
    for file, text in (
        (wanted.json, json.dumps({"versions": made, "rows": rows}, indent=1) + "\n"),
        (wanted.chart, chart.draw(rows, made)),
    ):
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="each job once, on the instant link")
    parser.add_argument(
        "--links", nargs="+", choices=LINKS, help="only these links", default=None, metavar="LINK"
    )
    parser.add_argument("--tools", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), metavar="TOOL")
    parser.add_argument("--job", default="", help="only jobs with this in their name")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--chart", type=Path, help="draw them here, as SVG")
    parser.add_argument(
        "--also", type=Path, help="figures of an earlier run, for what this one does not measure"
    )
    wanted = parser.parse_args()
    # Ended as by Ctrl-C: no board stays behind.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory() as directory:
        tree_size = make_tree(Path(directory))
    made = versions()
    print(
        ", ".join(f"{name} {number}" for name, number in made.items())
        + f"; {os.cpu_count()} processors, sim:"
    )
    links = wanted.links or (["instant"] if wanted.quick else list(LINKS))
    rows = earlier(wanted.also)
    for name in links:
        rows |= {key(each): each for each in on_link(name, tree_size, wanted)}
        save(wanted, list(rows.values()), made)
    print_targets(list(rows.values()))


if __name__ == "__main__":
    main()
