"""What the raw REPL is asked, and what it answers to the byte, on the unix port and on boards, which end each line with ``\\r\\n``."""

import re

from console import RAW

ERROR = (
    b"\x04Traceback (most recent call last):\r\n"
    b'  File "<stdin>", line 1, in <module>\r\nZeroDivisionError: divide by zero\r\n\x04>'
)
SYNTAX = b'\x04Traceback (most recent call last):\r\n  File "<stdin>", line 1\r\nSyntaxError: invalid syntax\r\n\x04>'
ACCEPTED = b"R\x01\x80\x00\x01"
MARK = b"print('m'*3)\x04"

# On the unix port, in raw mode: what is written, what comes back, nothing more and nothing less.
PLAIN = {
    "ok": (b"print(1)\x04", b"OK1\n\x04\x04>"),
    "ok, longer": (b"print(123)\x04", b"OK123\n\x04\x04>"),
    "error": (b"1/0\x04", b"OK" + ERROR),
    "syntax error": (b"x=)\x04", b"OK" + SYNTAX),
    "Ctrl-C in the line": (b"abc\x03print(2)\x04", b"OK2\n\x04\x04>"),
    "two commands queued": (b"print(1)\x04print(2)\x04", b"OK1\n\x04\x04>OK2\n\x04\x04>"),
    "separator in the output": (b"print('A\\x04B')\x04", b"OKA\x04B\n\x04\x04>"),
    "separators and a prompt": (b"print('A\\x04B\\x04C>Dzz')\x04", b"OKA\x04B\x04C>Dzz\n\x04\x04>"),
    "explicit CRLF": (b"print('a\\r\\nb')\x04", b"OKa\r\nb\n\x04\x04>"),
    "bytes that pass": (b"print(len('\x00\x05\xc3\xbc'))\r\n\x04", b"OK3\n\x04\x04>"),
    "re-enter": (b"\x01", RAW),
    "Ctrl-A cuts the line": (b"print(1)\x01print(2)\x04", RAW + b"OK2\n\x04\x04>"),
    "handshake and body": (b"\x05A\x01print(3)\x04", ACCEPTED + b"\x043\n\x04\x04>"),
    "paste with an error": (b"\x05A\x011/0\x04", ACCEPTED + b"\x04" + ERROR),
    "empty paste": (b"\x05A\x01\x04", ACCEPTED + b"\x04\x04\x04>"),
    "host abort": (b"\x05A\x01print(5)\x03", ACCEPTED + b"\x04\x04KeyboardInterrupt: \r\n\x04>"),
    "unknown sub-command": (b"\x05B\x01", b"R\x00>"),
    "line not empty": (b"\r\x05A\x01", RAW),
    "asked again": (b"\r\x05A\x01\x05A\x01print(3)\x04", RAW + ACCEPTED + b"\x043\n\x04\x04>"),
    "late grants": (b"\x05A\x01" + b"#" * 411 + b"\x04", ACCEPTED + b"\x01\x01\x01\x04\x04\x04>"),
    "control bytes in a paste": (
        b"\x05A\x01print(len('\x01\x02\x05\xc3\xbc'))\x04",
        ACCEPTED + b"\x044\n\x04\x04>",
    ),
    "abort after the end was sent": (b"\x05A\x01x=)\x04", ACCEPTED + b"\x04" + SYNTAX),
}


def marked(line_end: bytes) -> bytes:
    """Return the answer to MARK."""
    return b"OKmmm" + line_end + b"\x04\x04>"


def on_boards() -> dict[str, tuple[bytes, bytes]]:
    """Return the vectors as boards answer them."""
    cooked = {
        name: (written, re.sub(rb"(?<!\r)\n", b"\r\n", answer)) for name, (written, answer) in PLAIN.items()
    }
    cooked["explicit CRLF"] = (PLAIN["explicit CRLF"][0], b"OKa\r\r\nb\r\n\x04\x04>")
    return cooked


def without_paste() -> dict[str, tuple[bytes, bytes]]:
    """Return the vectors for boards whose firmware is older than raw-paste."""
    plain = {name: vector for name, vector in on_boards().items() if b"\x05" not in vector[0]}
    written, answer = plain["error"]
    return {**plain, "error": (written, answer.replace(b"divide", b"division"))}
