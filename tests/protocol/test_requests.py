"""What programs ask, and what is answered."""

import random

import pytest

from devsession.protocol import records, requests
from devsession.protocol.buffer import ReceiveBuffer
from devsession.protocol.records import Key, Kind, Record
from devsession.protocol.requests import Request
from devsession.protocol.segments import Check, Coding, Form

FORMS = [Form(coding, Check.CRC32, 512) for coding in Coding]


@pytest.mark.parametrize(
    ("payload", "request_"),
    [
        (b"(7, 3, 's', '/a\\x00\\u20ac')", Request(7, 3, "s", ("/a\0€",))),
        (b"(-1, 3, 'w', 2, 0, 'AAAA')", Request(-1, 3, "w", (2, 0, "AAAA"))),
        (b"(0,)", Request(0)),
        (b"", None),
        (b"(", None),
        (b"5", None),
        (b"(0, 1)", None),
        (b"(0, 1, 's')", None),
        (b"(65535, 1, 's')", Request(65535, 1, "s")),
        (b"(-2, 1, 's')", None),
        (b"(65536, 1, 's')", None),
        (b"(1, 's')", None),
        (b"(1, 2, 3)", None),
        (b"(1, 2, 's', [])", None),
        (b"(1, 2, 's', b'x')", None),
        (b"(1, 2, 's', None)", None),
        (b"\xff\xfe", None),
        ("(1, 2, 's', 'é')".encode(), None),
        (b"(" * 5000, None),
        (b"__import__('os')", None),
    ],
)
def test_a_request_is_a_tuple_of_plain_values(payload: bytes, request_: Request | None):
    assert requests.parse(payload) == request_


def test_a_request_travels_as_a_record():
    key = Key(99, 4)
    buffer = ReceiveBuffer()
    buffer.append(b"printed" + records.encode(key, Kind.REQUEST, b"(1, 2, 's')"))
    assert records.scan(buffer, key) == (b"printed", Record(Kind.REQUEST, b"(1, 2, 's')"))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.coding.value)
def test_an_answer_holds_nothing_that_a_prompt_acts_on_and_one_beginning(form: Form):
    data = bytes(range(256)) * 4
    answer = requests.encode(0x1234, form, data)
    assert answer.startswith(b"\x10A12340000")
    assert answer.count(requests.BEGIN) == 1
    assert not {1, 2, 3, 4} & set(answer) - ({1} if form.coding is Coding.BINARY else set())
    assert requests.encode(1, form, errno=30) == b"\x10A0001001e0000001e"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.coding.value)
def test_what_fits_is_as_much_as_is_said_and_not_much_less(form: Form):
    rng = random.Random(9)
    for data in (b"", b"x", bytes(2000), b"\x03" * 2000, rng.randbytes(2000), rng.randbytes(500)):
        for size in (1, 100, 512, 5000):
            found = requests.fitting(data, size, form)
            assert data.startswith(found)
            assert len(form.encode(found)) <= size
            if len(found) < len(data) and size >= 100:
                assert len(form.encode(found)) > 0.8 * size
