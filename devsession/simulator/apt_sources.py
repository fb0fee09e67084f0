"""Reads where a Debian or Ubuntu machine gets its packages from, and words the same for another release. Pure: text in, text out."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

ONE_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)"
)
VERSION = re.compile(r"(?:\d+:)?(\d+(?:\.\d+)*)")
# Where distro-info is missing (containers): the first long-term release of Ubuntu whose MicroPython is new enough.
UBUNTU_FALLBACK = ("noble",)


@dataclass(frozen=True, slots=True)
class Source:
    """One archive: its URIs, suites and components, and the keyring that signs it (a path or a key block; ``None``: the system's)."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str | None = None

    def to_deb822(self, suite: str, components: Iterable[str], types: str = "deb") -> str:
        """Return the entry for another suite of the same archive, in the form of a ``.sources`` file.

        ``types`` is ``"deb deb-src"`` where sources are wanted, too.
        """
        lines = [
            f"Types: {types}",
            f"URIs: {' '.join(self.uris)}",
            f"Suites: {suite}",
            f"Components: {' '.join(components)}",
        ]
        if self.signed_by is not None:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


def parse_deb822(text: str) -> list[Source]:
    """Read a ``.sources`` file: the entries for binary packages that are switched on."""
    return [source for stanza in _stanzas(text) if (source := _from_stanza(stanza)) is not None]


def parse_one_line(text: str) -> list[Source]:
    """Read a ``.list`` file: its ``deb`` lines."""
    sources = []
    for line in text.splitlines():
        match = ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if match:
            options = dict(
                option.split("=", 1) for option in (match["options"] or "").split() if "=" in option
            )
            sources.append(
                Source(
                    uris=(match["uri"],),
                    suites=(match["suite"],),
                    components=tuple(match["components"].split()),
                    signed_by=options.get("signed-by"),
                )
            )
    return sources


def main_archives(sources: Iterable[Source], codename: str) -> list[Source]:
    """Keep what can be the distribution's main archive: suite exactly the release's, a component ``main``, reachable without a disc.

    Archives of third parties may look the same; who signed for them is checked once their Release file is there (``origin``).
    """
    return [
        source
        for source in sources
        if codename in source.suites
        and "main" in source.components
        and not any(uri.startswith("cdrom:") for uri in source.uris)
    ]


def suites(release: Mapping[str, str], distro_info: str, today: dt.date) -> list[str]:
    """Return the suites to look in, in order: the system's own, then stable ones that are newer.

    ``release`` is os-release, ``distro_info`` the table of Ubuntu's releases or empty.
    """
    own = codename(release)
    if not is_ubuntu(release):
        # Debian's archive itself says which release is stable.
        return [own, "stable"]
    rows = list(csv.DictReader(distro_info.splitlines()))
    released = [
        row["series"]
        for row in rows
        if "LTS" in (row.get("version") or "") and (row.get("release") or "9") <= today.isoformat()
    ]
    newer = released[released.index(own) + 1 :] if own in released else list(reversed(released[-1:]))
    return [own, *dict.fromkeys(suite for suite in (*newer, *UBUNTU_FALLBACK) if suite != own)]


def codename(release: Mapping[str, str]) -> str:
    """Return the name of the release whose archive the machine uses; derivatives name their parent's. Empty when unknown."""
    for key in ("UBUNTU_CODENAME", "DEBIAN_CODENAME", "VERSION_CODENAME"):
        if release.get(key):
            return release[key]
    return ""


def is_ubuntu(release: Mapping[str, str]) -> bool:
    """Whether the machine's archive is Ubuntu's."""
    return release.get("ID") == "ubuntu" or "UBUNTU_CODENAME" in release


def parse_fields(text: str) -> Iterator[dict[str, str]]:
    """Read paragraphs of ``Field: value``, as in ``apt-cache show``; folded lines are joined by newlines."""
    yield from _stanzas(text)


def dependencies(depends: str) -> list[str]:
    """Return the libraries that a ``Depends`` field names: of alternatives the first, without versions and architectures."""
    names = [re.split(r"[\s(:|]", part.strip(), maxsplit=1)[0] for part in depends.split(",")]
    return [name for name in names if name.startswith("lib")]


def upstream_version(version: str) -> tuple[int, ...]:
    """Return the numbers that a package version begins with: ``1.25.0+ds-1`` gives (1, 25, 0)."""
    match = VERSION.match(version)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def _from_stanza(stanza: Mapping[str, str]) -> Source | None:
    if "deb" not in stanza.get("types", "").split() or stanza.get("enabled", "yes").lower() == "no":
        return None
    return Source(
        uris=tuple(stanza.get("uris", "").split()),
        suites=tuple(stanza.get("suites", "").split()),
        components=tuple(stanza.get("components", "").split()),
        signed_by=stanza.get("signed-by"),
    )


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    name = ""
    for line in (*text.splitlines(), ""):
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            if name:
                fields[name] += "\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.lower()
            fields[name] = value.strip()
