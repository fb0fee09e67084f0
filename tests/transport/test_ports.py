"""Which ports are offered, and what a board is known by."""

from types import SimpleNamespace

import pytest

from devsession.transport import ports
from devsession.transport.ports import find_port, identity_of, list_ports, port_from


def info(device: str = "/dev/ttyACM0", **told):
    known = dict.fromkeys(("vid", "pid", "serial_number", "location", "manufacturer", "product", "interface"))
    return SimpleNamespace(device=device, **{**known, "vid": 0x2E8A, "pid": 5, **told})


@pytest.mark.parametrize(
    ("told", "identity"),
    [
        ({"serial_number": "e660583883724a32", "location": "1-1"}, "usb-serial:e660583883724a32"),
        ({"serial_number": "0001", "location": "1-1.4"}, "usb-path:1-1.4"),
        ({"serial_number": None, "location": "1-2"}, "usb-path:1-2"),
        ({"serial_number": " ", "location": None}, "port:/dev/ttyACM0"),
    ],
)
def test_identity_is_serial_number_then_path_then_port(told, identity):
    assert identity_of(info(**told)) == identity


def test_circuitpythons_data_port_is_not_offered():
    assert port_from(info(interface="CircuitPython CDC control")) is not None
    assert port_from(info(interface="CircuitPython CDC2 control")) is None


def test_ports_that_are_no_usb_devices_are_not_offered():
    assert port_from(info("/dev/ttyS0", vid=None)) is None


def test_ports_are_sorted_and_found_through_links(monkeypatch, tmp_path):
    from serial.tools import list_ports as pyserial

    real = tmp_path / "ttyACM1"
    real.touch()
    link = tmp_path / "by-id"
    link.symlink_to(real)
    monkeypatch.setattr(
        pyserial, "comports", lambda: [info("/dev/ttyACM9"), info(str(real)), info("/dev/ttyS0", vid=None)]
    )
    assert [port.path for port in list_ports()] == sorted(["/dev/ttyACM9", str(real)])
    found = find_port(str(link))
    assert found is not None
    assert found.path == str(real)
    assert ports.find_port("/dev/none") is None
