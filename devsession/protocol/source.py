"""The code that goes over the wire: a user's source as a string literal, handed to the helper.

No fresh name and no fresh string literal of ten characters or fewer goes out: MicroPython keeps those until the next reset.
"""

from __future__ import annotations

import ast
import re
import warnings
from enum import Enum

from devsession.protocol.records import Key, checksum

HELPER = "_devsession"
# The namespace of programs that belong to no session: __main__.
MAIN = 0
# String literals up to this length are interned by MicroPython's parser (MICROPY_ALLOC_PARSE_INTERN_STRING_LEN).
_INTERNED = 10
# Parsing longer text only to find out whether it is an expression costs more than it is worth: then it is statements.
EXPRESSION_LIMIT = 2048
_ESCAPED = re.compile(r'[\\\x00-\x08\x0b-\x1f\x7f]|"""|"\Z')


class Mode(Enum):
    """What the helper does with the source."""

    EXEC = 0  # statements: no value
    EVAL = 1  # one expression: its value is sent
    LAST = 2  # nothing: tells which exec it started last
    DROP = 3  # nothing: forgets the namespace, and tells how many bytes of heap that gave back


def normalise(source: str) -> str:
    r"""Return ``source`` with ``\n`` line ends, and moved to the left when its first line is indented."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    first = next((line for line in source.split("\n") if line.strip()), "")
    if first[:1] not in {" ", "\t"}:
        return source
    import textwrap

    return textwrap.dedent(source)


def is_expression(source: str) -> bool:
    """Whether ``source`` is one expression, whose value can be sent back."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def literal(source: str) -> str:
    """Return ``source`` as a string literal that is never interned and holds no byte the REPL acts on."""
    return f'"""{_ESCAPED.sub(_escape, _padded(source))}"""'


def _padded(source: str) -> str:
    # With blanks, not lines: a syntax error is then told in a line that is there.
    return source + " " * (_INTERNED + 1 - len(source))


def _escape(match: re.Match[str]) -> str:
    return "".join(f"\\{char}" if char in '\\"' else f"\\x{ord(char):02x}" for char in match[0])


def call(key: Key, mode: Mode, source: str, namespace: int = MAIN) -> str:
    """Return the call of the helper that runs ``source`` in a namespace; what is damaged on its way is not run, by a check."""
    where = f",{namespace}" if namespace != MAIN else ""
    checked = check(key, mode, source, namespace)
    return f"{HELPER}({key.nonce},{key.number},{mode.value},{literal(source)},{checked}{where})"


def check(key: Key, mode: Mode, source: str, namespace: int = MAIN) -> int:
    """Return the check that the helper makes of what it was sent; it raises it as a BaseException when it is another.

    It always has six digits, so that commands of one length stay that whatever their text.
    """
    return 100_000 + (checksum(_padded(source).encode()) + mode.value + key.number + namespace & 0xFFFF)


def is_refusal(error: bytes) -> bool:
    """Whether ``error`` is the helper's refusal to run what was damaged on its way."""
    return re.search(rb"BaseException: \d+\r?\n\Z", error) is not None


def arguments(args: tuple[str, ...]) -> str:
    """Return code that makes ``args`` the program's ``sys.argv``."""
    # Bytes are never interned, strings made of them at run time neither.
    listed = ",".join(f"{arg.encode()!r}.decode()" for arg in args)
    return f"__import__('sys').argv[:]=[{listed}]\n"


def compact(source: str) -> str:
    """Return a helper's source as it is sent: without comments and blank lines, indented by one blank a level."""
    lines = []
    for line in source.split("\n"):
        body = line.lstrip(" ")
        if body and not body.startswith("#"):
            lines.append(" " * ((len(line) - len(body)) // 4) + body)
    return "\n".join(lines) + "\n"
