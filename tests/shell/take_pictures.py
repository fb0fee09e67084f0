"""Takes the README's pictures: the real shell at work on simulated boards, and the real `devsession top` beside it, as SVG.

python tests/shell/take_pictures.py pictures
"""

from __future__ import annotations

import os
import sys
import tempfile
from html import escape
from itertools import groupby
from pathlib import Path

from screens import DEVSESSION, Screen

COLUMNS, SHELL_LINES, TOP_LINES = 100, 27, 5
BOARDS = ("alpha", "beta", "gamma")
BLINK = "import time\nn = 0\nwhile True:\n print('blink', n)\n n += 1\n time.sleep(0.02)\n"
# Of one character, in pixels.
WIDTH, HEIGHT, SIZE, MARGIN = 8.4, 18, 14, 12
PAPER, INK, BLACK = "#1c1c1c", "#d0d0d0", "#1c1c1c"
COLOURS = {
    "black": BLACK,
    "red": "#ff5f5f",
    "green": "#5fd75f",
    "brown": "#ffd75f",
    "blue": "#5fafff",
    "magenta": "#d787d7",
    "cyan": "#5fd7d7",
    "white": "#d0d0d0",
}


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as kept:
        environment = {"XDG_STATE_HOME": kept, "XDG_RUNTIME_DIR": kept}
        Path(kept, "blink.py").write_text(BLINK, "utf-8")
        os.chdir(kept)
        boards = [word for name in BOARDS for word in ("-b", f"{name}=sim:")]
        with Screen(
            [*DEVSESSION, "shell", *boards], environment=environment, columns=COLUMNS, lines=SHELL_LINES
        ) as shell:
            work(shell)
            with Screen([*DEVSESSION, "top"], environment=environment, columns=130, lines=TOP_LINES) as top:
                top.until("waiting-for-input")
                # For rates and heaps over time.
                for n in range(6):
                    shell.line(f"kept_{n} = bytearray({(n % 4) * 40_000})")
                    top.read(1.0)
                save(top, folder / "top.svg", TOP_LINES)
        with Screen(
            [*DEVSESSION, "shell", "--new", *boards],
            environment=environment,
            columns=COLUMNS,
            lines=SHELL_LINES,
        ) as shell:
            work(shell)
            shell.line("import machine, math")
            shell.line("for n in range(3):")
            shell.until("\n...")
            shell.line("print(n, math.sqrt(n))")
            shell.line("")
            shell.until("1.41421")
            shell.line("/sessions")
            shell.until("QUEUE")
            shell.type("machine.P")
            shell.key("tab")
            shell.until("machine.P")
            shell.read(1.0)
            save(shell, folder / "shell.svg", SHELL_LINES)


def work(shell: Screen) -> None:
    """One session that runs in the background, one that asks, one in front."""
    shell.until("alpha@alpha >>>")
    shell.line("/run blink.py")
    shell.until("blink 1")
    shell.line("/switch beta")
    shell.until("beta@beta >>>")
    shell.line("limit = float(input('upper limit? '))")
    shell.until("beta upper limit?")
    shell.line("/switch gamma")
    shell.until("gamma@gamma >>>")


def save(screen: Screen, path: Path, lines: int) -> None:
    """Write what is on a screen as SVG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = screen.screen.columns
    width, height = columns * WIDTH + 2 * MARGIN, lines * HEIGHT + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}">',
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
        f'<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="{SIZE}" xml:space="preserve">',
    ]
    for number in range(lines):
        parts += row(screen, number)
    path.write_text("\n".join([*parts, "</g>", "</svg>", ""]), "utf-8")


def row(screen: Screen, number: int) -> list[str]:
    cells = [screen.screen.buffer[number][column] for column in range(screen.screen.columns)]
    parts, column = [], 0
    top = MARGIN + number * HEIGHT
    for (ink, paper, bold, underscore), group in groupby(cells, key=look):
        text = "".join(cell.data for cell in group)
        left, size = MARGIN + column * WIDTH, len(text) * WIDTH
        column += len(text)
        if paper != PAPER:
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{size:.1f}" height="{HEIGHT}" fill="{paper}"/>'
            )
        if text.strip():
            more = ' font-weight="bold"' * bold + ' text-decoration="underline"' * underscore
            parts.append(
                f'<text x="{left:.1f}" y="{top + SIZE - 1}" textLength="{size:.1f}" fill="{ink}"{more}>{escape(text)}</text>'
            )
    return parts


def look(cell) -> tuple[str, str, bool, bool]:
    ink, paper = colour(cell.fg, INK), colour(cell.bg, PAPER)
    if cell.reverse:
        ink, paper = paper, ink
    return ink, paper, cell.bold, cell.underscore


def colour(name: str, default: str) -> str:
    if name == "default":
        return default
    return COLOURS.get(name.removeprefix("bright"), f"#{name}" if len(name) == 6 else default)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
