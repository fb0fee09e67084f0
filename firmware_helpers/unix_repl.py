# Turns the MicroPython unix port into a board: its own `/`, boot.py and main.py, the REPL of real firmware on a terminal.
# Started by devsession/simulator/supervisor.py:
#   micropython unix_repl.py ROOT START IDENTITY ISIG VMIN VINTR COOKED SETMASK WAKING
# ROOT is the host directory shown as `/`; START one of power, hard, watchdog, deepsleep, soft, raw (what came before); IDENTITY hexadecimal;
# the last six are numbers of this system's termios.h and signal.h, which the port does not name.
import sys


def start(namespace):
    root, before, identity, isig, vmin, vintr, cooked, set_mask, waking = sys.argv[1:]
    here = __file__.rpartition("/")[0]
    # The port's own machine, not the file beside this one.
    sys.path[:] = []
    import machine

    sys.path[:] = [here]
    from sim_console import Console
    from sim_files import Files
    from sim_terminal import Terminal
    import sim_board

    terminal = Terminal(int(isig), int(vmin), int(vintr), int(cooked), int(waking))
    files = Files(root)
    console = Console(terminal, files, namespace, int(set_mask))
    sim_board.install(machine, terminal, console.friendly, here, identity, before)
    # As on a board: frozen modules and /lib importable.
    sys.argv[:] = []
    sys.path[:] = ["", ".frozen", "/lib"]
    files.mount_as_root()
    namespace.clear()
    namespace["__name__"] = "__main__"
    console.run(before)


start(globals())
