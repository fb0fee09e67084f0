"""The table behind a run: test by board, passed, skipped with its reason, or failed; and how long each board took."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

# A reason is for one line.
_REASON_SHOWN = 150
_ORDER = ("error", "failed", "skipped", "passed")


@dataclass(slots=True)
class Cell:
    """What came of one test on one board: the worst of its set-up, run and tear-down, and how long they took together."""

    outcome: str = "passed"
    seconds: float = 0.0
    reason: str = ""


class BoardTable:
    """Gathers reports and tells them; registered as a plugin of the run."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], Cell] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        report = yield
        callspec = getattr(item, "callspec", None)
        if callspec is not None and "known" in callspec.params:
            board = callspec.params["known"].name
            name = f"{item.path.stem.removeprefix('test_')}: {getattr(item, 'originalname', item.name).removeprefix('test_')}"
            self._note(self._cells.setdefault((name, board), Cell()), report)
        return report

    def _note(self, cell: Cell, report: pytest.TestReport) -> None:
        outcome = "error" if report.failed and report.when != "call" else report.outcome
        if _ORDER.index(outcome) < _ORDER.index(cell.outcome):
            cell.outcome = outcome
        cell.seconds += report.duration
        if report.skipped and isinstance(report.longrepr, tuple):
            cell.reason = report.longrepr[2].removeprefix("Skipped: ")[:_REASON_SHOWN]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._cells:
            return
        terminalreporter.section("boards")
        for line in self.lines():
            terminalreporter.write_line(line)

    def lines(self) -> Iterator[str]:
        """Yield the table, then why what was skipped was, then how long each board took."""
        tests = list(dict.fromkeys(test for test, _ in self._cells))
        boards = list(dict.fromkeys(board for _, board in self._cells))
        width = max(map(len, tests))
        widths = [max(len(board), len("skipped")) for board in boards]
        yield "  ".join([" " * width, *(f"{board:{w}}" for board, w in zip(boards, widths, strict=True))])
        for test in tests:
            cells = [self._cells.get((test, board)) for board in boards]
            told = [cell.outcome if cell is not None else "-" for cell in cells]
            yield "  ".join(
                [f"{test:{width}}", *(f"{text:{w}}" for text, w in zip(told, widths, strict=True))]
            )
        for board in boards:
            cells = [cell for (_, where), cell in self._cells.items() if where == board]
            counts = {outcome: sum(cell.outcome == outcome for cell in cells) for outcome in reversed(_ORDER)}
            told = [f"{count} {outcome}" for outcome, count in counts.items() if count]
            yield f"{board}: {', '.join(told)}, {sum(cell.seconds for cell in cells):.1f} s"
            reasons: dict[str, list[str]] = {}
            for (test, where), cell in self._cells.items():
                if where == board and cell.reason:
                    reasons.setdefault(cell.reason, []).append(test)
            for reason, skipped in reasons.items():
                yield f"  {reason}"
                yield f"    {'; '.join(skipped) if len(skipped) < len(tests) else 'everything'}"
