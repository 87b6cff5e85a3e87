"""What is known of venues in, tables for people and JSON for programs out: `venues`, `symbols`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import permutations
from typing import Annotated, get_args

import msgspec
import typer

from analytics.routes.costs import Fee, Key, fee_name
from cryptotracker.choice import chosen_polled, chosen_venues, keyed, missing_credentials
from cryptotracker.costs import shipped_facts
from cryptotracker.known import known_venues, venue_named
from cryptotracker.printed import print_json, print_table
from cryptotracker.recorded import complain
from cryptotracker.settings import Settings, read_settings
from infrastructure.log import configure_logging
from market import Instrument, Listing, VenueRefusedError
from stream_service import wire
from stream_service.polled import PolledVenue
from stream_service.rest import UNANSWERED, VenueRest
from stream_service.simulator.prices import MONEY_USD, REFERENCE_USD, World, simulated_listings
from stream_service.simulator.server import SimulatedVenues
from stream_service.venue import Channel, Venue

WITHIN_S = 20.0
SHOWN = 8


class VenueRow(msgspec.Struct, kw_only=True):
    """A venue as it is shown; fees in hundredths of a percent, of a part of its markets by name."""

    name: str
    kind: str
    channels: tuple[str, ...]
    quote_currencies: tuple[str, ...]
    taker_fee_bps: float | None
    other_taker_fees_bps: dict[str, float]
    fee_source: str
    credentials: tuple[str, ...]
    needs_credentials: bool
    limits: str


class SymbolRow(msgspec.Struct, kw_only=True):
    """An instrument as a venue lists it; steps and the notional are None where it does not say."""

    venue: str
    symbol: str
    instrument: str
    status: str
    tick_size: float | None
    lot_size: float | None
    minimum_notional: float | None


def venues(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,  # noqa: FBT002  # a flag of the command line
) -> None:
    """Show every venue: what it tells, what it costs, what it needs."""
    fees = shipped_facts().fees
    rows = [
        _polled_row(one) if isinstance(one, PolledVenue) else _streamed_row(one, fees)
        for one in known_venues().values()
    ]
    if as_json:
        print_json(rows)
        return
    heads = ("venue", "kind", "channels", "quote currencies", "taker fee", "key", "limits")
    print_table(heads, map(_cells, rows))
    typer.echo(
        "Taker fees are the public ones of the lowest tier, in hundredths of a percent; "
        "`cryptotracker fees` shows those in use."
    )


def symbols(
    query: Annotated[str, typer.Argument(help="Such as BTC, btc-usdt or KRW; empty: all.")],
    venue: Annotated[
        list[str] | None, typer.Option(help="Only of this venue; may be given again.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the real venues.")] = False,  # noqa: FBT002  # as above
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,  # noqa: FBT002  # as above
) -> None:
    """Show which venues list what matches, by what name and on which terms.

    Exit status 1: nothing matches, or a venue did not answer; the others are shown.
    """
    names = tuple(venue_named(name).name for name in venue) if venue else None
    settings = read_settings(mode="live" if live else None, venues=names)
    configure_logging("error", settings.log_format)
    rows, troubles = asyncio.run(_listed(settings, query))
    if not rows:
        typer.echo(f"No venue that answered lists anything like {query!r}.", err=True)
    elif as_json:
        print_json(rows)
    else:
        heads = ("venue", "symbol", "instrument", "status", "tick", "lot", "minimum")
        print_table(heads, map(_symbol_cells, rows))
    for trouble in troubles:
        complain(trouble)
    raise typer.Exit(1 if troubles or not rows else 0)


def matches(listing: Listing, query: str) -> bool:
    """Tell whether ``query`` is the instrument, one of its codes, the symbol or within that."""
    wanted = query.strip().upper().replace("/", "-")
    symbol, instrument = listing.symbol.upper(), listing.instrument
    base, dash, quote_currency = wanted.partition("-")
    if dash:
        return instrument == Instrument.of(base, quote_currency) or symbol == wanted
    codes = (instrument.base, instrument.quote_currency)
    return Instrument.of(wanted, "").base in codes or wanted in symbol


async def _listed(settings: Settings, query: str) -> tuple[list[SymbolRow], list[str]]:
    """Ask all chosen venues at once; return what they list, and what is wrong with the others."""
    async with _asked(settings) as venues:
        answers = await asyncio.gather(*(_listings(one) for one in venues))
    rows: list[SymbolRow] = []
    troubles = [f"{one.name} is polled and lists nothing" for one in _named_polled(settings)]
    for venue, answer in zip(venues, answers, strict=True):
        if isinstance(answer, str):
            troubles.append(f"{venue.name} does not answer: {answer}")
        else:
            rows += [_symbol_row(venue.name, one) for one in answer if matches(one, query)]
    return sorted(rows, key=lambda row: (row.instrument, row.venue)), troubles


def _named_polled(settings: Settings) -> list[PolledVenue]:
    return [one for one in chosen_polled(settings) if one.name in settings.venues]


@asynccontextmanager
async def _asked(settings: Settings) -> AsyncIterator[Sequence[Venue]]:
    """Give the venues with their addresses: real ones, or simulated for as long as this lasts."""
    venues = chosen_venues(settings)
    if settings.mode == "live":
        yield keyed(settings, venues)
        return
    codes = sorted({*REFERENCE_USD, *MONEY_USD})
    every = [Instrument(base, quote) for base, quote in permutations(codes, 2)]
    listings = {one.name: simulated_listings(one, every) for one in venues}
    world = World(listings, seed=settings.simulator_seed, start_ns=time.time_ns())
    async with SimulatedVenues(venues, world.markets).serving() as served:
        yield [served.venue(one.name) for one in venues]


async def _listings(venue: Venue) -> list[Listing] | str:
    """Return what a venue lists, or why that is not known."""
    if missing := missing_credentials(venue):
        return f"it needs {' and '.join(missing)}, see `cryptotracker settings`"
    try:
        async with asyncio.timeout(WITHIN_S), VenueRest(venue) as rest:
            return await rest.dialogue(venue.list_instruments(venue))
    except (*UNANSWERED, OSError, VenueRefusedError) as error:
        return str(error) or type(error).__name__


def _streamed_row(venue: Venue, fees: Mapping[Key, Fee]) -> VenueRow:
    pace = f"{venue.rest_interval_s:g} s between requests"
    size = f"{venue.instruments_at_most} instruments a connection"
    most = venue.connections_at_most
    connections = "" if most is None else f", {most} connection{'s' if most > 1 else ''}"
    fee = fees.get((venue.name,))
    return VenueRow(
        name=venue.name,
        kind="streamed",
        channels=get_args(Channel),
        quote_currencies=venue.quote_currencies,
        taker_fee_bps=None if fee is None else fee.bps,
        other_taker_fees_bps=_parts(venue.name, fees),
        fee_source="" if fee is None else fee.source,
        credentials=venue.credentials,
        needs_credentials=bool(venue.credentials),
        limits=f"{size}{connections}, {pace}",
    )


def _parts(venue: str, fees: Mapping[Key, Fee]) -> dict[str, float]:
    named = {fee_name(key).partition("."): fee.bps for key, fee in fees.items()}
    return {part: bps for (name, _, part), bps in named.items() if name == venue and part}


def _polled_row(venue: PolledVenue) -> VenueRow:
    budget = venue.budget
    a_day = "" if budget.a_day is None else f"{budget.a_day:,} calls a day"
    a_minute = "" if budget.a_minute is None else f"{budget.a_minute:,} a minute"
    return VenueRow(
        name=venue.name,
        kind="polled",
        channels=("summary",),
        quote_currencies=venue.quote_currencies,
        taker_fee_bps=None,
        other_taker_fees_bps={},
        fee_source="",
        credentials=venue.credentials,
        needs_credentials=bool(venue.credentials) and not venue.credentials_optional,
        limits=", ".join(filter(None, [a_day, a_minute])),
    )


def _cells(row: VenueRow) -> tuple[str, ...]:
    fee = "" if row.taker_fee_bps is None else f"{row.taker_fee_bps:g}"
    others = ", ".join(f"{one} {fee:g}" for one, fee in row.other_taker_fees_bps.items())
    key = "needed" if row.needs_credentials else ("optional" if row.credentials else "")
    return (
        row.name,
        row.kind,
        ", ".join(row.channels),
        _some(row.quote_currencies),
        f"{fee} ({others})" if others else fee,
        key,
        row.limits,
    )


def _some(codes: Sequence[str]) -> str:
    more = len(codes) - SHOWN
    return ", ".join(codes[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _symbol_row(venue: str, listing: Listing) -> SymbolRow:
    return SymbolRow(
        venue=venue,
        symbol=listing.symbol,
        instrument=str(listing.instrument),
        status="trading" if listing.trading else "halted",
        tick_size=listing.tick_size,
        lot_size=listing.lot_size,
        minimum_notional=listing.minimum_notional,
    )


def _symbol_cells(row: SymbolRow) -> tuple[str, ...]:
    figures = (row.tick_size, row.lot_size, row.minimum_notional)
    plain = ("" if figure is None else wire.plain(figure) for figure in figures)
    return (row.venue, row.symbol, row.instrument, row.status, *plain)
