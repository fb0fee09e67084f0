"""Profiles: checked as a whole, applied in few turns, told in a report, and applied again after a reset."""

import array
import asyncio
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from devsession.errors import DeviceError, DeviceResetError, ProfileError, SessionError, UsageError
from devsession.session import imports, joining
from devsession.session.manager import DeviceSessionManager
from devsession.session.profile import SessionProfile
from devsession.session.profile_report import PlacedFile, ProfileFailure, ProfileReport
from devsession.session.session import DeviceSession

PROFILE = SessionProfile(
    modules=("math", "os", "machine"),
    variables={"offset": 3, "names": ["a", "b"], "gain": 0.25},
    setup="total = offset + 1\ndef area(r):\n    return math.pi * r * r",
    teardown="print('torn down', total)",
)


async def test_what_a_session_begins_with(manager: DeviceSessionManager):
    async with manager.session("calibration", profile=PROFILE) as session:
        report = session.profile_report
        assert report is not None
        assert report.is_complete
        assert report.modules == ("math", "os", "machine")
        assert report.variables == ("DEVSESSION_VERSION", "SESSION_STARTED", "offset", "names", "gain")
        assert report.setup
        assert report.duration > 0
        assert await session.eval("total, names, gain, round(area(1), 2)") == (4, ["a", "b"], 0.25, 3.14)
        assert await session.eval("SESSION_STARTED") == session.created_at.isoformat(timespec="seconds")
        assert (await session.device.get("DEVSESSION_VERSION"))[0].isdigit()
        assert "torn down" not in manager.board.output.text
    assert "torn down 4" in manager.board.output.text


async def test_it_takes_one_turn(metered):
    manager = metered.manager
    async with manager.session(profile=PROFILE):
        assert metered.turns() == 1
    metered.turns()
    session = manager.create_session(profile=PROFILE)
    assert session.profile_report is None
    assert metered.turns() == 0
    assert await session.eval("total") == 4
    assert metered.turns() == 2
    await session.end()
    async with manager.session(profile=SessionProfile(setup="def f(): return 5")) as session:
        assert await session.eval("f()") == 5
    async with manager.session(profile=SessionProfile()) as session:
        assert await session.device.names() == ["DEVSESSION_VERSION", "SESSION_STARTED"]
    async with manager.session(profile=SessionProfile(given=False)) as session:
        assert await session.device.names() == []
        assert session.profile_report == ProfileReport(duration=session.profile_report.duration)


async def test_two_at_once_apply_it_once(manager: DeviceSessionManager):
    session = manager.create_session(profile=SessionProfile(setup="print('set up')\nx = 1"))
    assert await asyncio.gather(*(session.eval("x") for _ in range(5))) == [1] * 5
    await session.end()
    assert manager.board.output.text.count("set up") == 1


async def test_much_goes_in_several_turns(manager: DeviceSessionManager):
    variables = {f"variable_{n}": "x" * 400 for n in range(10)}
    setup = "def f():\n" + "".join(f"    y = {n}\n" for n in range(200)) + "    return y"
    async with manager.session(profile=SessionProfile(variables=variables, setup=setup)) as session:
        assert await session.eval("variable_9") == "x" * 400
        assert await session.eval("f()") == 199


async def test_what_a_board_has_no_room_to_compile_goes_in_halves(manager: DeviceSessionManager, monkeypatch):
    sent: list[str] = []

    def narrowed(profile: SessionProfile) -> DeviceSession:
        session = manager.create_session(profile=profile)
        perform = session.perform

        async def narrow(code: str, **options: object) -> object:
            if len(code) > 80:
                raise DeviceError("MemoryError", "parser could not allocate enough memory")
            sent.append(code)
            return await perform(code, **options)

        monkeypatch.setattr(session, "perform", narrow)
        return session

    session = narrowed(PROFILE)
    await session.prepare()
    assert await session.eval("total, names") == (4, ["a", "b"])
    assert PROFILE.setup in sent
    await session.end()
    session = narrowed(SessionProfile(variables={"x": "y" * 100}, setup="z = 1"))
    with pytest.raises(ProfileError, match="setup: MemoryError"):
        await session.prepare()
    await session.end()
    with pytest.raises(ProfileError, match="setup: MemoryError"):
        async with manager.session(profile=SessionProfile(setup="print('once')\nbytearray(10**9)")):
            pass
    assert manager.board.output.text.count("once") == 1


