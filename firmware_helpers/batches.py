# What a generator on the board gives, in batches: one call each. Sent as a method (devsession/session/generators.py).
# Of the table h it takes the generator n, or makes it: s calls what is there under the key k. At most m values, within d milliseconds;
# with m 0 it is closed. Gives False when there is no such generator, or no method of that key to make one.
# Names are those of execute.py, which boards have already.
# Language: MicroPython 1.9 and later, CircuitPython 7 and later.
def batch_of(h, n, m, d, k=None, s=None):
    if s and k in h:
        h[n] = s(h[k])
    if n not in h:
        return False
    g = h.pop(n)
    if isinstance(g, BaseException):
        raise g
    if not m:
        g.close()
        return False
    try:
        from time import ticks_diff as r, ticks_ms as w
    except ImportError:
        # No clock: no time ever passes.
        r, w = max, int
    v = []
    b = w()
    try:
        for x in g:
            v.append(x)
            if len(v) >= m or r(w(), b) >= d:
                h[n] = g
                return v, False
    except BaseException as e:
        if not v or isinstance(e, KeyboardInterrupt):
            raise
        # First what came before it.
        h[n] = e
        return v, False
    return v, True
