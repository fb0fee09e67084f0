"""Where the tools do their jobs: each has a board of its own on a link, to keep or a fresh one for each job."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

from contenders import CONTENDERS, FAILURES, Missing
from jobs import TREES, Attach, Bench, Job, noise, source
from metering_link import Pace
from station import Cost, station

# How large the files are that a tool moves beforehand, so that it has on the board what it needs there.
WARM = 4096
# No job needs as long; a tool that waits for ever is told to have failed.
DEADLINE = 300


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
        (tree / "part" / "module.py").write_bytes(source(WARM))
        for one in (
            lambda: bench.contender.write("/source", source(WARM)),
            lambda: bench.contender.write("/random", noise(WARM, 0)),
            lambda: bench.contender.read("/source"),
            lambda: bench.contender.read("/random"),
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
