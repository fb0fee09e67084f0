# Turns the MicroPython unix port into what a host sees of a CircuitPython board: a simulation from documented behaviour (CircuitPython 9.2),
# not a build of CircuitPython. One process is one of its virtual machines; what outlives them is in a file beside the board's files.
# Started by devsession/simulator/circuitpython.py:
#   micropython circuitpython_repl.py ROOT START IDENTITY ISIG VMIN VINTR COOKED SETMASK WAKING STATE DRIVE LANGUAGE
# The first nine as for unix_repl.py, and START may be `repl` too; STATE is a file of the host for what outlives a virtual machine; DRIVE is
# `on` where the host has the files as a drive, so that programs cannot write; LANGUAGE that of the firmware's own words.
import sys


def start(namespace):
    root, before, identity, isig, vmin, vintr, cooked, set_mask, waking, state_path, drive, language = sys.argv[1:]
    here = __file__.rpartition("/")[0]
    sys.path[:] = [here]
    from sim_circuit_console import CircuitConsole
    from sim_circuit_files import CircuitFiles
    from sim_circuit_state import State
    from sim_terminal import Terminal
    import sim_circuit_modules

    terminal = Terminal(int(isig), int(vmin), int(vintr), int(cooked), int(waking))
    # Its console turns every line end into \r\n, in the raw REPL too.
    terminal.raw_settings = terminal.friendly_settings
    state = State(state_path, before, drive == "on")
    files = CircuitFiles(root, state)
    console = CircuitConsole(terminal, files, namespace, int(set_mask), state, language)
    sim_circuit_modules.install(console, identity)
    sys.argv[:] = []
    # No frozen modules: those of the port are not CircuitPython's.
    sys.path[:] = ["", "/", "/lib"]
    files.mount_as_root()
    namespace.clear()
    namespace["__name__"] = "__main__"
    console.run(before)


start(globals())
