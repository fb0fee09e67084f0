"""`devsession info`: a table on a terminal, aligned text in a pipe, JSON for programs."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys

import pytest

DEVSESSION = [sys.executable, "-m", "devsession", "-b", "sim:"]


def info(*arguments: str) -> str:
    return subprocess.run(
        [*DEVSESSION, "info", *arguments], capture_output=True, text=True, timeout=60, check=True
    ).stdout


def on_a_terminal(*arguments: str, columns: str = "200") -> str:
    ours, theirs = pty.openpty()
    seen = b""
    environment = {**os.environ, "COLUMNS": columns, "TERM": "xterm-256color"}
    with subprocess.Popen([*DEVSESSION, "info", *arguments], stdout=theirs, env=environment):
        os.close(theirs)
        # The end of a terminal is an error of its reader.
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 65536):
                seen += piece
    os.close(ours)
    return seen.decode()


def test_json_has_what_it_always_had_and_the_capabilities():
    facts = json.loads(info("--json"))
    assert [*facts][:8] == [
        *("board", "identity", "implementation", "version"),
        *("platform", "machine", "build", "sys.version"),
    ]
    assert facts["board"] == "sim:"
    assert facts["implementation"] == "micropython"
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.preview)?", facts["version"])
    assert facts["features"]["sha256"] is True
    assert facts["float_bits"] == 64
    assert facts["read_only"] is None
    assert facts["unknown"]["read_only"] == "only writing would tell"
    assert facts["performance"] is None
    assert not {"prerelease", "sys_version"} & set(facts)


def test_text_is_aligned():
    lines = info().splitlines()
    rows = {line[:14].rstrip(): line[16:] for line in lines}
    assert {line[14:16] for line in lines} == {"  "}
    assert rows["implementation"] == "micropython"
    assert rows["floats"] == "64 bits"
    assert rows["read only"] == "unknown: only writing would tell"
    assert "sha256" in rows["has"].split(", ")
    assert "wifi" in rows["lacks"].split(", ")
    assert re.fullmatch(r"[\d.]+ MiB", rows["heap"])
    assert "loop" not in rows


def test_speeds_are_measured_when_asked_for():
    rows = {line[:14].rstrip(): line[16:] for line in info("--measure").splitlines()}
    assert re.fullmatch(r"[\d.e+]+ ms", rows["round trip"])
    assert rows["upload"].endswith("iB a second")
    assert rows["loop"].endswith("turns a second")
    assert json.loads(info("--measure", "--json"))["performance"]["loop"] > 1000


@pytest.mark.parametrize("columns", ["60", "200"])
def test_a_terminal_shows_a_table(columns):
    seen = on_a_terminal(columns=columns)
    assert "\x1b[1mimplementation" in seen
    plain = [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", seen).splitlines()]
    assert max(map(len, plain)) <= int(columns)
    assert any(line.startswith("floats") and line.endswith("64 bits") for line in plain)


def test_help_teaches():
    text = info("--help")
    for word in ("devsession -b sim: info", "--measure", "--json", "unknown"):
        assert word in text
