"""The code that does things with files on a board: expressions, which leave no name behind in any namespace.

What a program calls its own (``open``, ``len``) is not used, and no variable has a name that the helper has not.
"""

from __future__ import annotations

from collections.abc import Iterable

from devsession.methods.arguments import encode

OS = "__import__('os')"
OPEN = "__import__('builtins').open"
# What `os` has, then the current directory ('' where there is none) and the free heap, in one flat list: on the smallest boards the
# stack does not hold what it takes to tell a list in a tuple.
FACTS = (
    "[n.dir(o)+[n.getattr(o,'getcwd     '[:6],n.str)(),(g.collect(),g.mem_free())[1]]"
    f"for n,o,g in[(__import__('builtins'),{OS},__import__('gc'))]][0]"
)
CURRENT = f"{OS}.getcwd()"
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
# Copies what is in one file to another, in pieces that the heap holds.
_COPY = """
def _devsession_cp(a,b,open=__import__('builtins').open,g=__import__('gc')):
 g.collect()
 n=min(g.mem_free()//16+64,4096)
 with open(a,'rb') as a:
  with open(b,'wb') as b:
   while 1:
    d=a.read(n)
    if not d:break
    b.write(d)
try:_devsession_cp(%s,%s)
finally:del _devsession_cp
"""


def stat(path: str) -> str:
    """Give mode, size and time."""
    return f"[(s[0],s[6],s[8])for s in[{OS}.stat({encode(path)})]][0]"


def page(path: str, begin: int, end: int) -> str:
    """Give name, mode, size and time of some entries of a directory, one behind the other."""
    inside = encode(path.rstrip("/") + "/")
    return (
        f"[n for e in {OS}.listdir({encode(path)})[{begin}:{end}]for s in[{OS}.stat({inside}+e)]"
        "for n in(e,s[0],s[6],s[8])]"
    )


def flat_page(begin: int, end: int) -> str:
    """Give name and size of some files of a board without directories, one behind the other."""
    return f"[n for e in {OS}.listdir()[{begin}:{end}]for n in(e,{OS}.size(e))]"


def flat_stat(name: str) -> str:
    """Give the sizes of the files of that name: of one, or of none."""
    return f"[{OS}.size(e)for e in {OS}.listdir()if e=={encode(name)}]"


def read(path: str, begin: int, size: int) -> str:
    """Give a piece of a file, which is opened for it and closed again."""
    seek = f"s.seek({begin})," if begin else ""
    return f"[({seek}s.read({size}),s.close())[-2]for s in[{OPEN}({encode(path)},'rb')]][0]"


def begin(number: int, path: str, mode: str) -> str:
    """Give a file opened and kept in the session's table."""
    return f"{_TABLE}.setdefault({number},{OPEN}({encode(path)},{mode!r}))"


def kept(number: int) -> str:
    """Give a file that is kept in the session's table."""
    return f"globals()[0][{number}]"


def finish(number: int) -> str:
    """Close a file that is kept, and keep it no longer."""
    return f"globals()[0].pop({number}).close()"


def write_whole(path: str, mode: str, data: bytes) -> str:
    """Write a file in one piece."""
    return f"[(s.write({encode(data)}),s.close())for s in[{OPEN}({encode(path)},{mode!r})]]"


def swap(new: str, path: str, size: int) -> str:
    """Put ``new`` in the place of ``path`` and give what ``stat`` does, or False when it is not of that size."""
    return (
        f"{OS}.stat({encode(new)})[6]=={size} and({OS}.rename({encode(new)},{encode(path)}),{stat(path)})[1]"
    )


def abandon(beside: str, path: str) -> str:
    """Remove what is beside ``path``, unless it is all that there is of it."""
    return f"{OS}.stat({encode(path)})and {OS}.remove({encode(beside)})"


def call(function: str, *args: str) -> str:
    """Call a function of ``os`` with paths."""
    return f"{OS}.{function}({','.join(encode(arg) for arg in args)})"


def call_each(function: str, every: Iterable[str]) -> str:
    """Call a function of ``os`` with each of these paths, in their order."""
    return f"[o.{function}(p)for o in[{OS}]for p in[{','.join(map(encode, every))}]][:0]"


def statvfs(path: str) -> str:
    """Give size of a block, blocks, free blocks."""
    return f"[(s[1]or s[0],s[2],s[3])for s in[{OS}.statvfs({encode(path)})]][0]"


def copy(old: str, new: str) -> str:
    """Copy what is in a file to another; no expression."""
    return _COPY % (encode(old), encode(new))


def remove_tree(path: str) -> str:
    """Remove a directory with everything in it; no expression."""
    return _REMOVE_TREE % encode(path)