async def test_unknown_modules_are_told_before_anything_is_applied(manager: DeviceSessionManager):
    profile = SessionProfile(
        modules=("math", "no_such", "nor_this"), setup="print('set up')", teardown="print('torn down')"
    )
    with pytest.raises(ProfileError, match=r"session bad .*module no_such.*module nor_this") as caught:
        async with manager.session("bad", profile=profile):
            raise AssertionError("entered")
    assert [failure.part for failure in caught.value.report.failures] == ["module no_such", "module nor_this"]
    assert caught.value.report.modules == ()
    assert isinstance(caught.value.__cause__, DeviceError)
    assert manager.sessions == ()
    session = manager.create_session("later", profile=profile)
    with pytest.raises(ProfileError):
        await session.exec("x = 1")
    assert session.profile_report == caught.value.report or not session.profile_report.is_complete
    with pytest.raises(ProfileError):
        await session.eval("math")
    await session.end()
    assert "set up" not in manager.board.output.text
    assert "torn down" not in manager.board.output.text


async def test_unknown_modules_place_no_file(manager: DeviceSessionManager):
    profile = SessionProfile(modules=("no_such",), files={"/x": b"1"})
    with pytest.raises(ProfileError):
        async with manager.session(profile=profile):
            pass
    assert await manager.board.eval("__import__('os').listdir('/')") == []


async def test_a_setup_that_fails(manager: DeviceSessionManager):
    profile = SessionProfile(setup="x = 1\n1/0", teardown="print('torn down')")
    with pytest.raises(ProfileError, match="setup: ZeroDivisionError") as caught:
        async with manager.session(profile=profile):
            pass
    assert caught.value.report.failures == (ProfileFailure("setup", "ZeroDivisionError: divide by zero"),)
    assert caught.value.__cause__.frames[-1].line == 2
    assert "torn down" not in manager.board.output.text
    with pytest.raises(TimeoutError):
        async with manager.session(profile=SessionProfile(setup="while 1: pass", setup_timeout=0.1)):
            pass
    assert manager.sessions == ()


async def test_files_are_placed_before_what_imports_them(metered, tmp_path: Path):
    (tmp_path / "local.bin").write_bytes(b"\x00\xff")
    profile = SessionProfile(
        modules=("math", "sensors.adc"),
        files={
            "/lib/sensors/__init__.py": "",
            "/lib/sensors/adc.py": "def read(): return 7",
            "/data.bin": tmp_path / "local.bin",
        },
        setup="value = sensors.adc.read()",
    )
    manager = metered.manager
    for written in (True, False):
        async with manager.session(profile=profile) as session:
            assert await session.eval("value") == 7
            report = session.profile_report
            assert report.files == (
                PlacedFile("/lib/sensors/__init__.py", 0, written),
                PlacedFile("/lib/sensors/adc.py", 20, written),
                PlacedFile("/data.bin", 2, written),
            )
            assert await session.files.read_bytes("/data.bin") == b"\x00\xff"


async def test_files_are_there_at_the_first_look(manager: DeviceSessionManager):
    session = manager.create_session(profile=SessionProfile(files={"/x/y": b"1"}))
    assert [stat.path for stat in await session.files.scandir("/x")] == ["/x/y"]
    await session.end()


async def test_a_file_that_cannot_be_placed(manager: DeviceSessionManager):
    await manager.board.exec("import os; os.mkdir('/folder')")
    with pytest.raises(ProfileError, match="file /folder: ") as caught:
        async with manager.session(profile=SessionProfile(files={"/fine": b"1", "/folder": b"1"})):
            pass
    assert caught.value.report.files == (PlacedFile("/fine", 1, True),)


async def test_a_variable_that_the_board_cannot_hold(metered, monkeypatch):
    profile = SessionProfile(variables={"x": 0.5}, files={"/x": b"1"})
    session = metered.manager.create_session(profile=profile)
    monkeypatch.setattr(session, "widths", lambda: (0, None))
    with pytest.raises(UsageError, match="x cannot be sent to the board: this board has no floats"):
        await session.prepare()
    assert session.profile_report.failures[0].part == "variables"
    assert metered.turns() == 0
    await session.end()


async def test_after_a_reset_it_is_applied_again(manager: DeviceSessionManager):
    told: list[str] = []
    async with manager.session(profile=PROFILE) as session:
        session.push_cleanup(lambda: told.append("later"))
        await session.exec("total = 50")
        with pytest.raises(DeviceResetError):
            await session.exec("machine.reset()", timeout=5)
        assert await session.eval("total") == 4
        await manager.board.reset()
        with pytest.raises(SessionError, match="not applied yet"):
            session.start("print(total)")
        await session.prepare()
        async with session.start("print('started', total)") as running:
            await running.result()
        assert [held.type for held in session.resources] == ["teardown", "callback"]
    assert "torn down 4" in manager.board.output.text
    assert "started 4" in manager.board.output.text
    assert told == ["later"]


