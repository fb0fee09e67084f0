# What is in a tree of files: paths from its root on, sizes, and what tells whether contents are the same. Sent as a method
# (devsession/session/files/trees.py). p is the root ('' for /), or one file. The first n entries are left out; files whose size is in z are
# read, and so is a file that is the root: k bytes of sha256, where that is missing crc32, where that is missing None. Directories have
# the size -1, and come before what is in them. Gives as many as 1/q of the free heap holds, flat, and whether there are more.
# Names are those of execute.py, which boards have already, as far as there are enough.
# Boards whose os has no stat are not asked like this. Language: MicroPython 1.9 and later, CircuitPython 7 and later.
def tree_of(p, n, z, k, q):
    import gc, os
    c = h = None
    try:
        from hashlib import sha256 as h
    except ImportError:
        try:
            from binascii import crc32 as c
        except ImportError:
            pass
    gc.collect()
    m = gc.mem_free() // q
    b = min(m // 4 + 64, 4096)
    v = []
    t = [p]
    while t:
        x = t.pop()
        s = os.stat(x or "/")
        s = -1 if s[0] & 16384 else s[6]
        if s < 0:
            t += [x + "/" + e for e in os.listdir(x or "/")]
        if n:
            n -= 1
            continue
        d = None
        if (c or h) and s >= 0 and (x == p or s in z):
            d = h() if h else 0
            with open(x, "rb") as f:
                while 1:
                    e = f.read(b)
                    if not e:
                        break
                    if h:
                        d.update(e)
                    else:
                        d = c(e, d)
            if h:
                d = d.digest()[:k]
        v += [x[len(p) :], s, d]
        m -= len(x) + 64
        if m < 0:
            return v, len(t) > 0
    return v, False
