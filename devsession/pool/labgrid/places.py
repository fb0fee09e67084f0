"""What is to be known of a place: whether it fits, whether its board is there, where its link leads, who has it."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devsession.errors import ProviderError
from devsession.transport.endpoint import endpoint_url

if TYPE_CHECKING:
    from devsession.pool.labgrid.conversation import Conversation

# As clients see it: whatever an exporter has for a serial port is one on the network.
_SERIAL = "NetworkSerialPort"
# Of several ports of a place the one that labgrid itself would choose.
_DEFAULT = "default"
# A tag that says what a board can do: cap_wifi=1.
_CAPABILITY = "cap_"
_NO = {"0", "no", "false"}


class Standing(enum.Enum):
    """How a place stands that was acquired."""

    OURS = "ours"
    WAITING = "waiting"  # its exporter is away: nobody else can have it
    FREE = "free"  # the coordinator started anew, and has forgotten that it was ours
    LOST = "lost"


@dataclass(slots=True)
class Held:
    """A place that was acquired: ``url`` is that of its link, ``changed`` the coordinator's time of the last change seen.

    ``doubtful`` is since when, on the event loop's clock, its exporter is away; ``lost`` is why it is not ours any more.
    """

    place: str
    url: str
    changed: float
    doubtful: float | None = None
    lost: str | None = None


def fits(place: Any, tags: Iterable[tuple[str, str]]) -> bool:
    """Whether a place has all the tags; its name is one."""
    return all((place.name if key == "name" else place.tags.get(key)) == value for key, value in tags)


def words(place: Any) -> frozenset[str]:
    """Return a place's tags in the words of requirements: ``port=rp2`` as it is, ``cap_wifi=1`` as ``wifi`` too."""
    can = {
        key.removeprefix(_CAPABILITY)
        for key, value in place.tags.items()
        if key.startswith(_CAPABILITY) and value not in _NO
    }
    return frozenset({*(f"{key}={value}" for key, value in place.tags.items()), *can})


def missing(place: Any, conversation: Conversation) -> str | None:
    """Return what is not there of what a place is made of, ``None`` when it is whole: the coordinator lets empty ones be acquired, too."""
    there = [
        (exporter, group, entry.cls, name)
        for (exporter, group, name), entry in conversation.resources.items()
    ]
    lacking = place.unmatched(there)
    if lacking is not None:
        return f"nothing is exported that would be {lacking}"
    if not any(
        cls == _SERIAL and place.hasmatch((exporter, group, cls, name))
        for exporter, group, cls, name in there
    ):
        return "it has no serial port"
    return None


def link_url(place: Any, conversation: Conversation) -> str | None:
    """Return the URL of the link to an acquired place's board, ``None`` while the exporter is not ready; raises ProviderError."""
    ports = {}
    for exporter, group, cls, name in place.acquired_resources:
        if cls == _SERIAL:
            match = place.getmatch((exporter, group, cls, name))
            ports[(match and match.rename) or name] = conversation.resources.get((exporter, group, name))
    chosen = _DEFAULT if _DEFAULT in ports else next(iter(ports), None)
    if chosen is None:
        return None
    if len(ports) > 1 and chosen != _DEFAULT:
        raise ProviderError(
            f"the place {place.name} has {len(ports)} serial ports: {', '.join(ports)}",
            hint=f"labgrid-client -p {place.name} add-named-match EXPORTER/GROUP/CLASS/NAME default",
        )
    entry = ports[chosen]
    if entry is None or entry.acquired != place.name or not entry.avail or entry.args.get("port") is None:
        return None
    if entry.extra.get("proxy_required"):
        raise ProviderError(
            f"the exporter of {place.name} is reached through {entry.extra.get('proxy')} by ssh alone"
        )
    return endpoint_url(entry.args["host"], entry.args["port"], entry.args.get("protocol", "rfc2217"))


def standing(held: Held, conversation: Conversation) -> tuple[Standing, str]:
    """Return how a place stands that was acquired, and in words why."""
    place = conversation.places.get(held.place)
    if place is None:
        return Standing.LOST, "there is no such place any more"
    if place.acquired is None:
        if place.changed > held.changed:
            return Standing.LOST, "it was released, and somebody else may have had it"
        return Standing.FREE, missing(place, conversation) or ""
    if place.acquired != conversation.client:
        return Standing.LOST, f"{place.acquired} has it now"
    return _of_link(held, place, conversation)


def _of_link(held: Held, place: Any, conversation: Conversation) -> tuple[Standing, str]:
    try:
        url = link_url(place, conversation)
    except ProviderError as error:
        return Standing.LOST, error.message
    if url is None:
        return Standing.WAITING, "its exporter is away"
    if url != held.url:
        return Standing.LOST, f"its link leads to {url} now"
    held.changed = place.changed
    return Standing.OURS, ""
