"""`cryptotracker backtest routes`: what was received in, what taking its routes brought out."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from analytics.backtest.arbitrage.latency import Latency
from analytics.backtest.arbitrage.rebalancing import Rule
from analytics.backtest.arbitrage.tape import Told
from analytics.backtest.arbitrage.transit import MINUTES
from analytics.routes.state import Mode
from analytics.routes.terms import BoardTerms
from analytics.strategies.route_taker import RouteTaker, TakeTerms
from analytics.strategies.strategy import parameters_from
from api_service.times import read_time
from cryptotracker.arbitrage.recorded_events import events_of
from cryptotracker.arbitrage.replaying import Terms, balances_of, in_order, replayed
from cryptotracker.arbitrage.stored_events import KEPT_EVERY_NS, Meant, stored_events
from cryptotracker.arbitrage.telling import as_object, report, tell, write_csv
from cryptotracker.backtesting.choosing import given_values
from cryptotracker.backtesting.files import write_text
from cryptotracker.board_terms import board_terms
from cryptotracker.choice import chosen_polled
from cryptotracker.costs import read_costs
from cryptotracker.printed import print_json
from cryptotracker.settings import Settings, read_settings
from market import Instrument, SettingsError


def of_routes(  # noqa: PLR0913  # options of a command line
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Recordings, or events as lines of JSON; default: archive and store."),
    ] = None,
    *,
    since: Annotated[str, typer.Option("--from", help="2026-11-01, RFC 3339 or -1d.")] = "-1d",
    until: Annotated[str, typer.Option("--to", help="As --from; not included.")] = "now",
    venue: Annotated[list[str] | None, typer.Option(help="Only these; often.")] = None,
    instrument: Annotated[list[str] | None, typer.Option(help="Only these; often.")] = None,
    latency: Annotated[
        str, typer.Option(help="Milliseconds with commas between; 20-80: drawn between the two.")
    ] = "0,50,150,500",
    seed: Annotated[int, typer.Option(help="Fixes what is drawn.")] = 1,
    values: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of route-taker: name=value.")
    ] = None,
    balance: Annotated[
        list[str] | None, typer.Option(help="What is there at first: venue:ASSET=amount; often.")
    ] = None,
    funds_usd: Annotated[
        float, typer.Option(min=0, help="Worth of what is at every other place at first.")
    ] = 50_000.0,
    slack_bps: Annotated[
        float, typer.Option(min=0, max=10_000, help="How much worse than its route a fill may be.")
    ] = 0.0,
    mode: Annotated[
        Mode, typer.Option(help="inventory: funds wait at every venue; transfer: coins are sent.")
    ] = "inventory",
    rebalance: Annotated[
        str, typer.Option(help="When what drifted is put back: never, daily, hours, 'below 0.25'.")
    ] = "never",
    transfer_minutes: Annotated[
        float, typer.Option(min=0, max=10_080, help="How long a transfer takes if nobody says.")
    ] = MINUTES,
    publish_hz: Annotated[
        float | None, typer.Option(min=0.001, help="As seldom as live (10). Default: each change.")
    ] = None,
    report_file: Annotated[
        Path | None, typer.Option("--report", help="An HTML file to write.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="A folder for CSV files.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,  # a flag
) -> None:
    """Replay quotes and books through the route engine, and take its routes with a latency.

    Orders meet the book that was known when they arrive. What was received later is never seen.
    """
    settings = read_settings()
    terms = Terms(
        costs=read_costs(settings),
        board=_board_terms(settings, is_kept=not files),
        parameters=_parameters(values or []),
        latencies=_latencies(latency, seed),
        seed=seed,
        start=balances_of(balance or []),
        funds_usd=funds_usd,
        slack_bps=slack_bps,
        publish_hz=publish_hz,
        mode=mode,
        rebalance=_rebalance(rebalance),
        minutes=transfer_minutes,
    )
    meant = _meant(venue or [], instrument or [], since, until)
    result = replayed(_events(settings, files or [], meant), terms)
    if as_json:
        print_json([as_object(result)])
    else:
        tell(result)
    if csv is not None:
        write_csv(result, csv)
    if report_file is not None:
        write_text(report_file, report(result))


def _board_terms(settings: Settings, *, is_kept: bool) -> BoardTerms:
    """Return the terms; what is kept says more seldom than live that a venue lives."""
    terms = board_terms(settings, (polled.name for polled in chosen_polled(settings)))
    silence_ns = terms.max_silence_ns + (KEPT_EVERY_NS if is_kept else 0)
    return msgspec.structs.replace(terms, max_silence_ns=silence_ns)


def _events(settings: Settings, files: list[Path], meant: Meant) -> Iterable[Told]:
    """Return what is to be replayed; files are played whole."""
    if not files:
        return stored_events(settings, meant)
    return [
        event
        for event in in_order(events_of(files))
        if event.instrument is None or meant.covers(event.venue, event.instrument)
    ]


def _parameters(given: list[str]) -> TakeTerms:
    try:
        return parameters_from(RouteTaker.name, TakeTerms, given_values(given))
    except ValueError as error:
        raise SettingsError(f"{error}.") from error


def _latencies(text: str, seed: int) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(","))
    try:
        for one in found:
            Latency.parse(one, seed=seed)
    except ValueError as error:
        raise SettingsError(f"--latency: {error}.") from error
    return found


def _rebalance(text: str) -> Rule | None:
    try:
        return Rule.parse(text)
    except ValueError as error:
        raise SettingsError(f"--rebalance: {error}.") from error


def _meant(venues: list[str], instruments: list[str], since: str, until: str) -> Meant:
    now_ns = time.time_ns()
    try:
        start_ns, end_ns = read_time(since, now_ns), read_time(until, now_ns)
        named = tuple(Instrument.parse(one) for one in instruments)
    except ValueError as error:
        raise SettingsError(f"--from, --to or --instrument: {error}.") from error
    if start_ns >= end_ns:
        raise SettingsError(f"--from {since} is not before --to {until}.")
    return Meant(
        venues=tuple(one.lower() for one in venues),
        instruments=named,
        start_ns=start_ns,
        end_ns=end_ns,
    )
