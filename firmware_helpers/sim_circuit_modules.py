# What programs on a simulated CircuitPython board can import: its own modules, and of the port's those that CircuitPython has too.
import builtins
import sys

import sim_circuit_hardware
import sim_circuit_system

# Of the port, as they are.
SHARED = "__main__ _asyncio array binascii builtins cmath collections errno gc heapq io json math random re struct"
# What the port has, and CircuitPython has not, or not built in.
HIDDEN = (
    "_thread asyncio btree cryptolib deflate ffi framebuf jni machine mip platform requests select socket ssl termios tls uctypes vfs websocket"
)
COLUMNS = 4
WIDTH = 18


def install(console, identity):
    builtins.input = console.friendly.input
    console.uid = bytes.fromhex(identity)[:8]
    made = {}
    for maker in (sim_circuit_system, sim_circuit_hardware):
        made.update(maker.make(console))
    modules = {name: module(name, made[name]) for name in made}
    port_import = builtins.__import__
    names = sorted(SHARED.split() + list(modules))
    # The port's own names begin with u too; CircuitPython's do not.
    hidden = set(HIDDEN.split())
    hidden.update(["u" + name for name in list(hidden) + names])

    def load(name, *rest):
        head = name.partition(".")[0]
        if head in hidden and not is_file(console.files, head):
            raise ImportError("no module named '%s'" % name)
        return port_import(name, *rest)

    def tell(*about):
        if about != ("modules",):
            return port_help(*about)
        for at in range(0, len(names), COLUMNS):
            print("".join(["%-*s" % (WIDTH, name) for name in names[at : at + COLUMNS]]).rstrip())
        print("Plus any modules on the filesystem")

    port_help = builtins.help
    builtins.__import__ = load
    builtins.help = tell
    for name in list(sys.modules):
        del sys.modules[name]
    sys.modules.update(modules)


def is_file(files, name):
    for path in sys.path:
        for ending in (".py", ""):
            try:
                files.stat(path.rstrip("/") + "/" + name + ending)
                return True
            except OSError:
                pass
    return False


def module(name, contents):
    import sim_blank

    made = sys.modules.pop("sim_blank")
    for key in contents:
        setattr(made, key, contents[key])
    made.__name__ = name
    del made.__file__
    return made
