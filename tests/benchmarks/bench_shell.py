"""From a key to the screen of the shell: ten sessions on four simulated boards, eight with programs that print, one waiting for input.

python tests/benchmarks/bench_shell.py
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "shell"))

from screens import DEVSESSION, Screen

ROUNDS = 20
BOARDS = [word for name in ("a", "b", "c", "d") for word in ("-b", f"{name}=sim:")]
PRINTING = "import time\nwhile True:\n print('printing')\n time.sleep(0.01)\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as kept:
        program = Path(kept, "printing.py")
        program.write_text(PRINTING, "utf-8")
        environment = {"XDG_STATE_HOME": kept, "XDG_RUNTIME_DIR": kept}
        with Screen([*DEVSESSION, "shell", *BOARDS], environment=environment, columns=200) as shell:
            begin(shell, program)
            measure("a line typed, to its output", lambda n: typed(shell, n))
            measure("/switch, to the prompt", lambda n: switched(shell, n))


def begin(shell: Screen, program: Path) -> None:
    """Eight sessions print, or wait for their board's turn; one waits for input, one has a board for itself."""
    shell.until("a@a >>>")
    for name, board in (("e", "a"), ("f", "b"), ("g", "a"), ("h", "b"), ("i", "a"), ("j", "b")):
        shell.line(f"/new interactive {name} {board}")
        shell.until(f"{name}@{board} >>>")
    for name in "abefghij":
        shell.line(f"/switch {name}")
        shell.line(f"/run {program}")
        shell.until(f"{name}* processing")
    shell.line("/switch c")
    shell.until("c@c >>>")
    shell.line("while True: input('which? ')")
    shell.line("")
    shell.until("c? waiting-for-input")
    shell.line("/switch d")
    shell.until("d@d >>>")


def measure(what: str, once: Callable[[int], None]) -> None:
    times = []
    for n in range(1, ROUNDS + 1):
        begun = time.perf_counter()
        once(n)
        times.append((time.perf_counter() - begun) * 1000)
    times.sort()
    print(
        f"{what:<28} median {statistics.median(times):6.1f} ms   p95 {times[int(ROUNDS * 0.95) - 1]:6.1f} ms"
    )


def typed(shell: Screen, n: int) -> None:
    shell.line(f"{n} * 1001")
    shell.until(f"\n{n * 1001}\nd@d >>>")


def switched(shell: Screen, n: int) -> None:
    name = "da"[n % 2]
    shell.line(f"/switch {name}")
    shell.until(
        lambda shown: (
            shown.split("\n")[-2].startswith(f"{name}@{name} >>>") or f"\n{name}@{name} >>>\n" in shown
        )
    )


if __name__ == "__main__":
    main()