# What is wrong is told before a byte is sent


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"modules": ["no name"]}, "modules"),
        ({"modules": ["class"]}, "modules"),
        ({"variables": {"x y": 1}}, "variables"),
        ({"variables": {"for": 1}}, "variables"),
        ({"variables": {"_devsession_x": 1}}, "variables"),
        ({"variables": {"x": object()}}, "x cannot be sent"),
        ({"variables": {"x": [{"k": print}]}}, r"x\[0\]\['k'\]"),
        ({"files": {"": b""}}, "files"),
        ({"files": {"/x": {"source": "/no/such/file"}}}, "cannot read /no/such/file"),
        ({"files": {"/x": {"base64": "?"}}}, "no base64"),
        ({"files": {"/x": {"text": "a", "base64": "YQ=="}}}, "either text, source or base64"),
        ({"files": {"/x": 5}}, "files"),
        ({"setup": "x = 1\nx = = 2"}, "line 2"),
        ({"teardown": "def f(:"}, "teardown"),
        ({"shared": ["a b"]}, "shared"),
        ({"shared": ["a"], "variables": {"a": 1}}, "either a variable or a shared one"),
        (
            {"allowed_imports": ["os"], "setup": "import os\nimport machine"},
            "setup imports machine in line 2",
        ),
        ({"unknown": 1}, "unknown"),
        ({"setup_timeout": 0}, "setup_timeout"),
    ],
)
def test_what_is_wrong_with_a_profile(fields: dict[str, object], said: str):
    with pytest.raises(ValidationError, match=said):
        SessionProfile(**fields)


def test_a_profile_stays_as_it_was_checked():
    with pytest.raises(ValidationError):
        PROFILE.setup = "1/0"


TOML = """
modules = ["math"]
setup = '''
import math
y = math.sqrt(x)
'''
shared = ["gain"]
allowed_imports = ["math"]
[variables]
x = 16
[files]
"/text" = "äö"
"/copy" = { source = "here.bin" }
"/bytes" = { base64 = "AP8=" }
"/plain" = { text = "t" }
"""


async def test_profiles_in_files(manager: DeviceSessionManager, tmp_path: Path):
    (tmp_path / "here.bin").write_bytes(b"here")
    (tmp_path / "a.toml").write_text(TOML)
    loaded = SessionProfile.load(tmp_path / "a.toml")
    assert loaded.files == {
        "/text": "äö".encode(),
        "/copy": b"here",
        "/bytes": b"\x00\xff",
        "/plain": b"t",
    }
    (tmp_path / "b.json").write_text(json.dumps({"variables": {"x": 16}, "setup": "y = 2 * x"}))
    manager.shared.set("gain", 2)
    async with manager.session(profile=loaded) as session:
        assert await session.eval("y, gain") == (4.0, 2)
    async with manager.session(profile=SessionProfile.load(str(tmp_path / "b.json"))) as session:
        assert await session.eval("y") == 32


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.toml", "modules = [\n'a'\nx = 1", r"p.toml: .*line 3"),
        ("p.json", '{\n"modules": [}', r"p.json: .*line 2"),
        ("p.yaml", "", "p.yaml: a profile is a .toml or a .json file"),
        ("p.toml", "setup = 'x ='\nmodules = 5", r"p.toml: modules: .*; setup: line 1"),
        ("p.toml", "[files]\n'/x' = { source = 'none' }", "p.toml: files./x: cannot read none"),
        ("p.json", "[]", "p.json: the whole"),
        ("p.toml", "[variables]\nday = 2026-11-21", "p.toml: variables: day cannot be sent"),
    ],
)
def test_errors_name_the_line_or_the_field(name: str, text: str, said: str):
    with pytest.raises(UsageError, match=said):
        SessionProfile.parse(text, name=name)


def test_files_that_cannot_be_read(tmp_path: Path):
    with pytest.raises(UsageError, match=r"cannot read .*none.toml"):
        SessionProfile.load(tmp_path / "none.toml")
    (tmp_path / "x.toml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        SessionProfile.load(tmp_path / "x.toml")


# Imports


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("import os", None),
        ("import os.path, lib.sensors", None),
        ("from lib import sensors", None),
        ("from lib.sensors import x as y", None),
        ("def f():\n  __import__('os')", None),
        ("    import os\n    x = 1", None),
        ("import machine", 1),
        ("x = 1\nif x:\n  from machine import Pin", 3),
        ("import osx", 1),
        ("from lib import other", 1),
        ("from . import os", 1),
        ("__import__('machine')", 1),
        ("m = 'machine'\n__import__(m)", 2),
        ("f = __import__", 1),
        ("import lib", 1),
    ],
)
def test_what_a_program_imports(source: str, line: int | None):
    allowed = frozenset({"os", "lib.sensors"})
    if line is None:
        imports.check(source, allowed)
    else:
        with pytest.raises(UsageError, match=rf"line {line}, .*not allow(?s:.*)allowed are lib.sensors, os"):
            imports.check(source, allowed)


