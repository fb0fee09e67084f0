"""`devsession pool`, as a whole process; pools are shown by other processes and by this one."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from devsession.pool.events import SessionReused
from devsession.pool.metrics import Meter
from devsession.pool.snapshot import BoardSnapshot, BoardState, PoolSnapshot
from devsession.pool.store import PoolStore

ROOT = Path(__file__).parents[2]
DEVSESSION = [sys.executable, "-m", "devsession", "pool"]


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def a_board(name: str, state: BoardState, **more) -> BoardSnapshot:
    told = {
        "score": 1.0,
        "reasons": (),
        "strikes": 0,
        "agent": None,
        "fence": None,
        "lease_age": None,
        "retry_in": None,
    }
    return BoardSnapshot(
        name=name,
        url=f"sim:{name}",
        identity=f"sim:{name}",
        tags=frozenset(),
        state=state,
        sleeping=("worker-2",),
        uses=12,
        free_heap=98304,
        is_pinned=name == "a",
        **{**told, **more},
    )


def a_pool(*, taken_at: float | None = None) -> PoolSnapshot:
    boards = (
        a_board("a", BoardState.LEASED, agent="worker-1\x1b[31m", fence=3, lease_age=41.7),
        a_board("b", BoardState.IDLE),
        a_board(
            "c",
            BoardState.QUARANTINED,
            score=0.2,
            reasons=("no answer", "strike 3"),
            strikes=3,
            retry_in=500.0,
        ),
    )
    return PoolSnapshot(
        "bench", "sim", time.time() if taken_at is None else taken_at, 2, 1, 4, 1, 1, 1, 4, 5, False, boards
    )


def show(store: PoolStore, pool: PoolSnapshot) -> None:
    meter = Meter()
    for number in range(20):
        meter(SessionReused(pool="bench", board="a", session="s", agent="w", fence=number, waited=0.0002))
    store.show(pool, meter.read(pool))
    store._hurry.set()
    store._writer.join()


@pytest.fixture
def shown():
    store = PoolStore()
    show(store, a_pool())
    yield store
    asyncio.run(store.aclose())


def pool(*arguments: str):
    return subprocess.run([*DEVSESSION, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_none():
    for arguments, told in ((["status"], ""), (["status", "--json"], "[]\n")):
        done = pool(*arguments)
        assert (done.returncode, done.stdout) == (0, told)
    assert "no pool is shown on this computer" in pool("status").stderr


def test_the_table(shown: PoolStore):
    done = pool("status")
    assert (done.returncode, done.stderr) == (0, "")
    summary, head, *rows = done.stdout.splitlines()
    assert re.fullmatch(
        r"bench of \S+ \(process \d+\): 2 of 1 to 4 boards; 1 leased, 1 idle, 1 unhealthy; 5 waiting; 4 sessions; "
        r"20 requests, [\d.]+/s; 100% reused; waits 0.\d\d ms, 99 % within 0.\d\d ms",
        summary,
    )
    assert f"process {os.getpid()}" in summary
    assert head.split() == [
        "BOARD",
        "STATE",
        "HEALTH",
        "AGENT",
        "FOR",
        "SLEEPING",
        "USES",
        "STRIKES",
        "FREE",
        "HEAP",
        "WHY",
    ]
    a, b, c = (row.split() for row in rows)
    assert a[:5] == ["a", "(pinned)", "leased", "1.00", "worker-1"]
    assert 41 <= int(a[5]) < 100
    assert a[6:] == ["1", "12", "0", "98304", "-"]
    assert b == ["b", "idle", "1.00", "-", "-", "1", "12", "0", "98304", "-"]
    assert c[:9] == ["c", "quarantined", "0.20", "-", "-", "1", "12", "3", "98304"]
    assert re.fullmatch(r"no answer; strike 3; tried again in \d+ s", " ".join(c[9:]))
    assert (
        len({row.find(cell) for row, cell in zip(rows, ("leased", "idle", "quarantined"), strict=True)}) == 1
    )


def test_json(shown: PoolStore):
    (told,) = json.loads(pool("status", "--json").stdout)
    assert (told["pid"], told["is_alive"], told["snapshot"]["size"]) == (os.getpid(), True, 2)
    assert [board["state"] for board in told["snapshot"]["boards"]] == ["leased", "idle", "quarantined"]
    assert (told["metrics"]["reused"], told["metrics"]["hit_rate"], told["metrics"]["requests"]) == (
        20,
        1,
        20,
    )
    assert told["metrics"]["waits"]["counts"][1] == 20


def test_a_store_somewhere_else(tmp_path: Path):
    path = tmp_path / "elsewhere.sqlite3"
    store = PoolStore(path)
    show(store, a_pool())
    assert json.loads(pool("status", "--json").stdout) == []
    assert len(json.loads(pool("status", "--json", "--store", str(path)).stdout)) == 1
    asyncio.run(store.aclose())


def test_a_pool_whose_process_was_killed(tmp_path: Path):
    code = """if True:
        import os, signal
        from test_pool_commands import a_pool, show
        from devsession.pool.store import PoolStore
        show(PoolStore(), a_pool())
        os.kill(os.getpid(), signal.SIGKILL)
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    told = pool("status").stdout
    assert re.fullmatch(
        r"bench of -c \(process \d+\): ended without closing it, last seen \d+ s ago; its boards are free\n",
        told,
    )


