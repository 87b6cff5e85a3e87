"""What the terminal shows while the system runs: one calm panel, or a few plain lines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat
from typing import get_args

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from api_service.route_rows import start_of
from api_service.route_schemas import RouteKind
from api_service.selection import Filter, RouteTerms, by_worth, find_routes
from api_service.view import LatestView
from cryptotracker import __version__
from cryptotracker.settings import Settings, shown
from market import Route

REFRESH_S = 0.5
LINE_EVERY_S = 60.0
SECOND_LINE_AFTER_S = 5.0
"""The first one comes with the first two quotes, so it says little of the market."""


class Shown:
    """What is known of the running system; ``view`` is None until its parts are made."""

    def __init__(self, settings: Settings, clock: Callable[[], int] = time.time_ns) -> None:
        self.settings = settings
        self.view: LatestView | None = None
        self.page = ""
        self.started = asyncio.Event()
        self._clock = clock

    def show(self, view: LatestView, page: str) -> None:
        """Note where the figures are and where the page is served."""
        self.view = view
        self.page = page
        self.started.set()

    @property
    def title(self) -> str:
        """Name, version and mode."""
        return f"CryptoTracker {__version__}  {self.settings.mode.upper()}"

    def venues(self) -> Iterable[tuple[str, str, str, str, str]]:
        """Return name, state with its reason, instruments, events/s and latency of each venue."""
        if self.view is None:
            return
        now_ns = self._clock()
        for name in self.view.venues.names:
            row = self.view.venues.row(name, now_ns)
            state = f"{row['state']}: {row['reason']}" if row["reason"] else row["state"]
            latency = "" if row["latency_ms"] is None else f"{row['latency_ms']:.0f} ms"
            rate = f"{row['events_per_s']:,.0f}/s"
            yield name, state, str(row["instruments"]), rate, latency

    def best(self) -> Iterable[str]:
        """Return a line on the best route of each kind, the best of all first."""
        if self.view is None:
            return []
        found = [
            one
            for kind in get_args(RouteKind)
            for one in find_routes(
                self.view, Filter(limit=1, terms=RouteTerms(kind=kind)), self._clock()
            )
        ]
        return [line_of(one.route, one.why_not) for one in sorted(found, key=by_worth)]


class Panel(Shown):
    """One live table, redrawn twice a second."""

    async def run(self) -> None:
        """Draw until cancelled."""
        with Live(self._drawn(), refresh_per_second=4, transient=False) as live:
            while True:
                await asyncio.sleep(REFRESH_S)
                live.update(self._drawn())

    def _drawn(self) -> Group:
        table = Table("venue", "state", "instruments", "events", "latency", box=None)
        for row in self.venues():
            table.add_row(*row, style=None if row[1] == "live" else "yellow")
        title = Text(f" {self.title} ", style="reverse")
        where = f"bus {shown(self.settings.bus_url)}   store {shown(self.settings.store_url)}"
        best = list(self.best()) or ["waiting for the first quotes of two venues"]
        lines = [Text(line) for line in ("", *(f"best  {line}" for line in best), "", where)]
        return Group(title, Text(""), table, *lines, Text(_urls(self.page)), Text(_STOP))


class PlainPanel(Shown):
    """Plain lines, where there is no terminal: the first route, then the best one now and again."""

    async def run(self) -> None:
        """Write until cancelled."""
        await self.started.wait()
        typer.echo(f"{self.title}  {_urls(self.page)}")
        best = list(self.best())
        while not best:
            await asyncio.sleep(0.05)
            best = list(self.best())
        for pause_s in chain([SECOND_LINE_AFTER_S], repeat(LINE_EVERY_S)):
            venues = ", ".join(
                f"{name} {state} {rate}" for name, state, _, rate, _ in self.venues()
            )
            typer.echo(f"best {best[0]}  ({venues})")
            await asyncio.sleep(pause_s)
            best = list(self.best()) or ["no route between fresh quotes"]


def line_of(route: Route, why_not: Sequence[str]) -> str:
    """Return a route as one line.

    ``BTC  direct  binance USDT → kraken USDT  ▲ +12.3 bps net  +1.20 $ on 1,000 USDT``.
    """
    arrow = "▲" if route.net_bps > 0 else "▼"
    caveat = f"  ({', '.join(why_not)})" if why_not else ""
    return (
        f"{route.base}  {route.type}  {route.buy_venue} {route.buy_instrument.quote_currency} → "
        f"{route.sell_venue} {route.sell_instrument.quote_currency}  "
        f"{arrow} {route.net_bps:+,.1f} bps net{_money(route)}{caveat}"
    )


def _money(route: Route) -> str:
    if route.amount_in <= 0.0:
        return ""
    dollars = "" if route.profit_usd is None else f"  {route.profit_usd:+,.2f} $"
    return f"{dollars} on {route.amount_in:,.6g} {start_of(route)}"


_STOP = "Ctrl+C stops everything"


def _urls(page: str) -> str:
    if not page:
        return "starting ..."
    return f"page {page}   docs {page}docs   live {page.replace('http', 'ws', 1)}v1/live"
