"""The farm that the tests of this room share."""

import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from farm import LABGRID, Client, Farm, RefusedError, running


@pytest.fixture(scope="session")
def whole_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    if not (LABGRID / "complete").exists():
        reason = "labgrid is not installed: make labgrid"
        if os.environ.get("DEVSESSION_LABGRID") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with running(tmp_path_factory.mktemp("farm")) as farm:
        yield farm


@pytest.fixture(autouse=True)
def no_leaked_processes(whole_farm: Farm) -> Iterator[None]:
    """As everywhere, but for the farm's own: what is killed is started again, and has another id then."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = set(children.read_text().split())
    yield
    assert set(children.read_text().split()) <= before | whole_farm.processes


@pytest.fixture(autouse=True)
def no_leaked_descriptors(whole_farm: Farm) -> Iterator[None]:
    """As everywhere, but for those of the farm's clients."""
    before = set(os.listdir("/proc/self/fd"))
    yield
    kept = set().union(*(each.descriptors for each in whole_farm.spare))
    assert {
        fd for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")
    } <= before | kept


@pytest.fixture
def farm(whole_farm: Farm) -> Farm:
    """The farm, with all its parts on their feet."""
    whole_farm.restore()
    return whole_farm


@pytest.fixture
def client(farm: Farm) -> Iterator[Callable[..., Client]]:
    """Starts clients, which end with the test; their processes go on, for other tests."""
    clients: list[Client] = []
    special: list[Client] = []

    def start(
        url: str = "labgrid:pool=ci", *, serial: str | None = None, locks: str = "locks", **options: Any
    ) -> Client:
        each = farm.spare.pop() if farm.spare and serial is None else Client(farm, serial)
        (special if serial else clients).append(each)
        each.do("start", url, str(farm.directory / locks), options)
        return each

    yield start
    for each in clients:
        try:
            each.do("stop")
        except (AssertionError, OSError, ValueError, RefusedError):
            # Killed by the test, or in the middle of something that failed.
            each.end()
        else:
            farm.spare.append(each)
    for each in special:
        each.end()


@pytest.fixture
def relay(farm: Farm) -> Iterator[list[str]]:
    """The relay that the farm's power port is, and the pages that it was asked for."""
    asked: list[str] = []

    class Relay(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", farm.relay), Relay) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield asked
        server.shutdown()
        thread.join()