def test_what_cannot_be_read_cannot_be_checked():
    with pytest.raises(UsageError, match=r"cannot be checked for imports: .*line 2"):
        imports.check("x\nx x", frozenset())
    with pytest.raises(UsageError, match="cannot be checked"):
        imports.check("x\0", frozenset())


async def test_what_devsession_itself_imports_is_not_checked(manager: DeviceSessionManager):
    async with manager.session(profile=SessionProfile(allowed_imports={"math"})) as session:

        @session.method
        def level(pin: object, _scale=array.array("b", [1, 2])) -> int:  # noqa: B008 - the board has it once
            import math

            return math.floor(pin.value()) * _scale[1]

        pin = await session.part.pin(2)
        await pin.value(1)
        assert await level(pin) == 2
        await session.part.timer("lambda t: print('tick')", period=5)
        await session.expect("tick")
        await session.part.temporary_directory("/place")
        await session.part.temporary_file("/place/t", b"x")
        await session.device.define("numbers", array.array("b", [3]))
        numbers = await session.ref("numbers")
        assert await numbers.extend(array.array("b", [4])) is None
        assert await numbers[1] == 4


async def test_methods_are_checked_before_they_are_sent(metered):
    async with metered.manager.session(profile=SessionProfile(allowed_imports={"math"})) as session:
        sent = metered.sent

        def wrong() -> int:
            # A line that is not sent.
            import machine

            return machine.freq()

        line = wrong.__code__.co_firstlineno + 2
        with pytest.raises(UsageError, match=rf"wrong of .*test_profile.py imports machine in line {line}"):
            session.method(wrong)
        with pytest.raises(UsageError, match="imports os"):
            await session.ref("__import__('os')")
        with pytest.raises(UsageError, match="imports os"):
            await session.part.timer("__import__('os').sync", period=5)
        assert metered.sent == sent


def test_a_profile_is_no_dict():
    manager = DeviceSessionManager.open("sim:")
    with pytest.raises(UsageError, match=r"SessionProfile, not dict[^~]*model_validate"):
        manager.create_session("bp", profile={"setup": "x = 1"})
    assert manager.sessions == ()


async def test_programs_are_checked_before_they_are_sent(metered, tmp_path: Path):
    profile = SessionProfile(modules=("math",), allowed_imports={"os"})
    program = tmp_path / "program.py"
    program.write_text("import machine")
    async with metered.manager.session(profile=profile) as session:
        await session.exec("import os, math")
        metered.turns()
        for wrong in (
            lambda: session.exec("import machine"),
            lambda: session.eval("__import__('machine')"),
            lambda: session.run("import machine"),
            lambda: session.run(program),
        ):
            with pytest.raises(UsageError, match="imports machine"):
                await wrong()
        with pytest.raises(UsageError, match=r"program.py imports machine"):
            session.start(program)
        with pytest.raises(UsageError):
            async for _ in session.stream("import machine"):
                pass
        assert metered.turns() == 0
        with pytest.raises(UsageError, match="cannot read"):
            await session.run(tmp_path / "none.py")
        # What print writes may come in two pieces.
        pieces = [text async for text in session.stream("import os; print(math.floor(2.5))")]
        assert "".join(pieces) == "2\n"


# Joining


@pytest.mark.parametrize(
    ("source", "joined"),
    [
        ("a", "S;a"),
        ("", "S"),
        ("\nif a:\n b", "S\nif a:\n b"),
        ("# what\nif a:\n b", "S\nif a:\n b"),
        ("'''doc\nstring'''", "S;'''doc\nstring'''"),
        ("forty = 2", "S;forty = 2"),
        ("   x = 1\n   y = 2", "S;x = 1\ny = 2"),
        ("if a:\n b", None),
        ("@a\ndef b(): pass", None),
        ("async def f(): pass", None),
        ("for x in y: pass", None),
        ("with x: pass", None),
        ("a" * 1000, None),
    ],
)
def test_joining_moves_no_line(source: str, joined: str | None):
    assert joining.before("S", source) == joined
