# What a generator on the board gives, in batches: one call each. Sent as a method (devsession/session/batches.py).
# Language: MicroPython 1.9 and later, CircuitPython 7 and later.
def batch(held, name, most, limit, generator=None):
    if generator is None:
        generator = held.get(name)
    else:
        held[name] = generator
    if generator is None:
        return [], True
    if isinstance(generator, Exception):
        del held[name]
        raise generator
    if not most:
        del held[name]
        generator.close()
        return [], True
    try:
        from time import ticks_diff, ticks_ms

        begun = ticks_ms()
    except ImportError:
        begun = None
    values = []
    try:
        for value in generator:
            values.append(value)
            if len(values) >= most or begun is not None and ticks_diff(ticks_ms(), begun) >= limit:
                return values, False
    except Exception as error:
        # First what came before it.
        held[name] = error
        return values, False
    del held[name]
    return values, True
