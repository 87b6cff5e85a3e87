"""What processes used of the processors so far, as the kernel tells it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return the processor time of a process and of all that it started, in seconds."""
    rows = _rows()
    family = {pid}
    while born := {child for child, (parent, _) in rows.items() if parent in family} - family:
        family |= born
    return sum(ticks for one, (_, ticks) in rows.items() if one in family) / _TICKS


def _rows() -> dict[int, tuple[int, int]]:
    """Return the parent and the ticks of each process."""
    rows = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it ended meanwhile
                fields = (folder / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
                rows[int(folder.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    return rows
