"""What came of taken routes, in; what is printed of it, and files of it, out."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import typer

from analytics.backtest.arbitrage.definitions import DEFINITIONS, REASONS
from analytics.backtest.arbitrage.figures import Kept, OfLatency
from analytics.backtest.arbitrage.outcomes import Outcome
from analytics.backtest.arbitrage.transit import Shipment
from analytics.backtest.report import Line, chart, page
from analytics.backtest.report import table as html_table
from analytics.backtest.report.page import cards
from cryptotracker.arbitrage.replaying import Result
from cryptotracker.printed import print_table
from market import SettingsError
from market.intervals import SECOND_NS

SHOWN = 20
WORDS = ("figure", "definition")
COLOURS = ("up", "down", "text", "muted")
WORDS_OF_FUNDS = ("what", "how many", "how much")
HEADS = ("latency ms", "taken", "filled", "partial", "missed", "seen $", "kept $", "kept", "fills")
KEPT_HEADS = (*HEADS[1:], "fees $", "missing")


def as_object(result: Result) -> dict[str, object]:
    """Return all figures as JSON can have them, with their definitions."""
    return {
        "from": moment(result.start_ns),
        "to": moment(result.end_ns),
        "quotes_and_books": result.rows,
        "venues": result.venues,
        "markets": result.markets,
        "mode": result.mode,
        "rebalance": str(result.rebalance or "never"),
        "latencies": [msgspec.to_builtins(one) for one in result.latencies],
        "definitions": DEFINITIONS,
        "reasons": REASONS,
    }


def tell(result: Result) -> None:
    """Print the decay by latency, then routes, days and balances of the first latency."""
    typer.echo(f"{head(result)}\n")
    print_table(HEADS, decay(result))
    first = result.latencies[0]
    for name, heads, rows in tables(first):
        typer.echo(f"\n{name}")
        print_table(heads, rows[:SHOWN])
    typer.echo("")
    print_table(WORDS, list(DEFINITIONS.items()))


def head(result: Result) -> str:
    """Say what was replayed."""
    return (
        f"{result.rows:,} quotes and books of {result.markets} markets at "
        f"{', '.join(result.venues)}, {moment(result.start_ns)} to {moment(result.end_ns)}; "
        f"{'coins are sent' if result.mode == 'transfer' else 'funds wait at every venue'}"
        f"{'' if result.rebalance is None else f', put back {result.rebalance}'}"
    )


def decay(result: Result) -> list[tuple[str, ...]]:
    """Return a row a latency."""
    return [(one.latency_ms, *_kept(one.total)[:8]) for one in result.latencies]


def tables(one: OfLatency) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Yield what there is of a latency: a name, heads and rows each."""
    at = f"at {one.latency_ms} ms"
    routes = [(name, *_kept(kept)) for name, kept in one.routes.items()]
    yield f"Routes {at}", ("route", *KEPT_HEADS), routes
    yield f"Days {at}", ("day", *KEPT_HEADS), [(day, *_kept(k)) for day, k in one.days.items()]
    balances = [
        (
            f"{drift.venue}:{drift.asset}",
            *(
                f"{amount:,.6g}"
                for amount in (drift.start, drift.end, drift.coming, drift.change, drift.least)
            ),
            "-" if drift.usd is None else f"{drift.change * drift.usd:+,.2f}",
        )
        for drift in one.balances
    ]
    heads = ("place", "start", "end", "coming", "change", "least", "change $")
    name = f"Balances {at}: drift {one.drift_usd:,.2f} $, gain {one.gain_usd:+,.2f} $"
    yield name, heads, balances
    if one.unfunded.routes or one.rebalanced.transfers or one.carried.transfers or one.blocked:
        yield f"Funds and transfers {at}", WORDS_OF_FUNDS, list(_funds(one))


def report(result: Result) -> str:
    """Return a page of HTML that needs nothing else."""
    first = result.latencies[0]
    shown = [
        ("edge seen", f"{first.total.seen_usd:,.2f} $"),
        *(
            (f"kept at {one.latency_ms} ms", _share(one.total.kept_share))
            for one in result.latencies
        ),
    ]
    parts = [f"<h1>Routes taken</h1><p>{head(result)}</p>{cards(shown)}", *_curve(result)]
    parts.append(f"<h2>By latency</h2>{html_table(HEADS, decay(result))}")
    for one in result.latencies:
        for name, heads, rows in tables(one):
            parts.append(f"<h2>{name}</h2>{html_table(heads, rows, wide=('missing',))}")
    words = [*DEFINITIONS.items(), *((f"missing: {why}", what) for why, what in REASONS.items())]
    parts.append(f"<h2>What it means</h2>{html_table(WORDS, words, wide=WORDS[1:])}")
    return page("Routes taken", parts)


