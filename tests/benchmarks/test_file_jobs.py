"""The benchmark of file jobs: a job that went wrong is told, and the chart shows what was measured and what was not."""

import argparse
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from bench_files import Measured, earlier, row, save
from chart import draw
from contenders import Missing
from jobs import (
    KIB,
    Bench,
    Get,
    Put,
    PutTree,
    Sync,
    WrongResultError,
    contents,
    jobs,
    make_tree,
    noise,
    source,
)
from station import Cost


class Careless:
    """A tool that writes into the directory it was given, and damages what it is told to."""

    def __init__(self, root: Path, *, damage: bytes = b"") -> None:
        self.root, self.port, self.damage = root, "", damage

    def write(self, path: str, data: bytes) -> None:
        (self.root / path[1:]).write_bytes(data + self.damage)

    def read(self, path: str) -> bytes:
        return (self.root / path[1:]).read_bytes() + self.damage

    def put_tree(self, local: Path, remote: str) -> None:
        for name, data in contents(local).items():
            to = self.root / remote[1:] / name
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(data + self.damage)

    def sync_tree(self, local: Path, remote: str) -> None:
        if self.damage:
            self.put_tree(local, remote)


def at(directory: Path, damage: bytes = b"") -> Bench:
    root = directory / "root"
    (root / "trees").mkdir(parents=True)
    careless = Careless(root, damage=damage)
    return Bench(careless, careless, directory)  # type: ignore[arg-type]


JOBS = [Put("put", 100), Get("get", 100), Put("put", 100, text=True), PutTree("tree", 1), Sync("sync")]


@pytest.mark.parametrize("job", JOBS, ids=lambda job: type(job).__name__)
def test_what_arrived_is_looked_at(tmp_path: Path, job):
    good, bad = at(tmp_path / "good"), at(tmp_path / "bad", damage=b"!")
    job.prepare(good)
    job.check(good, job.perform(good))
    job.prepare(bad)
    result = job.perform(bad)
    with pytest.raises(WrongResultError):
        job.check(bad, result)


def test_a_tree_that_was_written_again_is_no_unchanged_sync(tmp_path: Path):
    bench, job = at(tmp_path), Sync("sync")
    job.prepare(bench)
    bench.contender.put_tree(tmp_path / "tree0", "/trees/tree0")
    with pytest.raises(WrongResultError, match="written"):
        job.check(bench, None)


def test_the_payloads_are_what_they_are_called(tmp_path: Path):
    assert noise(1000, 1) != noise(1000, 2)
    assert len(source(32 * KIB)) == 32 * KIB
    assert make_tree(tmp_path) == sum(map(len, contents(tmp_path).values()))
    assert len(contents(tmp_path)) == 200
    assert "put 64 KiB random" in [job.name for job in jobs("115200", 1)]
    assert "put 1 MiB random" in [job.name for job in jobs("USB-like", 1)]


def test_how_often_a_job_is_done_depends_on_how_long_it_takes():
    def runs(seconds: float, *, quick: bool = False) -> int:
        measured = Measured("tool", {0: Cost(1, 1, 1, seconds)})
        return sum(measured.wants(run, quick=quick) for run in range(9))

    assert (runs(1.0), runs(11.0), runs(31.0), runs(1.0, quick=True)) == (5, 3, 1, 1)
    assert not Measured("tool", note="no such operation").wants(0, quick=False)


def test_a_row_has_medians_and_ratios_within_a_round():
    own = Measured("devsession", {0: Cost(1, 110, 5, 1.0), 1: Cost(3, 120, 5, 2.0), 2: Cost(2, 110, 5, 1.0)})
    other = Measured("mpremote", {0: Cost(9, 300, 9, 10.0), 1: Cost(9, 300, 9, 40.0)})
    found = row(Put("put", 100), other, {0: 0.5, 1: 0.5}, own)
    assert found["over_devsession"] == 15.0
    assert found["over_limit"] == 50.0
    assert found["per_byte"] == 3.0
    assert row(Put("put", 100), own, {}, own)["over_limit"] is None
    assert row(Put("put", 100), own, {}, own)["turns"] == 2


def test_the_chart_is_a_picture_of_the_rows():
    def made(tool: str, value: float | None, note: str = "") -> dict:
        at = {"link": "instant", "job": "get 32 KiB random", "tool": tool, "note": note}
        return at | {"runs": 0 if value is None else 5, "per_byte": value}

    rows = [
        made("devsession", 1.25),
        made("mpremote", 2.5),
        made("belay", None, str(Missing("no such <call>"))),
    ]
    picture = ET.fromstring(draw(rows, {"devsession": "1", "mpremote": "2", "belay": "3"}))
    texts = ["".join(text.itertext()) for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"1.25", "2.50", "belay: no such <call>", "get, random", "mpremote 2"} <= set(texts)
    bars = {
        title.text: float(bar.attrib["width"])
        for bar in picture.iter("{http://www.w3.org/2000/svg}rect")
        for title in bar
    }
    assert bars["mpremote: 2.50"] == 2 * bars["devsession: 1.25"]


def test_figures_are_kept_for_a_later_run(tmp_path: Path):
    rows = [{"link": "instant", "job": "a job", "tool": "mpremote", "runs": 1, "turns": 5}]
    wanted = argparse.Namespace(json=tmp_path / "new" / "figures.json", chart=tmp_path / "figures.svg")
    save(wanted, rows, {"mpremote": "2"})
    assert earlier(wanted.json) == {("instant", "a job", "mpremote"): rows[0]}
    assert earlier(None) == {}
    assert "mpremote 2" in wanted.chart.read_text()
