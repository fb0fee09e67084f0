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
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import chart
from contenders import CONTENDERS, FAILURES, Missing, versions
from jobs import TREES, Attach, Bench, Job, WrongResultError, jobs, make_tree
from metering_link import Pace
from report import print_job, print_targets
from station import Blast, Cost, blast, station

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
# No job needs as long; a tool that waits for ever is told to have failed.
DEADLINE = 300


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


class Hall:
    """Where the tools have their benches on one link."""

    def __init__(self, directory: Path, pace: Pace, stack: contextlib.ExitStack) -> None:
        self._directory, self._pace, self._stack = directory, pace, stack
        self._count = 0
        self._benches: dict[str, tuple[Bench, contextlib.ExitStack]] = {}

    @contextlib.contextmanager
    def fresh(self, name: str) -> Iterator[Bench]:
        """Give a tool a board that nobody has used."""
        self._count += 1
        directory = self._directory / f"{name}{self._count}"
        with station(directory, self._pace) as board:
            (board.root / TREES).mkdir()
            contender = CONTENDERS[name]()
            try:
                yield Bench(contender, board, directory)
            finally:
                contender.close()

    def keep(self, name: str) -> None:
        """Give a tool a board to keep, attached and used for one small thing of each kind."""
        opened = self._stack.enter_context(contextlib.ExitStack())
        bench = opened.enter_context(self.fresh(name))
        self._warm(bench)
        self._benches[name] = bench, opened

    @contextlib.contextmanager
    def kept(self, name: str) -> Iterator[Bench]:
        """Give a tool the board that it keeps."""
        if name not in self._benches:
            self.keep(name)
        yield self._benches[name][0]

    def give_up(self, name: str) -> None:
        """Take away the board that a tool keeps: a job failed on it, and nobody knows how it is now."""
        if name in self._benches:
            _, opened = self._benches.pop(name)
            with contextlib.suppress(*FAILURES):
                opened.close()

    def _warm(self, bench: Bench) -> None:
        Attach("").perform(bench)
        tree = bench.directory / "warm"
        (tree / "part").mkdir(parents=True)
        (tree / "part" / "module.py").write_bytes(b"x = 1\n" * 20)
        for one in (
            lambda: bench.contender.write("/warm", b"x = 1\n" * 20),
            lambda: bench.contender.read("/warm"),
            lambda: bench.contender.put_tree(tree, f"/{TREES}/warm"),
            lambda: bench.contender.sync_tree(tree, f"/{TREES}/warm"),
        ):
            with contextlib.suppress(Missing):
                one()


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    def late(number: int, frame: object) -> None:
        raise TimeoutError(f"no end within {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def perform(job: Job, bench: Bench) -> Cost:
    """Do a job once and return what it cost; raises what the tool raises, and WrongResultError."""
    bench.run += 1
    with deadline(DEADLINE):
        job.prepare(bench)
        before = bench.station.read()
        result = job.perform(bench)
        cost = bench.station.read() - before
    job.check(bench, result)
    return cost


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
