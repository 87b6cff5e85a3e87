"""Whether a process is well: the states of its parts in, what is wrong and what to do out."""

from collections.abc import Iterable

from market import ActorStatus

STANDS_BY = "standing by: "
"""Begins the reason of a part that waits because another process does its work: all is well."""


ENDED = frozenset({"gave_up", "stopped", "lost"})


def faults(statuses: Iterable[ActorStatus]) -> list[str]:
    """Return what is wrong, a sentence a part; nothing while all of them run or stand by.

    A part that ended is no fault where another process has one of that name.
    """
    told = list(statuses)
    there = {status.actor for status in told if status.state not in ENDED}
    return [
        f"{status.actor} {_did(status)}"
        for status in told
        if status.state != "running"
        and not is_standing_by(status)
        and not (status.state in ENDED and status.actor in there)
    ]


def is_standing_by(status: ActorStatus) -> bool:
    """Tell whether a part waits only because another process does its work."""
    return status.state == "waiting" and status.reason.startswith(STANDS_BY)


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
