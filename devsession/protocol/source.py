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
# The helper's own dict, while more is added to it.
HOME = -1
# What programs that send events know by this name.
EMITTER = "devsession_helper"
# What they have where somebody at the host answers them.
ASKING = ("input", "pause_point")
# How the code that puts the helper on a board goes on, and how it ends.
TABLE = f"globals().setdefault('{HELPER}_h',{{'h':{{}}}})['G']=globals()\n"
NAMED = f"finally:{HELPER}={HELPER}_h.get('x')\n"
# How it begins. Before anything is made that stays: it would lie in the middle of what little heap there is.
# Asking for the memory is quicker than asking how much there is: that looks at the whole heap.
ROOM = "bytearray(9999)\n"
# The namespace of programs that belong to no session: __main__.
MAIN = 0
# String literals up to this length are interned by MicroPython's parser (MICROPY_ALLOC_PARSE_INTERN_STRING_LEN), up to 1.19 bytes too.
_INTERNED = 10
# Parsing longer text only to find out whether it is an expression costs more than it is worth: then it is statements.
EXPRESSION_LIMIT = 2048
# The length of a method's key, in characters.
KEY_LENGTH = 6
_ESCAPED_BYTES = re.compile(rb'[\\"\x00-\x1f\x7f-\xff]')
_ESCAPED = re.compile(r'[\\\x00-\x08\x0b-\x1f\x7f]|"""|"\Z')


class Mode(Enum):
    """What the helper does with the source."""

    EXEC = 0  # statements: no value
    EVAL = 1  # one expression: its value is sent
    LAST = 2  # nothing: tells which exec it started last
    CALL = 3  # the key of a method and its arguments: its value is sent


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


def without_heading(source: str) -> str:
    """Return an expression without the comments and blank lines before it, which boards do not read."""
    return re.sub(r"\A(?:[ \t]*(?:#[^\n]*)?\n)+", "", source).strip()


def literal(source: str) -> str:
    """Return ``source`` as a string literal that is never interned and holds no byte the REPL acts on."""
    return f'"""{_ESCAPED.sub(_escape, _padded(source))}"""'


def bytes_literal(data: bytes) -> str:
    """Return ``data`` as an expression that leaves nothing interned behind."""
    if not data or len(data) > _INTERNED:
        return repr(data)
    return f"{data.ljust(_INTERNED + 1)!r}[:{len(data)}]"


def _padded(source: str) -> str:
    # With blanks, not lines: a syntax error is then told in a line that is there.
    return source + " " * (_INTERNED + 1 - len(source))


def _escape(match: re.Match[str]) -> str:
    return "".join(f"\\{char}" if char in '\\"' else f"\\x{ord(char):02x}" for char in match[0])


def call(key: Key, mode: Mode, source: str, namespace: int = MAIN) -> str:
    """Return the call of the helper that runs ``source`` in a namespace; what is damaged on its way is not run, by a check."""
    if mode is Mode.CALL:
        # Behind the arguments blanks do no harm.
        source = _padded(source)
        text = _ESCAPED_BYTES.sub(_escape_byte, source.encode()).decode()
        return f'{HELPER}({key.nonce},{key.number},b"{text}",{_check(key, mode, source, MAIN)})'
    where = f",{namespace}" if namespace != MAIN else ""
    checked = _check(key, mode, _padded(source), namespace)
    return f"{HELPER}({key.nonce},{key.number},{mode.value},{literal(source)},{checked}{where})"


def _escape_byte(match: re.Match[bytes]) -> bytes:
    return b"\\" + match[0] if match[0] in b'\\"' else b"\\x%02x" % ord(match[0])


def _check(key: Key, mode: Mode, text: str, namespace: int) -> int:
    """Return the check that the helper makes of what it was sent; it raises it as a BaseException when it is another.

    It always has six digits, so that commands of one length stay that whatever their text.
    """
    return 100_000 + (checksum(text.encode()) + key.nonce + mode.value + key.number + namespace & 0xFFFF)


def is_refusal(error: bytes) -> bool:
    """Whether ``error`` is the helper's refusal to run what was damaged on its way."""
    return re.search(rb"BaseException: \d+\r?\n\Z", error) is not None


def emission(helper: str, namespace: int) -> str:
    """Return the program that puts the helper for events on a board for a namespace; to be run in HOME, behind ``opening``."""
    return f"h.pop({HOME})\n{helper}{_dict_of(namespace)}['{EMITTER}']=M({namespace})\n"


def asking(helper: str, namespace: int) -> str:
    """Return the program that puts the helper for questions there too, behind that for events."""
    return f"h.pop({HOME})\n{helper}i({_dict_of(namespace)},{namespace},H(sys,'stdin'))\n"


def _dict_of(namespace: int) -> str:
    return f"h.setdefault({namespace},{{'__name__':'__main__'}})" if namespace != MAIN else "G"


def opening() -> str:
    """Return the code that makes HOME the helper's own dict, until what runs there takes it back."""
    return f"{HELPER}_h['h'][{HOME}]={HELPER}_h\n"


def drop(namespace: int, methods: tuple[str, ...]) -> str:
    """Return an expression that forgets a namespace and methods; its second and its last item are the free heap before and after."""
    keys = (str(namespace), *(bytes_literal(name.encode()) for name in methods))
    popped = "".join(f"h.pop({key},0)and 0," for key in keys)
    return f"(lambda h,g:[g.collect(),g.mem_free(),{popped}g.collect(),g.mem_free()])({HELPER}_h['h'],__import__('gc'))"


def missing_method(error: bytes) -> str:
    """Return the key of the method that was called and is not on the board, empty where ``error`` is something else."""
    found = re.search(rb"BaseException: b'([^']+)'\r?\n\Z", error)
    return found[1].decode() if found else ""


def arguments(args: tuple[str, ...]) -> str:
    """Return code that makes ``args`` the program's ``sys.argv``."""
    # Strings made of bytes at run time are not interned.
    listed = ",".join(f"{bytes_literal(arg.encode())}.decode()" for arg in args)
    return f"__import__('sys').argv[:]=[{listed}]\n"


def installation(helper: str) -> str:
    """Return the code that puts the helper on a board, as the beginning of a command; a board too small for that refuses at once."""
    return ROOM + TABLE + _installed(helper)


def installations(helper: str) -> list[str]:
    """Return the same as several commands, one for each function: together they need less heap, and more turns."""
    # The garbage of one part is in the way of the next.
    collected = "__import__('gc').collect()\n"
    parts = [f"{collected}{_installed(part)}" for part in re.split(r"\n(?=def )", helper)]
    # The helper of an earlier attach goes first: there is no room for two.
    forget = f"{HELPER}=[{HELPER}_h.pop(k,0)and 0 for k in'xyrw']\n"
    return [TABLE + forget + parts[0], *parts[1:]]


def _installed(helper: str) -> str:
    # Not before it was checked: a helper with one letter changed may run, and tell lies. Refused as programs are.
    check = f"if sum({HELPER})&65535!={checksum(_padded(helper).encode())}:raise BaseException(0)"
    return f"{HELPER}=b{literal(helper)}\n{check}\ntry:exec({HELPER},{HELPER}_h)\n{NAMED}"


def compact(source: str) -> str:
    """Return a helper's source as it is sent: without comments and blank lines, indented by one blank a level."""
    lines = []
    for line in source.split("\n"):
        body = line.lstrip(" ")
        if body and not body.startswith("#"):
            lines.append(" " * ((len(line) - len(body)) // 4) + body)
    return "\n".join(lines) + "\n"
