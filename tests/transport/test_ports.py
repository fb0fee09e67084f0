"""Which ports are offered, what a board is known by, and what names lead to it."""

from types import SimpleNamespace

import pytest

from devsession import AmbiguousBoardError, BoardNotFoundError, LinkError, UsageError
from devsession.links import link
from devsession.transport import ports
from devsession.transport.ports import find_port, list_ports, ports_from
from devsession.transport.selection import port_path


def info(device: str = "/dev/ttyACM0", **told):
    known = dict.fromkeys(("vid", "pid", "serial_number", "location", "manufacturer", "product", "interface"))
    return SimpleNamespace(device=device, **{**known, "vid": 0x2E8A, "pid": 5, **told})


PICO = info(serial_number="E660583883724A32", location="1-1:1.0")
# A program that gave its board a second port.
SECOND = info("/dev/ttyACM1", serial_number="E660583883724A32", location="1-1:1.2")
CLONES = [
    info("/dev/ttyUSB0", vid=0x1A86, pid=0x7523, serial_number="5A4B", location="1-3"),
    info("/dev/ttyUSB1", vid=0x1A86, pid=0x7523, serial_number="5A4B", location="1-4.2"),
]


def offered(*infos):
    return {port.path: port.identity for port in ports_from(infos)}


@pytest.fixture
def attach(monkeypatch):
    from serial.tools import list_ports as pyserial

    return lambda *infos: monkeypatch.setattr(pyserial, "comports", lambda: infos)


# What a board is known by


@pytest.mark.parametrize(
    ("told", "identity"),
    [
        ({"serial_number": "e660583883724a32", "location": "1-1"}, "usb-serial:e660583883724a32"),
        ({"serial_number": " e6 ", "location": "1-1"}, "usb-serial:e6"),
        ({"serial_number": "0001", "location": "1-1.4"}, "usb-path:1-1.4"),
        ({"serial_number": None, "location": "1-1.4:1.0"}, "usb-path:1-1.4"),
        ({"serial_number": None, "location": "1-2"}, "usb-path:1-2"),
        ({"serial_number": " ", "location": None}, "port:/dev/ttyACM0"),
    ],
)
def test_identity_is_serial_number_then_path_then_port(told, identity):
    assert offered(info(**told)) == {"/dev/ttyACM0": identity}


def test_two_ports_of_a_device_share_no_identity():
    one, two = "usb-serial:E660583883724A32", "usb-serial:E660583883724A32#2"
    assert offered(PICO, SECOND) == {"/dev/ttyACM0": one, "/dev/ttyACM1": two}
    # The order is that of the interfaces, whatever the system calls them.
    swapped = [SimpleNamespace(**{**vars(PICO), "device": "/dev/ttyACM5"}), SECOND]
    assert offered(*swapped) == {"/dev/ttyACM1": two, "/dev/ttyACM5": one}
    dual = [info(f"/dev/ttyUSB{n}", vid=0x0403, pid=0x6010, location=f"1-2:1.{n}") for n in (0, 1)]
    assert list(offered(*dual).values()) == ["usb-path:1-2", "usb-path:1-2#2"]


def test_a_serial_number_that_two_devices_share_identifies_neither():
    assert offered(*CLONES) == {"/dev/ttyUSB0": "usb-path:1-3", "/dev/ttyUSB1": "usb-path:1-4.2"}
    assert offered(CLONES[0]) == {"/dev/ttyUSB0": "usb-serial:5A4B"}


def test_windows_ports():
    composite = [
        info(f"COM{n}", serial_number="E6", location=f"1-1:x.{i}", product=None) for n, i in ((10, 0), (9, 2))
    ]
    assert offered(*composite) == {"COM9": "usb-serial:E6#2", "COM10": "usb-serial:E6"}
    assert list(offered(*composite)) == ["COM9", "COM10"]


# Which ports are offered


def circuitpython(*interfaces):
    return [
        info(f"/dev/ttyACM{n}", vid=0x239A, pid=0x80F4, serial_number="DF", interface=name)
        for n, name in enumerate(interfaces)
    ]


@pytest.mark.parametrize(
    "interfaces",
    [
        ("CircuitPython CDC control", "CircuitPython CDC2 control"),
        (None, None),  # Windows
        (
            "CircuitPython CDC control",
            "CircuitPython CDC control",
        ),  # macOS, which gives the name of one to both
        ("CircuitPython CDC2 control", "CircuitPython CDC2 control"),
    ],
)
def test_circuitpythons_data_port_is_not_offered(interfaces):
    assert offered(*circuitpython(*interfaces)) == {"/dev/ttyACM0": "usb-serial:DF"}


