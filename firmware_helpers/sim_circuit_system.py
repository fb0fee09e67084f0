# Modules of a simulated CircuitPython board that are about the interpreter: where they differ from those of the port.
import deflate
import errno
import hashlib
import io
import micropython
import os
import sys
import time
from collections import namedtuple

import sim_sys
from sim_circuit_texts import BOARD, CHIP, DATE, FULL_VERSION, RELEASE, VERSION

# Version 6 of .mpy files, and no machine code.
MPY = 0x306
HASHES = ("sha1", "sha256")
# By the number of bits of the window that zlib.decompress takes.
FORMATS = {-15: deflate.RAW, 15: deflate.ZLIB, 31: deflate.GZIP}
OF_OS = ("chdir", "getcwd", "listdir", "mkdir", "remove", "rename", "rmdir", "stat", "statvfs", "unlink", "urandom")
OF_SYS = ("argv", "byteorder", "exit", "maxsize", "modules", "path", "ps1", "ps2", "version_info")
OF_MICROPYTHON = ("const", "opt_level", "heap_lock", "heap_unlock")

# Named as the port names what it makes of its own.
implementation = namedtuple("tuple", ("name", "version", "_machine", "_mpy"))
uname_result = namedtuple("uname_result", ("sysname", "nodename", "release", "version", "machine"))
struct_time = namedtuple(
    "struct_time",
    ("tm_year", "tm_mon", "tm_mday", "tm_hour", "tm_min", "tm_sec", "tm_wday", "tm_yday", "tm_isdst"),
)


class Input(io.IOBase):
    # sys.stdin: text only, and Enter is the end of a line.
    def __init__(self, port):
        self.port = port

    def read(self, count=-1):
        return self.port.read(count).replace("\r", "\n")

    def readline(self):
        line = ""
        while not line.endswith("\n"):
            character = self.read(1)
            if not character:
                break
            line += character
        return line

    def readinto(self, buffer):
        return self.port.readinto(buffer)


class Output(io.IOBase):
    # sys.stdout: text only.
    def __init__(self, port):
        self.port = port

    def write(self, text):
        return self.port.write(text)


def make(console):
    return {
        "hashlib": {"new": new_hash},
        "micropython": make_micropython(console),
        "os": make_os(console),
        "sys": make_sys(),
        "time": make_time(),
        "traceback": {"print_exception": print_exception, "format_exception": format_exception},
        "zlib": {"decompress": decompress},
    }


def new_hash(name, data=b""):
    if name not in HASHES:
        raise ValueError("Unsupported hash algorithm")
    made = getattr(hashlib, name)(data)
    return Hash(made, 20 if name == "sha1" else 32)


class Hash:
    def __init__(self, port, digest_size):
        self.port = port
        self.digest_size = digest_size

    def update(self, data):
        self.port.update(data)

    def digest(self):
        return self.port.digest()


def decompress(data, wbits=15):
    # The window of CircuitPython's is always the largest.
    return deflate.DeflateIO(io.BytesIO(data), FORMATS[wbits], 15).read()


def print_exception(error, value=None, tb=None, limit=None, file=None, chain=True):
    print(format_exception(error, value)[0], end="", **({"file": file} if file else {}))


def format_exception(error, value=None, tb=None, limit=None, chain=True):
    text = io.StringIO()
    sim_sys.print_exception(value or error, text)
    return [text.getvalue()]


def make_micropython(console):
    made = {name: getattr(micropython, name) for name in OF_MICROPYTHON}
    made["kbd_intr"] = console.terminal.interrupt_character
    return made


def make_os(console):
    made = {name: getattr(os, name) for name in OF_OS}
    release = uname_result(CHIP, CHIP, RELEASE, "%s on %s" % (RELEASE, DATE), "%s with %s" % (BOARD, CHIP))
    made.update({"sep": "/", "uname": lambda: release, "sync": lambda: None, "getenv": getenv})
    return made


def getenv(name, default=None):
    # Of settings.toml, which no simulated board has.
    return default


def make_sys():
    made = {name: getattr(sys, name) for name in OF_SYS}
    made.update(
        {
            "implementation": implementation("circuitpython", VERSION, "%s with %s" % (BOARD, CHIP), MPY),
            "platform": CHIP,
            "version": sys.version.partition(";")[0] + "; " + FULL_VERSION,
            "stdin": Input(sys.stdin),
            "stdout": Output(sys.stdout),
            "stderr": Output(sys.stderr),
        }
    )
    return made


def make_time():
    def monotonic():
        return time.ticks_ms() / 1000

    def monotonic_ns():
        return time.ticks_us() * 1000

    def localtime(seconds=None):
        found = time.localtime() if seconds is None else time.localtime(seconds)
        return struct_time(*found[:8], -1)

    def mktime(moment):
        return int(time.mktime(tuple(moment)[:8] + (-1,)))

    return {
        "localtime": localtime,
        "mktime": mktime,
        "monotonic": monotonic,
        "monotonic_ns": monotonic_ns,
        "sleep": time.sleep,
        "struct_time": lambda fields: struct_time(*fields),
        "time": lambda: int(time.time()),
    }
