"""The code that does things with files on a board: expressions, which leave no name behind in any namespace.

What a program calls its own (``open``, ``len``) is not used, and no variable has a name that the helper has not.
"""

from __future__ import annotations

from devsession.methods.arguments import encode

OS = "__import__('os')"
OPEN = "__import__('builtins').open"
# What `os` has, the current directory where there is one, the free heap.
FACTS = (
    "[(n.dir(o),n.getattr(o,'getcwd     '[:6],n.str)(),(g.collect(),g.mem_free())[1])"
    f"for n,o,g in[(__import__('builtins'),{OS},__import__('gc'))]][0]"
)
CURRENT = f"{OS}.getcwd()"
# String literals up to this length stay in the board's memory until it is reset.
_INTERNED = 10
# Objects of a session are kept in its namespace under this number (see references.py).
_TABLE = "globals().setdefault(0,{})"
# A function that forgets itself: no name of it stays. The listing is whole before anything is removed: FAT and LittleFS want that.
_REMOVE_TREE = """
def _devsession_rm(p,o=__import__('os')):
 for e in o.listdir(p):
  e=p+'/'+e
  if o.stat(e)[0]&16384:_devsession_rm(e)
  else:o.remove(e)
 o.rmdir(p)
try:_devsession_rm(%s)
finally:del _devsession_rm
"""


def _text(value: str) -> str:
    """Return a string as source that MicroPython does not keep: longer than ten bytes, whatever it is cut to then.

    Boards with MicroPython 1.9 have no ``bytes.decode``.
    """
    if len(value) > _INTERNED or not value.isascii():
        return encode(value)
    return f"{encode(value.ljust(_INTERNED + 1))}[:{len(value)}]"


def stat(path: str) -> str:
    """Give mode, size and time."""
    return f"[(s[0],s[6],s[8])for s in[{OS}.stat({_text(path)})]][0]"


def page(path: str, begin: int, end: int) -> str:
    """Give name, mode, size and time of some entries of a directory."""
    inside = _text(path.rstrip("/") + "/")
    return f"[(e,s[0],s[6],s[8])for e in {OS}.listdir({_text(path)})[{begin}:{end}]for s in[{OS}.stat({inside}+e)]]"


def flat_page(_: str, begin: int, end: int) -> str:
    """Give name, mode and size of some files of a board without directories."""
    return f"[(e,32768,{OS}.size(e))for e in {OS}.listdir()[{begin}:{end}]]"


def flat_stat(name: str) -> str:
    """Give the sizes of the files of that name: of one, or of none."""
    return f"[{OS}.size(e)for e in {OS}.listdir()if e=={_text(name)}]"


def read(path: str, begin: int, size: int) -> str:
    """Give a piece of a file, which is opened for it and closed again."""
    seek = f"s.seek({begin})," if begin else ""
    return f"[({seek}s.read({size}),s.close())[-2]for s in[{OPEN}({_text(path)},'rb')]][0]"


def begin(number: int, path: str, mode: str) -> str:
    """Give a file opened and kept in the session's table."""
    return f"{_TABLE}.setdefault({number},{OPEN}({_text(path)},{mode!r}))"


def kept(number: int) -> str:
    """Give a file that is kept in the session's table."""
    return f"globals()[0][{number}]"


def finish(number: int) -> str:
    """Close a file that is kept, and keep it no longer."""
    return f"globals()[0].pop({number}).close()"


def write_whole(path: str, mode: str, data: bytes) -> str:
    """Write a file in one piece."""
    return f"[(s.write({data!r}),s.close())for s in[{OPEN}({_text(path)},{mode!r})]]"


def swap(new: str, path: str, size: int) -> str:
    """Put ``new`` in the place of ``path`` and give what ``stat`` does, or False when it is not of that size."""
    return f"{OS}.stat({_text(new)})[6]=={size} and({OS}.rename({_text(new)},{_text(path)}),{stat(path)})[1]"


def call(function: str, *args: str) -> str:
    """Call a function of ``os`` with paths."""
    return f"{OS}.{function}({','.join(_text(arg) for arg in args)})"


def remove_tree(path: str) -> str:
    """Remove a directory with everything in it; no expression."""
    return _REMOVE_TREE % _text(path)
