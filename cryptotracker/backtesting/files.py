"""A backtest in, files of it out: equity, fills and round trips as CSV, all of it as JSON."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from analytics.backtest import DEFINITIONS
from cryptotracker.backtesting.work import Outcome
from market import SettingsError
from market.intervals import SECOND_NS


def write_csv(outcome: Outcome, folder: Path) -> None:
    """Write ``equity.csv``, ``fills.csv`` and ``trades.csv``; times are RFC 3339.

    ``sweep.csv`` has every combination that was tried, ``steps.csv`` those of a walk forward.

    Raises:
        SettingsError: they cannot be written.

    """
    result = outcome.result
    bars, kept = result.bars, result.account
    ends = _written((bars.start_ns + bars.length_ns).tolist())
    worth = zip(
        ends, bars.close.tolist(), kept.equity.tolist(), kept.exposure.tolist(), strict=True
    )
    fills = [(_rfc3339(f.at_ns), f.price, f.size, f.notional, f.fee) for f in kept.fills]
    starts = bars.start_ns
    trips = [
        (
            _rfc3339(int(starts[trip.start])),
            "" if trip.is_open else _rfc3339(int(starts[trip.end])),
            trip.entry,
            trip.leave,
            trip.profit,
            trip.gain,
        )
        for trip in kept.trips
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "equity.csv", ("time", "close", "equity", "exposure"), worth)
        _write(folder / "fills.csv", ("time", "price", "size", "notional", "fee"), fills)
        heads = ("bought", "sold", "entry", "leave", "profit", "gain")
        _write(folder / "trades.csv", heads, trips)
        for name, rows in (("sweep.csv", _trials(outcome)), ("steps.csv", _steps(outcome))):
            if rows:
                _write(folder / name, list(rows[0]), [list(row.values()) for row in rows])
    except OSError as error:
        raise SettingsError(f"--csv {folder}: {error.strerror}; name another folder.") from error


def write_text(file: Path, text: str) -> None:
    """Write a file.

    Raises:
        SettingsError: it cannot be written.

    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}; name another.") from error


def as_object(outcome: Outcome, of: str) -> dict[str, object]:
    """Return what is known of it, but for its equity, as JSON can have it."""
    result = outcome.result
    bars, terms = result.bars, result.account.terms
    found = {"sweep": _trials(outcome), "steps": _steps(outcome)}
    return {name: rows for name, rows in found.items() if rows} | {
        "strategy": result.strategy,
        "parameters": msgspec.to_builtins(result.parameters),
        "of": of,
        "interval": bars.interval,
        "candles": len(bars),
        "from": _rfc3339(int(bars.start_ns[0])),
        "to": _rfc3339(int(bars.start_ns[-1]) + bars.length_ns),
        "terms": msgspec.to_builtins(terms),
        "figures": msgspec.to_builtins(result.figures),
        "definitions": DEFINITIONS,
    }


def _trials(outcome: Outcome) -> list[dict[str, object]]:
    return [
        {**msgspec.structs.asdict(one.parameters), **msgspec.structs.asdict(one.figures)}
        for one in outcome.trials
    ]


def _steps(outcome: Outcome) -> list[dict[str, object]]:
    """Return each step: when it begins, what was chosen, figures of what came after."""
    if not outcome.folds:
        return []
    first = outcome.folds[0].split
    starts = outcome.result.bars.start_ns
    return [
        {
            "from": _rfc3339(int(starts[fold.split - first])),
            **msgspec.structs.asdict(fold.chosen.parameters),
            **msgspec.structs.asdict(fold.tested),
        }
        for fold in outcome.folds
    ]


def _write(file: Path, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(heads)
        writer.writerows(rows)


def _written(times_ns: Iterable[int]) -> Iterable[str]:
    return map(_rfc3339, times_ns)


def _rfc3339(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // SECOND_NS, UTC):%Y-%m-%dT%H:%M:%SZ}"
