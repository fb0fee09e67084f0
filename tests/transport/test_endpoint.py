"""What names a board beside a URL: a port on the network, as labgrid and others describe it."""

from types import SimpleNamespace

import pytest

from devsession import DeviceSessionManager, UsageError
from devsession.sync import DeviceSessionManager as SyncManager
from devsession.transport.endpoint import endpoint_url, url_of


class Target:
    """As labgrid's: its ports are waited for."""

    def __init__(self, *resources: object) -> None:
        self.resources = list(resources)
        self.awaited: list[object] = []

    def await_resources(self, resources: list[object]) -> None:
        self.awaited += resources


def port(**told: object) -> SimpleNamespace:
    return SimpleNamespace(**{"host": "farm", "port": 4000, "protocol": "raw", "speed": 115200, **told})


@pytest.mark.parametrize(
    ("board", "url"),
    [
        ("sim:", "sim:"),
        (port(), "socket://farm:4000"),
        (port(protocol="tcp"), "socket://farm:4000"),
        (port(protocol="rfc2217"), "rfc2217://farm:4000?ign_set_control"),
        (port(host="fe80::1", protocol="RFC2217"), "rfc2217://[fe80::1]:4000?ign_set_control"),
        (SimpleNamespace(port="/dev/ttyACM0", speed=115200), "/dev/ttyACM0"),
        (Target(port()), "socket://farm:4000"),
        (Target(SimpleNamespace(model="relay", host="h"), port()), "socket://farm:4000"),
        (Target(port(name="log"), port(port=4001, name="default")), "socket://farm:4001"),
    ],
)
def test_what_a_board_is_opened_by(board: object, url: str):
    assert url_of(board) == url  # type: ignore[arg-type]


def test_the_port_of_a_target_is_waited_for():
    target = Target(port())
    url_of(target)
    assert target.awaited == target.resources


@pytest.mark.parametrize(
    ("board", "said"),
    [
        (42, "names no board"),
        (None, "names no board"),
        (port(host=None), "names no board"),
        (port(port=None), "names no board"),
        (port(protocol="ssh"), "no protocol of a link"),
        (Target(), "has 0 serial ports"),
        (Target(port(name="a"), port(name="b")), "has 2 serial ports"),
        (port(extra={"proxy_required": True}), "by ssh alone"),
    ],
)
def test_what_names_no_board(board: object, said: str):
    for opened in (DeviceSessionManager.open, SyncManager.open):
        with pytest.raises(UsageError, match=said):
            opened(board)  # type: ignore[arg-type]


def test_a_protocol_is_rfc2217_where_nothing_is_said():
    assert endpoint_url("farm", 1) == "rfc2217://farm:1?ign_set_control"
    assert url_of(SimpleNamespace(host="farm", port=1)).startswith("rfc2217://")  # type: ignore[arg-type]
