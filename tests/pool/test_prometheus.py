"""The figures as Prometheus reads them, and the dashboard and the rules that go by them."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from pools_on_show import board, figures, reused, snapshot
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from test_metrics import TOLD

from devsession.errors import UsageError
from devsession.pool.metrics import Meter
from devsession.pool.prometheus import HostCollector, PoolCollector, serving
from devsession.pool.snapshot import BoardState
from devsession.pool.store import PoolStore

GRAFANA = Path(__file__).parents[2] / "examples" / "grafana"


class FakePool:
    """A pool as far as it is measured; it must be read on one thread alone."""

    def __init__(self, name: str = "bench") -> None:
        self.name = name
        self.thread = threading.get_ident()
        self.meter = Meter()

    def snapshot(self):
        assert self.thread == threading.get_ident()
        leased = board("a", BoardState.LEASED, agent="worker-1", strikes=2, score=0.5)
        return snapshot(leased, board("b"), name=self.name)

    def metrics(self):
        return self.meter.read(self.snapshot())


def samples(text: str) -> dict[tuple, float]:
    return {
        (
            sample.name,
            *(f"{name}={value}" for name, value in sorted(sample.labels.items()) if name != "pid"),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def collected(collector) -> str:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def everything() -> str:
    pool = FakePool()
    for event, _ in TOLD:
        pool.meter(event)
    return collected(PoolCollector(pool))


def test_the_figures_of_a_pool():
    pool = FakePool()
    for event, _ in TOLD:
        pool.meter(event)
    pool.meter(reused(0.03))
    told = samples(collected(PoolCollector(pool)))
    of = "pool=bench"
    assert {
        key: told[key]
        for key in told
        if key[0].startswith("devsession_pool_")
        and not key[0].endswith("_bucket")
        and "timestamp" not in key[0]
    } == {
        ("devsession_pool_up", of): 1,
        ("devsession_pool_size", of): 2,
        ("devsession_pool_min_size", of): 1,
        ("devsession_pool_max_size", of): 60,
        ("devsession_pool_active", of): 1,
        ("devsession_pool_idle", of): 1,
        ("devsession_pool_unhealthy", of): 0,
        ("devsession_pool_sessions", of): 0,
        ("devsession_pool_waiting", of): 2,
        ("devsession_pool_utilisation_ratio", of): 0.5,
        ("devsession_pool_request_rate", of): pytest.approx(2.5, abs=2.4),
        ("devsession_pool_hit_ratio", of): pytest.approx(2 / 3),
        ("devsession_pool_health_pass_ratio", of): 0.5,
        ("devsession_pool_average_lifetime_seconds", of): 60,
        ("devsession_pool_sessions_created_total", of): 1,
        ("devsession_pool_sessions_reused_total", of): 2,
        ("devsession_pool_requests_total", of): 4,
        ("devsession_pool_leases_revoked_total", of): 1,
        ("devsession_pool_boards_opened_total", of): 1,
        ("devsession_pool_boards_removed_total", of): 1,
        ("devsession_pool_boards_quarantined_total", of): 1,
        ("devsession_pool_boards_recovered_total", of): 1,
        **{
            ("devsession_pool_sessions_evicted_total", of, f"reason={reason}"): float(reason == "reuse off")
            for reason in ("room", "idle", "reuse off", "closed", "lifetime", "reset", "lost", "expired")
        },
        ("devsession_pool_requests_given_up_total", of, "reason=timeout"): 1,
        ("devsession_pool_requests_given_up_total", of, "reason=cancelled"): 0,
        ("devsession_pool_requests_given_up_total", of, "reason=refused"): 0,
        ("devsession_pool_scaled_total", "direction=up", of): 1,
        ("devsession_pool_scaled_total", "direction=down", of): 1,
        ("devsession_pool_health_checks_total", of, "result=passed"): 1,
        ("devsession_pool_health_checks_total", of, "result=failed"): 1,
        ("devsession_pool_wait_seconds_count", of): 3,
        ("devsession_pool_wait_seconds_sum", of): pytest.approx(0.43),
        ("devsession_pool_lease_seconds_count", of): 2,
        ("devsession_pool_lease_seconds_sum", of): 6,
        ("devsession_pool_session_lifetime_seconds_count", of): 1,
        ("devsession_pool_session_lifetime_seconds_sum", of): 60,
    }
    assert [
        told["devsession_pool_wait_seconds_bucket", f"le={end}", of]
        for end in ("0.01", "0.05", "0.25", "+Inf")
    ] == [0, 1, 3, 3]
    assert told["devsession_board_health", "board=a", of] == 0.5
    assert told["devsession_board_strikes", "board=a", of] == 2
    assert told["devsession_board_uses_total", "board=b", of] == 3
    assert [
        key[3] for key, value in told.items() if key[:2] == ("devsession_board_state", "board=a") and value
    ] == ["state=leased"]


def test_what_is_not_known_is_not_told():
    told = samples(collected(PoolCollector(FakePool())))
    names = {name for name, *_ in told}
    assert not names & {"devsession_pool_hit_ratio", "devsession_pool_average_lifetime_seconds"}


def test_two_pools_of_one_name():
    told = samples(collected(PoolCollector(FakePool(), FakePool(), FakePool("other"))))
    assert {key[1] for key in told if key[0] == "devsession_pool_up"} == {
        "pool=bench",
        "pool=bench 2",
        "pool=other",
    }


async def test_another_thread_reads_on_the_loop_of_the_pool():
    collector = PoolCollector(FakePool())
    assert samples(collected(collector))["devsession_pool_size", "pool=bench"] == 2
    text = await asyncio.to_thread(collected, collector)
    assert samples(text)["devsession_pool_size", "pool=bench"] == 2


def test_a_pool_whose_loop_is_gone():
    async def make() -> PoolCollector:
        return PoolCollector(FakePool())

    collector = asyncio.run(make())
    collector._thread = 0
    assert "devsession_pool_size{" not in collected(collector)


async def test_served_over_http():
    registry = CollectorRegistry()
    registry.register(PoolCollector(FakePool()))
    with serving(registry) as url:
        answer = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=30).read())
        port = int(url.split(":")[2].split("/")[0])
        with (
            pytest.raises(UsageError, match=f"port {port} of 127.0.0.1 cannot be had"),
            serving(registry, port=port),
        ):
            pass
    assert samples(answer.decode())["devsession_pool_size", "pool=bench"] == 2
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=30)


async def test_the_pools_of_a_computer(tmp_path: Path):
    path = tmp_path / "pools.sqlite3"
    assert samples(collected(HostCollector(path))) == {("devsession_store_readable",): 1}
    store = PoolStore(path)
    shown = snapshot(board("a"), board("b"), name="shown")
    store.show(shown, figures(shown, reused()))
    store._hurry.set()
    await asyncio.to_thread(store._writer.join)
    told = samples(collected(HostCollector(path)))
    assert told["devsession_pool_size", "pool=shown"] == 2
    assert told["devsession_pool_sessions_reused_total", "pool=shown"] == 1
    # As if its process had ended.
    store._slot[1].release()
    told = samples(collected(HostCollector(path)))
    assert {key: value for key, value in told.items() if key[0].startswith("devsession_pool")} == {
        ("devsession_pool_up", "pool=shown"): 0
    }
    await store.aclose()
    path.write_bytes(b"rubbish" * 1000)
    assert samples(collected(HostCollector(path))) == {("devsession_store_readable",): 0}


def test_nothing_is_imported_unless_chosen():
    code = """if True:
        import sys
        import devsession.pool.store, devsession.pool.shown, devsession.pool.metrics, devsession.cli.pool
        sys.exit(any("prometheus_client" in name for name in sys.modules))
    """
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def dashboard_expressions() -> list[str]:
    dashboard = json.loads((GRAFANA / "devsession-pools.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    variables = [
        each["query"]["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"
    ]
    assert len(queries) > 20
    return queries + variables


def rule_expressions() -> list[str]:
    groups = yaml.safe_load((GRAFANA / "alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 10
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in rules)
    return [rule["expr"] for rule in rules]


@pytest.mark.parametrize("expressions", [dashboard_expressions, rule_expressions])
def test_what_dashboard_and_rules_ask_for_is_there(expressions):
    text = everything() + collected(HostCollector(Path("/nowhere/at/all")))
    told = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    labels: dict[str, set[str]] = {}
    for sample in told:
        labels.setdefault(sample.name, set()).update(sample.labels)
    values = {value for sample in told for value in sample.labels.values()}
    for expression in expressions():
        names = set(re.findall(r"devsession_\w+", expression))
        assert names, expression
        assert names <= labels.keys(), expression
        grouped = [
            name.strip() for found in re.findall(r"\bby \(([^)]*)\)", expression) for name in found.split(",")
        ]
        chosen = re.findall(r'[{,] ?(\w+)=~?"', expression)
        assert {*grouped, *chosen} <= set().union(*(labels[name] for name in names)), expression
        assert set(re.findall(r'="([^"]*)"', expression)) <= values, expression


def test_the_panels_of_the_dashboard():
    panels = json.loads((GRAFANA / "devsession-pools.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["title"]
        assert panel["description"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
    (mappings,) = (
        panel["fieldConfig"]["defaults"]["mappings"] for panel in panels if panel["type"] == "state-timeline"
    )
    assert {each["text"] for each in mappings[0]["options"].values()} == {state.value for state in BoardState}


def test_prometheus_itself_takes_the_rules_and_the_figures():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: apt install prometheus")
    rules = subprocess.run(
        [promtool, "check", "rules", GRAFANA / "alerts.yml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (rules.returncode, rules.stderr) == (0, "")
    metrics = subprocess.run(
        [promtool, "check", "metrics"],
        input=everything(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (metrics.returncode, metrics.stderr) == (0, "")


def test_sixty_boards_are_told_in_no_time():
    shown = snapshot(*(board(f"b{number}") for number in range(60)))

    class Sixty:
        def snapshot(self):
            return shown

        def metrics(self):
            return figures(shown)

    begun = time.perf_counter()
    text = collected(PoolCollector(Sixty()))
    assert time.perf_counter() - begun < 2
    assert text.count("\ndevsession_board_health{") == 60