def test_circuitpython_without_a_console():
    assert offered(*circuitpython("CircuitPython CDC2 control")) == {}
    assert offered(*circuitpython("CircuitPython CDC control")) == {"/dev/ttyACM0": "usb-serial:DF"}


def test_ports_that_are_no_usb_devices_are_not_offered():
    assert offered(info("/dev/ttyS0", vid=None)) == {}


@pytest.mark.parametrize(
    ("vid", "pid", "family"),
    [
        (0x2E8A, 0x0005, "Raspberry Pi RP2 with MicroPython"),
        (0x2E8A, 0xFFFF, "Raspberry Pi RP2 board"),
        (0x0D28, 0x0204, "BBC micro:bit or other DAPLink board"),
        (0x10C4, 0xEA60, "CP210x UART bridge"),
        (0xDEAD, 0xBEEF, None),
    ],
)
def test_what_it_probably_is(vid, pid, family):
    assert ports_from([info(vid=vid, pid=pid)])[0].family == family


def test_ports_are_sorted_and_found_through_links(attach, tmp_path):
    real = tmp_path / "ttyACM1"
    real.touch()
    link_to_it = tmp_path / "by-id"
    link_to_it.symlink_to(real)
    attach(info("/dev/ttyACM10"), info("/dev/ttyACM9"), info(str(real)), info("/dev/ttyS0", vid=None))
    assert [port.path for port in list_ports()] == ["/dev/ttyACM9", "/dev/ttyACM10", str(real)]
    found = find_port(str(link_to_it))
    assert found is not None
    assert found.path == str(real)
    assert ports.find_port("/dev/none") is None


def test_a_device_that_vanishes_while_it_is_looked_at(monkeypatch):
    from serial.tools import list_ports as pyserial

    looks = iter([None, [PICO]])
    # What pyserial makes of a file in sysfs that is gone: int(None).
    monkeypatch.setattr(pyserial, "comports", lambda: next(looks) or int(None))
    assert [port.path for port in list_ports()] == ["/dev/ttyACM0"]
    monkeypatch.setattr(pyserial, "comports", lambda: int(None))
    with pytest.raises(LinkError, match="comes and goes"):
        list_ports()


# What names lead to a port


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/dev/ttyACM0", "/dev/ttyACM0"),
        ("COM3", "COM3"),
        ("port:/dev/serial/by-id/usb-x", "/dev/serial/by-id/usb-x"),
        ("PORT:COM12", "COM12"),
        ("a0", "/dev/ttyACM0"),
        ("a12", "/dev/ttyACM12"),
        ("u3", "/dev/ttyUSB3"),
        ("c4", "COM4"),
        ("./a0", "./a0"),
        ("port:a0", "a0"),
        ("x0", "x0"),
    ],
)
def test_names_of_ports(name, path):
    assert port_path(name) == path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("id:E660583883724A32", "/dev/ttyACM0"),
        ("ID:e660583883724a32", "/dev/ttyACM0"),
        ("id:usb-serial:E660583883724A32", "/dev/ttyACM0"),
        ("id:E660583883724A32#2", "/dev/ttyACM1"),
        ("id:usb-path:1-1", "/dev/ttyACM0"),
        ("id:usb-path:1-4.2", "/dev/ttyUSB1"),
        ("id:1-3", "/dev/ttyUSB0"),
    ],
)
def test_identities_lead_to_their_port(attach, name, path):
    attach(PICO, SECOND, *CLONES)
    assert port_path(name) == path
    assert link(name).url == path


def test_a_shared_serial_number_is_ambiguous(attach):
    attach(PICO, *CLONES)
    with pytest.raises(AmbiguousBoardError) as caught:
        link("id:5A4B")
    assert caught.value.candidates == ("id:usb-path:1-3", "id:usb-path:1-4.2")
    assert "/dev/ttyUSB1" in str(caught.value)
    assert [port_path(name) for name in caught.value.candidates] == ["/dev/ttyUSB0", "/dev/ttyUSB1"]


def test_a_name_that_no_port_has(attach):
    attach(PICO)
    with pytest.raises(BoardNotFoundError, match="attached: id:E660583883724A32"):
        link("id:nobody")
    attach()
    with pytest.raises(BoardNotFoundError, match="attached: none"):
        link("id:E660583883724A32")


@pytest.mark.parametrize("name", ["", "id:", "port:", "gopher:x"])
def test_names_of_nothing(name):
    with pytest.raises(UsageError):
        link(name)
