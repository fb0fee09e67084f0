"""The URLs of farms, and what is said where labgrid is missing: without any labgrid."""

import subprocess
import sys
from pathlib import Path

import pytest

from devsession import BoardOffer, ProviderError, UsageError
from devsession.pool.labgrid.client_name import ClientName
from devsession.pool.labgrid.provider import LabgridBoards
from devsession.pool.labgrid.url import FarmUrl
from devsession.pool.locks import Locks


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LG_COORDINATOR", "farm:1234")
    monkeypatch.setenv("LG_HOSTNAME", "ci1")
    monkeypatch.setenv("LG_USERNAME", "a/b c")


@pytest.mark.parametrize(
    ("url", "coordinator", "tags"),
    [
        ("labgrid:", "farm:1234", {}),
        ("labgrid:port=rp2,cap_wifi=1", "farm:1234", {"port": "rp2", "cap_wifi": "1"}),
        ("labgrid://other:20408", "other:20408", {}),
        ("labgrid://other:20408/", "other:20408", {}),
        ("labgrid://other:20408/name=RP2 a", "other:20408", {"name": "RP2 a"}),
        ("labgrid://[::1]:20408/port=rp2", "[::1]:20408", {"port": "rp2"}),
    ],
)
def test_urls(url: str, coordinator: str, tags: dict[str, str]):
    farm = FarmUrl.parse(url)
    assert (farm.coordinator, dict(farm.tags)) == (coordinator, tags)
    assert FarmUrl.parse(farm.of_place("x")).tags == (("name", "x"),)


@pytest.mark.parametrize(
    "url", ["labgrid", "labgrid:rp2", "labgrid:port=", "labgrid:PORT=rp2", "labgrid://farm/port=rp2", "sim:"]
)
def test_what_names_no_farm(url: str):
    with pytest.raises(UsageError):
        LabgridBoards(url)


def test_without_a_setting_the_coordinator_is_where_labgrids_own_client_looks(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv("LG_COORDINATOR")
    assert FarmUrl.parse("labgrid:").coordinator == "127.0.0.1:20408"


def test_names_are_used_again_and_never_at_once(tmp_path: Path):
    locks, others = Locks(tmp_path / "locks"), Locks(tmp_path / "others")
    one, two, other = ClientName(locks), ClientName(locks), ClientName(others)
    assert one.name.startswith("ci1/a-b-c-devsession-")
    assert len({one.name, two.name, other.name}) == 3
    with one.dead(two.name) as is_dead:
        assert not is_dead
    two.give_back()
    with one.dead(two.name) as is_dead:
        assert is_dead
        # Nobody takes the name while what is under it is given back.
        third = ClientName(locks)
        assert third.name not in {one.name, two.name}
    with one.dead(other.name) as is_dead:
        assert not is_dead
    again = ClientName(locks)
    assert again.name == two.name
    for each in (one, third, again, other):
        each.give_back()


async def test_where_labgrid_is_missing_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "labgrid.remote.common", None)
    monkeypatch.setitem(sys.modules, "grpc", None)
    provider = LabgridBoards("labgrid:", locks=Locks(tmp_path / "locks"))
    try:
        with pytest.raises(ProviderError, match=r"pip install 'devsession\[labgrid\]'"):
            await provider.discover()
        with pytest.raises(ProviderError):
            await provider.open(BoardOffer("a", "labgrid:name=a"))
        with pytest.raises(ProviderError, match="cannot be made"):
            await provider.create()
        await provider.close(BoardOffer("a", "labgrid:name=a"))
    finally:
        await provider.aclose()


def test_nothing_of_labgrid_is_imported_before_a_farm_is_asked():
    program = (
        "import sys; import devsession.pool.labgrid.provider as p; p.LabgridBoards('labgrid:')\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'grpc', 'labgrid', 'serial', 'pydantic'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
