"""Whether a process is well: the states of its parts in, what is wrong and what to do out."""

import re
from collections.abc import Iterable

from market import ActorStatus

STANDS_BY = "standing by: "
"""Begins the reason of a part that waits because another process does its work: all is well."""


ENDED = frozenset({"gave_up", "stopped", "lost"})

_PART_OF = re.compile(r"\.(?:\d+-)?of-\d+$")
"""Ends the name of who has a part of some work: ``storage.writer.of-4``, ``stream.okx.1-of-2``."""


def faults(statuses: Iterable[ActorStatus]) -> list[str]:
    """Return what is wrong, a sentence a part; nothing while all of them run or stand by.

    A part that ended is no fault where another process has one of that name; nor is one that was
    stopped, where the work is split into another number of parts now.
    """
    told = list(statuses)
    there = {status.actor for status in told if status.state not in ENDED}
    return [
        f"{status.actor} {_did(status)}"
        for status in told
        if status.state != "running"
        and not is_standing_by(status)
        and not (status.state in ENDED and status.actor in there)
        and not (status.state == "stopped" and _is_split_anew(status.actor, there))
    ]


def is_standing_by(status: ActorStatus) -> bool:
    """Tell whether a part waits only because another process does its work."""
    return status.state == "waiting" and status.reason.startswith(STANDS_BY)


def _is_split_anew(actor: str, there: Iterable[str]) -> bool:
    """Tell whether others do the same work, in another number of parts."""
    work, parts = _split(actor)
    return any(other == work and number != parts for other, number in map(_split, there))


def _split(actor: str) -> tuple[str, str]:
    """Return what a part works on, and of how many it is one; empty: it does all of it."""
    work = _PART_OF.sub("", actor)
    return work, actor.rpartition("of-")[2] if work != actor else ""


def _did(status: ActorStatus) -> str:
    why = f": {status.reason}" if status.reason else ""
    return f"{_STATES[status.state]}{why}"


_STATES = {
    "starting": "is starting",
    "waiting": "is waiting",
    "restarting": "failed and is started anew",
    "gave_up": "gave up",
    "stopped": "was stopped",
    "lost": "is lost",
}
