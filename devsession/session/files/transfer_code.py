"""What a board is sent to move files: a program of firmware_helpers/ behind what it needs on this board."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devsession.board.helper import compact
from devsession.protocol.segments import WINDOW_LEAST, Check, Coding, Form
from devsession.protocol.source import HELPER, bytes_literal, literal
from devsession.session.homes import key_of
from devsession.transport.base import Flow

if TYPE_CHECKING:
    from devsession.session.capabilities import DeviceCapabilities

# With less heap than this, in bytes, a board is sent files piece by piece, each in an exec of its own.
LEAST_HEAP = 32768
# A segment is on the board as it came, as it was sent and, perhaps, inflated: this share of the heap leaves room for that.
HEAP_SHARE = 16
SEGMENT_LEAST = 512
SEGMENT_MOST = 32768
# The most that is granted at once.
GRANT_MOST = 16384
# The most bits that zlib takes for a window.
WINDOW_MOST = 15

_CHECKS = {
    Check.SHA256: "from hashlib import sha256 as k\n",
    Check.CRC32: "from binascii import crc32 as a\n",
    Check.ADLER32: "def a(b,v):\n x=v&65535\n y=v>>16\n for v in b:\n  x=(x+v)%65521\n  y=(y+x)%65521\n return y<<16|x\n",
}
_CIRCUITPYTHON_SHA256 = "import hashlib as H\ndef k():return H.new('sha256')\n"
# For a function `a` that takes bytes and the sum so far.
_SUM = "class k:\n v=%d\n def update(o,b):o.v=a(b,o.v)\n def digest(o):return bytes('%%08x'%%(o.v&0xffffffff),'utf-8')\n"
_STARTS = {Check.CRC32: 0, Check.ADLER32: 1}
TAKEN = {
    # What the mark stands for comes last: it is in what stands for the others.
    Coding.BINARY: "def u(b):\n for a in b'\\x02\\x03\\x04\\x10':b=b.replace(bytes((16,a+64)),bytes((a,)))\n return b\n",
    Coding.BASE64: "from binascii import a2b_base64 as u\n",
    Coding.HEX: "from binascii import unhexlify as u\n",
}
_GIVEN = {
    Coding.BINARY: "def u(b):return b\n",
    Coding.BASE64: "from binascii import b2a_base64 as j\ndef u(b):return str(j(b)[:-1],'utf-8')\n",
    Coding.HEX: "from binascii import hexlify as j\ndef u(b):return str(j(b),'utf-8')\n",
}
# Imported before anything is on its way: where a directory of the host is mounted, an import asks there, on the same line.
_DEFLATE = (
    "from deflate import DeflateIO as D\nfrom io import BytesIO as N\ndef d(b,z):return D(N(b),1,z).read()\n"
)
_ZLIB = "from zlib import decompress as D\ndef d(b,z):return D(b,-15)\n"


@dataclass(frozen=True, slots=True)
class Program:
    """A function of the board's, called by a key that is made of its text, as methods are.

    ``file``: what its frames in tracebacks are called, where the board can tell.
    """

    function: str
    text: str
    file: str = ""

    @property
    def key(self) -> str:
        """What it is called by."""
        return key_of(hashlib.sha256(self.text.encode()).digest())

    def call(self, arguments: str) -> str:
        """Return the arguments of a call, the helper's dict first."""
        return f"__import__('__main__').{HELPER}_h,{arguments}"

    def first_call(self, arguments: str) -> str:
        """Return an expression that puts it on the board and calls it."""
        source = literal(self.text)
        if self.file:
            source = f"compile({source},{literal(self.file)},'exec')"
        put = f"exec({source},m),m['{self.function}']"
        called = f"h['h'].setdefault({bytes_literal(self.key.encode())},({put})[1])(h,{arguments})"
        return f"[{called}for h in[__import__('__main__').{HELPER}_h]for m in[{{}}]][0]"


@functools.cache
def putting(form: Form, kind: str) -> Program:
    """Return the program that takes files in that form; ``kind``: how the board inflates and hashes, as ``form_of`` has it."""
    inflate = (_DEFLATE if "deflate" in kind else _ZLIB) if form.window else ""
    return Program("write", _head(form, kind) + TAKEN[form.coding] + inflate + compact("put.py"))


@functools.cache
def getting(form: Form, kind: str) -> Program:
    """Return the program that sends files in that form."""
    return Program("read", _head(form, kind) + _GIVEN[form.coding] + compact("get.py"))


def form_of(
    capabilities: DeviceCapabilities, heap: int, wanted: Coding | None = None
) -> tuple[Form, str] | None:
    """Return the best form that a board with so much free heap can do, and of what kind it is; ``None`` where it can do none.

    ``wanted`` is the coding where that is not to be the best.
    """
    encodings = capabilities.encodings or ()
    codings = [
        *([Coding.BINARY] if capabilities.binary_stdio else []),
        *(coding for coding in (Coding.BASE64, Coding.HEX) if coding.value in encodings),
    ]
    if heap < LEAST_HEAP or not codings or (wanted is not None and wanted not in codings):
        return None
    size = min(SEGMENT_MOST, max(SEGMENT_LEAST, 1 << (heap // HEAP_SHARE).bit_length() - 1))
    window = min(WINDOW_MOST, max(WINDOW_LEAST, size.bit_length() - 1)) if capabilities.decompress else 0
    kind = capabilities.implementation + (" deflate" if "deflate" in (capabilities.modules or ()) else "")
    return Form(wanted or codings[0], _check(capabilities), size, window), kind


def grant_of(form: Form, flow: Flow) -> int:
    """Return how many bytes are granted at once: twice that may be under way, and is held by the link, or by the board."""
    return max(1, min(flow.burst // 2, GRANT_MOST, form.size))


def _check(capabilities: DeviceCapabilities) -> Check:
    if "sha256" in (capabilities.hashes or ()):
        return Check.SHA256
    return Check.CRC32 if "crc32" in (capabilities.encodings or ()) else Check.ADLER32


def _head(form: Form, kind: str) -> str:
    check = _CHECKS[form.check]
    if form.check is Check.SHA256 and kind.startswith("circuitpython"):
        check = _CIRCUITPYTHON_SHA256
    if form.check in _STARTS:
        check += _SUM % _STARTS[form.check]
    return f"B={int(form.coding is Coding.BINARY)}\n{check}"
