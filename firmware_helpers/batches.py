# What a generator on the board gives, in batches: one call each. Sent as a method (devsession/session/generators.py).
# Gives False when there is no such generator, or no method of that key to make one.
# Language: MicroPython 1.9 and later, CircuitPython 7 and later.
def batch_of(held, name, most, limit, key=None, start=None):
    if start and key in held:
        held[name] = start(held[key])
    if name not in held:
        return False
    generator = held[name]
    if isinstance(generator, BaseException):
        del held[name]
        raise generator
    if not most:
        del held[name]
        generator.close()
        return False
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
    except BaseException as error:
        if values and not isinstance(error, KeyboardInterrupt):
            # First what came before it.
            held[name] = error
            return values, False
        del held[name]
        raise
    del held[name]
    return values, True