def write_csv(result: Result, folder: Path) -> None:
    """Write ``latencies.csv``, ``takes.csv``, ``fills.csv``, ``balances.csv``, ``transfers.csv``.

    Raises:
        SettingsError: they cannot be written.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        named = list(zip(result.latencies, result.outcomes, strict=True))
        _write(folder / "latencies.csv", ("latency_ms", *_TOTALS), map(_total, result.latencies))
        takes = (row for one, outcomes in named for row in _takes(one.latency_ms, outcomes))
        _write(folder / "takes.csv", ("latency_ms", *_TAKEN), takes)
        fills = (row for one, outcomes in named for row in _fills(one.latency_ms, outcomes))
        _write(folder / "fills.csv", ("latency_ms", *_FILLED), fills)
        balances = (
            (
                one.latency_ms,
                drift.venue,
                drift.asset,
                drift.start,
                drift.end,
                drift.coming,
                drift.least,
                drift.usd,
            )
            for one in result.latencies
            for drift in one.balances
        )
        heads = ("latency_ms", "venue", "asset", "start", "end", "coming", "least", "usd")
        _write(folder / "balances.csv", heads, balances)
        moved = zip(result.latencies, result.shipments, strict=True)
        transfers = (row for one, sent in moved for row in _sent(one.latency_ms, sent))
        _write(folder / "transfers.csv", ("latency_ms", *_MOVED), transfers)
    except OSError as error:
        raise SettingsError(f"--csv {folder}: {error.strerror}; name another folder.") from error


def moment(at_ns: int) -> str:
    """Return a time to the millisecond; RFC 3339."""
    at = datetime.fromtimestamp(at_ns // SECOND_NS, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ns % SECOND_NS // 1_000_000:03}Z"


_TOTALS = tuple(name for name in Kept.__struct_fields__ if name != "missing")
_TAKEN = (
    "time",
    "done",
    "route",
    "base",
    "state",
    "why",
    "seen_usd",
    "kept_usd",
    "fees_usd",
    "funded",
)
_FILLED = (
    *("time", "route", "venue", "instrument", "side", "asked", "share"),
    *("average", "amount_in", "amount_out", "fee", "short"),
)
_MOVED = ("sent", "arrives", "purpose", "asset", "source", "target", "amount", "fee", "usd")


def _curve(result: Result) -> Iterator[str]:
    """Draw what was kept over time, a line a latency."""
    times = np.array(sorted({one.done_ns for o in result.outcomes for one in o}), dtype=np.int64)
    if len(times) < 2:  # noqa: PLR2004  # no line
        return
    lines = []
    for one, outcomes, colour in zip(result.latencies, result.outcomes, COLOURS, strict=False):
        kept = np.zeros(len(times))
        places = np.searchsorted(times, [outcome.done_ns for outcome in outcomes])
        np.add.at(kept, places, [outcome.kept_usd for outcome in outcomes])
        lines.append(Line(f"{one.latency_ms} ms", np.cumsum(kept), colour))
    yield chart("Edge kept, dollars", times, lines)


def _kept(kept: Kept) -> tuple[str, ...]:
    return (
        *(f"{count:,}" for count in (kept.taken, kept.filled, kept.partial, kept.missed)),
        f"{kept.seen_usd:,.2f}",
        f"{kept.kept_usd:,.2f}",
        _share(kept.kept_share),
        _share(kept.fill_share),
        f"{kept.fees_usd:,.2f}",
        ", ".join(f"{why} {count:,}" for why, count in kept.missing.items()) or "-",
    )


def _funds(one: OfLatency) -> Iterator[tuple[str, ...]]:
    """Yield what was not taken for want of funds, and what was moved."""
    for name, unfunded in (
        ("missing funds", one.unfunded),
        ("without rebalancing", one.unfunded_without),
    ):
        if unfunded is not None:
            yield name, f"{unfunded.routes:,} routes", f"{unfunded.seen_usd:,.2f} $ of edge seen"
    for name, moved in (("rebalanced", one.rebalanced), ("legs of routes", one.carried)):
        if moved.minutes is not None:
            fees = f"{moved.fees_usd:,.2f} $ of fees, {moved.minutes:,.1f} minutes each"
            yield name, f"{moved.transfers:,} transfers", fees
    if one.gain_usd_without is not None:
        yield (
            "gain",
            f"{one.gain_usd:+,.2f} $",
            f"without rebalancing {one.gain_usd_without:+,.2f} $",
        )
    if one.coming_usd:
        yield "on the way in the end", f"{one.coming_usd:,.2f} $", ""
    if one.blocked:
        yield "no way known", f"{len(one.blocked):,}", ", ".join(one.blocked)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _total(one: OfLatency) -> Sequence[object]:
    return one.latency_ms, *(getattr(one.total, name) for name in _TOTALS)


def _takes(latency_ms: str, outcomes: Iterable[Outcome]) -> Iterator[Sequence[object]]:
    for one in outcomes:
        told = (one.route_id, one.base, one.state, one.why)
        money = (one.seen_usd, one.kept_usd, one.fees_usd, one.funded)
        yield latency_ms, moment(one.taken_ns), moment(one.done_ns), *told, *money


def _fills(latency_ms: str, outcomes: Iterable[Outcome]) -> Iterator[Sequence[object]]:
    for one in outcomes:
        for got in one.got:
            order = got.order
            asked = (order.place[0], str(order.place[1]), order.kind, order.quantity, got.share)
            came = (got.average, got.amount_in, got.amount_out, got.fee, got.short)
            yield latency_ms, moment(got.at_ns), one.route_id, *asked, *came


def _sent(latency_ms: str, shipments: Iterable[Shipment]) -> Iterator[Sequence[object]]:
    for one in shipments:
        where = (one.purpose, one.asset, one.source, one.target)
        times = (moment(one.sent_ns), moment(one.arrives_ns))
        yield latency_ms, *times, *where, one.sent, one.fee, one.usd


def _write(file: Path, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(heads)
        writer.writerows(rows)
