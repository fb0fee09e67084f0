# Becomes `machine` on a simulated board: fills itself from machine.py when something in it is first asked for.


def __getattr__(name):
    contents = globals()
    if "load" in contents:
        # Where the heap is too small for it, the next who asks tries again.
        contents.update(contents["load"]())
        del contents["load"], contents["__getattr__"]
    if name not in contents:
        raise AttributeError(name)
    return contents[name]
