"""What each fault cost, told at the end of a run: how long until all was well again."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

PROPERTY = "fault"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One fault: trades told and stored, seconds from its end until the next trade was stored.

    ``all_s``: from its end until everything that was told by then was stored.
    """

    fault: str
    told: int
    recovered_s: float
    all_s: float
    note: str = ""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the outcomes as a table, from whichever process they come."""
    rows = list(_outcomes(terminalreporter))
    if not rows:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line(f"{'fault':<58} {'trades':>8} {'next s':>7} {'all s':>7}")
    for row in rows:
        terminalreporter.write_line(
            f"{row.fault:<58} {row.told:>8} {row.recovered_s:>7.1f} {row.all_s:>7.1f}  {row.note}"
        )


def _outcomes(terminalreporter: pytest.TerminalReporter) -> Iterator[Outcome]:
    for report in terminalreporter.stats.get("", []):
        if getattr(report, "when", "") != "teardown":
            continue
        for name, value in report.user_properties:
            if name == PROPERTY:
                yield msgspec.json.decode(value, type=Outcome)
