"""What is known of boards: features asked for and required, kept on disk, refreshed; boards that are not here, by what they would tell."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devsession import Board, CapabilityError, DeviceCapabilities, DevsessionError, probe
from devsession.errors import RemoteProtocolError
from devsession.links import link
from devsession.session.capabilities import NOT_ASKED, Change
from devsession.session.capability_cache import CapabilityCache, recall, refresh
from devsession.session.features import capabilities_from
from devsession.session.measure import measure
from devsession.session.probe import identify
from devsession.session.questions import QUESTIONS
from devsession.session.report import NOT_IN_IT, fingerprint_from
from devsession.transport.metering import MeteredTransport

MODULES = (
    "__main__          gc                sys\nboard             {}\nPlus any modules on the filesystem\n"
)


def capabilities(
    name="micropython",
    version=(1, 26, 0, ""),
    modules="os",
    heap=(9000, 1000),
    chip=(b"\1\2",),
    *,
    floats=2,
    **told,
):
    text = "3.4.0; MicroPython v1.26.0 on 2025-08-01"
    fingerprint = fingerprint_from(
        [name, version, "rp2", text, *heap, list(chip) if chip else "ImportError()", floats]
    )
    facts = {fact.replace("_", " "): value for fact, value in told.items()}
    printed = MODULES.format(modules) if modules else ""
    return capabilities_from(fingerprint, facts, printed, board="/dev/ttyACM0", identity="usb-1")


class TestOtherBoards:
    """By the facts as these boards would tell them (reference: sys.implementation by version)."""

    def test_circuitpython(self):
        board = capabilities(
            "circuitpython",
            (9, 2, 1),
            modules="busio digitalio wifi",
            chip=(b"\xde\xad",),
            machine=["Raspberry Pi Pico W with rp2040"],
            build="AttributeError",
            board_id=["raspberry_pi_pico_w"],
            mpy=[6 | 1 << 8],
            frequency=[125000000],
            floats=0,
            file_systems=[[("/", "", 512, 512, 2000, 1000)]],
            read_only=[True],
            hashes=[["__name__", "new"]],
            sha1=[True],
            sha256="ValueError",
            peripherals=[True],
            deflate="ImportError",
            epoch_year="AttributeError",
            threads="AttributeError",
        )
        assert str(board) == "CircuitPython 9.2.1 on Raspberry Pi Pico W with rp2040"
        assert board.build == "raspberry_pi_pico_w"
        assert board.unique_id == "dead"
        assert (board.keeps_vm, board.raw_paste, board.float_bits) == (False, True, 30)
        assert board.hashes == ("sha1",)
        assert board.read_only is True
        assert board.peripherals == ("I2C", "Pin", "SPI", "UART")
        assert board.mpy_version == (6, 1)
        assert board.file_systems[0].size == 512 * 2000
        assert board.epoch_year == 1970
        for feature, there in {
            "wifi": True,
            "bluetooth": False,
            "I2C": True,
            "CAN": False,
            "threads": False,
        }.items():
            assert board.supports(feature) is there
        assert board.supports("circuitpython")
        assert not board.supports("micropython")

    def test_a_small_integer_board(self):
        board = capabilities(
            version=(1, 20, 0),
            floats=-1,
            ints_of_62_bits="OverflowError",
            ints_of_80_bits="OverflowError",
            largest_small_int=[0x3FFFFFFF],
            unicode="ValueError",
        )
        assert (board.float_bits, board.int_bits) == (0, 31)
        assert board.supports("float") is False
        assert board.supports("unicode") is False

    def test_sixty_four_bit_integers_that_wrap(self):
        assert capabilities(ints_of_62_bits=[True], ints_of_80_bits=[False]).int_bits == 64

    def test_a_version_that_has_no_such_thing(self):
        board = capabilities(version=(1, 9, 2), mpy=NOT_IN_IT, deflate=NOT_IN_IT)
        assert board.compress is False
        assert board.mpy_version is None
        assert board.raw_paste is False

    def test_no_mpy_loader(self):
        board = capabilities(
            mpy="AttributeError", mpy_before_1_19="AttributeError", **{"mpy before 1.19": "AttributeError"}
        )
        assert board.mpy_version == (0, 0)
        assert board.supports("native") is False

    def test_an_architecture_of_the_future(self):
        board = capabilities(mpy=[6 | 15 << 10])
        assert board.mpy_version == (6, 0)
        assert board.arch is None
        assert "15" in board.unknown["arch"]

    def test_an_unknown_firmware_that_tells_nothing(self):
        board = capabilities("pycopy", (3, 6), modules="", heap=(-1, 0), chip=())
        for field in (
            "heap_free",
            "raw_paste",
            "keeps_vm",
            "modules",
            "peripherals",
            "unique_id",
            "hashes",
        ):
            assert getattr(board, field) is None
            assert board.unknown[field]
        assert board.supports("sha256") is None

    @pytest.mark.parametrize(
        "told", [None, 5, [], ["micropython"], ["micropython", 1, "", "", 1, 1, "x", 2], {"a": 1}]
    )
    def test_no_fingerprint_at_all(self, told):
        with pytest.raises(DevsessionError, match="does not tell its firmware"):
            fingerprint_from(told)

    @pytest.mark.parametrize(
        "told", [[], [None], ["x"], [{}], [[1]], [(1, 2)], 7, None, {}, "OSError", ["\ud800"], [["\ud800"]]]
    )
    def test_facts_of_any_type_are_no_error(self, told):
        names = (
            "machine",
            "mpy",
            "frequency",
            "file systems",
            "hashes",
            "peripherals",
            "binascii",
            "uname",
        )
        board = capabilities(**dict.fromkeys(names, told))
        assert board.implementation == "micropython"

    def test_half_characters_are_escaped(self):
        board = capabilities_from(
            fingerprint_from(["\ud800", (1, 0, 0, "\ud801"), "\udfff", "\ud900", 1, 1, "\udcff", 2]),
            {"machine": ["\udcff"], "mpy": "\udcff", "file systems": [[("/", "\udcff", 1, 1, 1, 1)]]},
            "",
            board="sim:",
            identity="sim:1",
        )
        assert board.implementation == "\\ud800"
        assert board.machine is None
        assert DeviceCapabilities.model_validate_json(board.model_dump_json()) == board


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=6) | st.lists(inner, max_size=6).map(tuple),
    max_leaves=12,
)


@given(
    told=st.dictionaries(
        st.sampled_from([question.name for question in QUESTIONS]), _ANYTHING | st.tuples(_ANYTHING).map(list)
    ),
    printed=st.text(),
    chip=_ANYTHING,
)
def test_nothing_that_a_board_tells_is_an_error(told, printed, chip):
    fingerprint = fingerprint_from(["micropython", (1, 26, 0), "rp2", "3.4.0", 1, 1, chip, 2])
    board = capabilities_from(fingerprint, told, printed, board="sim:", identity="sim:1")
    assert all(board.unknown[name] for name in ("machine", "modules") if getattr(board, name) is None)
    assert all(board.supports(feature) in {True, False, None} for feature in board.features)


@given(_ANYTHING | st.lists(_ANYTHING, min_size=8, max_size=8))
def test_what_is_no_fingerprint_is_one_kind_of_error(told):
    try:
        fingerprint_from(told)
    except RemoteProtocolError as error:
        assert error.phase == "probe"


def test_required_features():
    board = capabilities(hashes=[["sha256"]], binary_stdio=[True], peripherals=[["Pin"]], floats=7)
    board.require("sha256", "binary_stdio", "Pin", "os", "micropython")
    with pytest.raises(CapabilityError) as caught:
        board.require("sha256", "md5", "CAN", "esp32")
    assert caught.value.missing == ("md5", "CAN", "esp32")
    assert caught.value.unknown == {}
    assert "MicroPython 1.26.0 on rp2 does not do: it lacks md5, CAN, esp32" in str(caught.value)
    with pytest.raises(CapabilityError) as caught:
        board.require("md5", "double")
    assert caught.value.missing == ("md5",)
    assert caught.value.unknown == {"double": "it adds as no float does that is known here"}
    assert "it is unknown whether it has double (it adds as no float does that is known here)" in str(
        caught.value
    )


def test_capabilities_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        capabilities().machine = "another"


class TestKept:
    @pytest.fixture
    def url(self, tmp_path):
        (tmp_path / "root").mkdir()
        return f"sim:?root={tmp_path / 'root'}"

    @pytest.fixture
    def cache(self, tmp_path):
        return CapabilityCache(tmp_path / "cache")

    async def test_a_known_board_is_asked_little(self, url, cache, capsys):
        async with Board(link(url)) as board:
            first = await recall(board, cache=cache)
        metered = MeteredTransport(link(url))
        async with Board(metered) as board:
            await board.exec("1")
            before = metered.snapshot()
            second = await recall(board, cache=cache)
            cost = metered.meter - before
        with capsys.disabled():
            print(f"\n  a known board: {cost.turns} exec, {cost.up} bytes up, {cost.down} down")
        assert cost.turns == 1
        assert cost.up <= 660
        assert second.hashes == first.hashes
        assert second.features == first.features
        assert second.heap_free
        # What may have changed since is not taken from there.
        assert second.frequency is None
        assert second.unknown["frequency"] == NOT_ASKED
        assert second.changes(first) == ()

    async def test_what_differs_is_told(self, url, cache):
        async with Board(link(url)) as board:
            first = await probe(board)
            refreshed = await refresh(board, first, cache=cache)
            assert refreshed.changes == ()
            await board.exec("import machine; machine.freq(48000000)")
            refreshed = await refresh(board, first, cache=cache)
        assert refreshed.changes == (Change("frequency", 125000000, 48000000),)
        assert refreshed.capabilities.frequency == 48000000

    async def test_another_build_is_another_board(self, url, cache):
        async with Board(link(url)) as board:
            cache.store(await probe(board))
            fingerprint = await identify(board)
            assert cache.load(board.identity, fingerprint)
            newer = fingerprint_from(
                [
                    "micropython",
                    (1, 99, 0),
                    "linux",
                    "3.4.0; MicroPython v1.99.0 on 2030-01-01",
                    1,
                    1,
                    [b"\1"],
                    2,
                ]
            )
            assert cache.load(board.identity, newer) is None
            assert cache.load("usb-another", fingerprint) is None

    async def test_firmware_that_does_not_tell_its_build_is_not_kept(self, cache, tmp_path):
        cache.store(capabilities().model_copy(update={"sys_version": "3.4.0"}))
        assert not (tmp_path / "cache").exists()

    async def test_what_a_full_memory_hid_is_not_kept(self, cache, tmp_path):
        cache.store(capabilities(hashes="MemoryError"))
        assert not (tmp_path / "cache").exists()

    async def test_boards_met_once_are_not_kept(self, cache, tmp_path):
        async with Board(link("sim:")) as board:
            await recall(board, cache=cache)
        assert not (tmp_path / "cache").exists()

    @pytest.mark.parametrize(
        "damage",
        [
            lambda text: "",
            lambda text: text[: len(text) // 2],
            lambda text: "\0" * 100,
            lambda text: "[]",
            lambda text: json.dumps({**json.loads(text), "format": 2}),
            lambda text: json.dumps({**json.loads(text), "identity": "usb-another"}),
            lambda text: json.dumps({**json.loads(text), "asked": "other questions"}),
            lambda text: json.dumps({**json.loads(text), "capabilities": {"board": 1}}),
            lambda text: "\ud800",
        ],
    )
    async def test_a_damaged_file_is_ignored_and_replaced(self, url, cache, tmp_path, damage):
        async with Board(link(url)) as board:
            whole = await recall(board, cache=cache)
            [file] = (tmp_path / "cache").iterdir()
            file.write_bytes(damage(file.read_text()).encode("utf-8", "surrogatepass"))
            assert cache.load(board.identity, await identify(board)) is None
            again = await recall(board, cache=cache)
            assert again.frequency == whole.frequency
            assert cache.load(board.identity, await identify(board))
        # Nothing half-written stays beside it.
        assert [*(tmp_path / "cache").iterdir()] == [file]

    async def test_a_directory_that_cannot_be_written_is_no_error(self, url, tmp_path):
        (tmp_path / "file").write_text("")
        async with Board(link(url)) as board:
            assert (await recall(board, cache=CapabilityCache(tmp_path / "file" / "below"))).frequency

    async def test_a_folder_where_the_file_would_be_is_no_error(self, url, cache, tmp_path):
        async with Board(link(url)) as board:
            await recall(board, cache=cache)
            [file] = (tmp_path / "cache").iterdir()
            file.unlink()
            file.mkdir()
            assert (await recall(board, cache=cache)).frequency
        assert [*(tmp_path / "cache").iterdir()] == [file]


@pytest.mark.parametrize("url", ["sim:", "sim:?heap=96k"])
async def test_measuring(url, capsys):
    async with Board(link(url)) as board:
        before = await board.eval("(sorted(globals()), sorted(__import__('sys').modules))")
        performance = await measure(board)
        assert await board.eval("(sorted(globals()), sorted(__import__('sys').modules))") == before
    with capsys.disabled():
        print(f"\n  {url} {performance}")
    assert 0 < performance.round_trip < 1
    assert performance.upload > 1000
    assert performance.download > 1000
    assert performance.loop > 10000
    assert performance.interruptible


def test_pydantic_is_imported_only_where_it_is_needed():
    script = (
        "import sys, devsession; from devsession import Board, connect, CapabilityError\n"
        "import devsession.session.manager, devsession.cli.app, devsession.cli.info\n"
        "assert 'pydantic' not in sys.modules\n"
        "from devsession import DeviceCapabilities\n"
        "assert 'pydantic' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_what_was_kept_is_read_back_whole(tmp_path: Path):
    cache = CapabilityCache(tmp_path)
    board = capabilities(hashes=[["sha256"]])
    cache.store(board)
    [file] = tmp_path.iterdir()
    kept = DeviceCapabilities.model_validate(json.loads(file.read_text())["capabilities"])
    assert board.changes(kept) == ()