def test_a_store_that_is_damaged(tmp_path: Path):
    path = tmp_path / "rubbish"
    path.write_bytes(b"rubbish" * 1000)
    done = pool("status", "--store", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "is damaged" in done.stderr
    assert "the next pool that starts sets it aside" in done.stderr
    assert "Traceback" not in done.stderr


def test_on_a_terminal_it_goes_on(shown: PoolStore):
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "220", "LINES": "50", "TERM": "xterm"}
    with subprocess.Popen([*DEVSESSION, "status"], stdout=theirs, env=environment) as watching:
        os.close(theirs)
        seen = ""

        def until(text: str) -> None:
            nonlocal seen
            deadline = time.monotonic() + 30
            while text not in seen:
                assert select.select([ours], [], [], deadline - time.monotonic())[0], seen
                seen += os.read(ours, 65536).decode()

        until("no answer")
        show(shown, replace(a_pool(), waiting=77))
        until("77 waiting")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 0
    os.close(ours)
    assert "worker-1" in seen
    assert "\x1b[31mworker" not in seen
    assert "worker-1\x1b[31m" not in seen


def test_metrics_are_served(shown: PoolStore):
    with subprocess.Popen(
        [*DEVSESSION, "serve-metrics", "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as serving:
        url = serving.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/metrics", url)
        with urllib.request.urlopen(url, timeout=30) as answer:
            told = answer.read().decode()
        port = url.split(":")[2].split("/")[0]
        second = pool("serve-metrics", "--port", port)
        serving.send_signal(signal.SIGINT)
        assert serving.wait(30) == 0
    assert f'devsession_pool_size{{pid="{os.getpid()}",pool="bench"}} 2.0' in told
    assert f'devsession_pool_sessions_reused_total{{pid="{os.getpid()}",pool="bench"}} 20.0' in told
    assert second.returncode == 2
    assert f"port {port} of 127.0.0.1 cannot be had" in second.stderr


def test_without_prometheus_client():
    code = """if True:
        import sys
        sys.modules["prometheus_client"] = None
        sys.argv = ["devsession", "pool", "serve-metrics"]
        from devsession.cli.app import main
        main()
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'devsession[prometheus]'" in done.stderr


def test_help_teaches():
    assert "devsession pool status --json" in pool("--help").stdout
    assert "--once" in pool("status", "--help").stdout
    assert "prometheus" in pool("serve-metrics", "--help").stdout


def test_the_readmes_watched_pool_runs(tmp_path: Path):
    blocks = (ROOT / "README.md").read_text("utf-8").split("```python\n")[1:]
    (code,) = (block.split("```")[0] for block in blocks if "PoolStore" in block)
    imports, body = code.split("\n\n", 1)
    program = tmp_path / "watched.py"
    program.write_text(
        f"import asyncio\n{imports}\n\nasync def main():\n{textwrap.indent(body, '    ')}\nasyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"2 1 [\d.e-]+\n", done.stdout)
    assert (tmp_path / "devsession" / "pools.sqlite3").exists()
