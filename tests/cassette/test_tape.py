"""The file format."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devsession.cassette import tape
from devsession.errors import CassetteFormatError

HEADER = '{"cassette":1,"devsession":"0.1.0","board":"sim:","identity":"x","date":"2026-01-01"}\n'
OPEN = '{"t":0.0,"open":"sim:","identity":"x","controlled":true,"burst":65536,"resettable":false}\n'


@given(st.binary())
def test_bytes_come_back(data: bytes):
    line = tape.to_line({"t": 0.0, "from": tape.to_text(data)})
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    line.encode()
    assert tape.to_bytes(json.loads(line)["from"]) == data


def test_all_256_values_come_back_and_text_can_be_read():
    data = bytes(range(256)) + "ä→\n".encode()
    line = tape.to_line({"t": 0.0, "to": tape.to_text(data)})
    assert tape.to_bytes(json.loads(line)["to"]) == data
    assert "ä→\\n" in line


def written(path: Path, *lines: str) -> Path:
    path.write_text("".join(lines), "utf-8")
    return path


def test_a_last_line_that_is_not_whole_is_left_out(tmp_path: Path):
    path = written(tmp_path / "a", HEADER, OPEN, '{"t":0.1,"to":"abc"}\n', '{"t":0.2,"from":"d')
    cassette = tape.read(path)
    assert cassette.cut
    assert [entry.data for entry in cassette.links[0].entries] == [b"abc"]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "no whole line"),
        (["hello\n"], "is no cassette"),
        (["[1]\n"], "is no cassette"),
        (
            [HEADER.replace('"cassette":1', '"cassette":2').replace("0.1.0", "9.9")],
            "format 2, written by devsession 9.9",
        ),
        ([HEADER, OPEN, "{broken\n"], "damaged in line 3"),
        ([HEADER, OPEN, "7\n"], "damaged in line 3: no object"),
        ([HEADER, OPEN, '{"t":1}\n'], "damaged in line 3: it says nothing known"),
        ([HEADER, OPEN, '{"t":1,"to":5}\n'], "damaged in line 3: to is 5"),
        ([HEADER, OPEN, '{"to":"a"}\n'], "damaged in line 3: t is None"),
        ([HEADER, OPEN, '{"t":1,"to":"\\ud800"}\n'], "damaged in line 3"),
        ([HEADER, OPEN, '{"t":1,"to":"abc","masked":[[2,2]]}\n'], "damaged in line 3: masked"),
        ([HEADER, OPEN, '{"t":1,"random":[1]}\n'], "damaged in line 3: random"),
        ([HEADER, OPEN, '{"t":1,"link":2,"to":"a"}\n'], "damaged in line 3: link 2"),
        ([HEADER, '{"t":0,"open":"sim:"}\n'], "damaged in line 2: identity is None"),
    ],
)
def test_what_is_no_sound_cassette_is_told(tmp_path: Path, lines: list[str], says: str):
    with pytest.raises(CassetteFormatError) as caught:
        tape.read(written(tmp_path / "a", *lines))
    assert says in str(caught.value)


def test_a_cassette_that_is_not_there(tmp_path: Path):
    with pytest.raises(CassetteFormatError, match="No such file"):
        tape.read(tmp_path / "none")
