"""Updates as they are sent, encoded once for all clients, and the ranges that a client lost."""

from __future__ import annotations

import msgspec


class Frame(msgspec.Struct, frozen=True, gc=False):
    """An update, encoded once for all clients, and the event times within it."""

    seq: int
    text: str
    first_ns: int = 0
    last_ns: int = 0


class Lost(msgspec.Struct, frozen=True):
    """Updates that a client does not get, and the event times within them."""

    from_seq: int
    to_seq: int
    first_ns: int
    last_ns: int
    reason: str


def lost_with(frame: Frame, before: Lost | None, reason: str) -> Lost:
    """Add ``frame``, the one after what was lost before."""
    if before is None:
        return Lost(frame.seq, frame.seq, frame.first_ns, frame.last_ns, reason)
    first_ns, last_ns = min(before.first_ns, frame.first_ns), max(before.last_ns, frame.last_ns)
    return Lost(before.from_seq, frame.seq, first_ns, last_ns, before.reason)
