# Becomes `machine` on a simulated board: fills itself from machine.py when something in it is first asked for.


def __getattr__(name):
    contents = globals()
    if "load" in contents:
        load = contents.pop("load")
        del contents["__getattr__"]
        contents.update(load())
    if name not in contents:
        raise AttributeError(name)
    return contents[name]
