"""The tables that the benchmark of file jobs prints."""

from __future__ import annotations

from dataclasses import dataclass

HEAD = f"{'turns':>8}{'up':>11}{'down':>11}{'a byte':>9}{'seconds':>11}{'limit':>9}{'devsession':>12}  runs"


@dataclass(frozen=True)
class Target:
    """What devsession is to reach at a job: at most ``limit``, of ``figure``, or of its ratio to that of ``peer``, or a file."""

    link: str
    job: str
    figure: str
    limit: float
    peer: str = ""
    files: int = 1

    def reached(self, rows: list[dict]) -> float | None:
        """Return devsession's figure, ``None`` if it was not measured."""
        own, other = (self._find(rows, tool) for tool in ("devsession", self.peer))
        if own is None or (self.peer and other is None):
            return None
        return own / (other or 1.0) / self.files

    def _find(self, rows: list[dict], tool: str) -> float | None:
        for row in rows:
            if (row["link"], row["job"], row["tool"]) == (self.link, self.job, tool):
                return row.get(self.figure)
        return None


TARGETS = [
    Target("instant", "put 32 KiB random", "per_byte", 1.04),
    Target("instant", "put 32 KiB random", "turns", 6),
    Target("instant", "get 32 KiB random", "per_byte", 1.05),
    Target("instant", "get 32 KiB random", "turns", 2),
    Target("instant", "put 32 KiB source", "up", 0.80, peer="mpytool"),
    Target("115200", "put 64 KiB random", "over_limit", 1.05),
    Target("USB-like", "put 1 MiB random", "over_limit", 1.08),
    Target("115200", "get 64 KiB random", "over_limit", 1.05),
    Target("instant", "sync them unchanged", "turns", 2),
    Target("instant", "put 200 small files", "turns", 0.25, files=200),
]


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def print_job(name: str, rows: list[dict]) -> None:
    """Print one job, a line for each tool."""
    print(f"\n  {name:<30}{HEAD}")
    for row in rows:
        if not row["runs"]:
            print(f"    {row['tool']:<28}{'–':>8}   {row['note']}")
            continue
        print(
            f"    {row['tool']:<28}{row['turns']:>8.0f}{row['up']:>11,.0f}{row['down']:>11,.0f}"
            f"{_number(row['per_byte'], '.3f'):>9}{row['seconds']:>11.4f}{_number(row['over_limit'], '.2f'):>9}"
            f"{_number(row['over_devsession'], '.2f'):>12}{row['runs']:>6}",
            flush=True,
        )


def print_targets(rows: list[dict]) -> None:
    """Print what devsession was to reach, and what it did."""
    measured = [(target, reached) for target in TARGETS if (reached := target.reached(rows)) is not None]
    if measured:
        print("\nWhat devsession is to reach")
    for target, reached in measured:
        of = f"{target.figure.replace('_', ' ')}{', of ' + target.peer if target.peer else ''}{' a file' if target.files > 1 else ''}"
        verdict = "reached" if reached <= target.limit else "missed"
        print(
            f"  {target.link:<10}{target.job:<26}{of:<20}{reached:>8.3f}  at most {target.limit:<6} {verdict}"
        )
