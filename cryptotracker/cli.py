"""The command line: ``up`` runs all of it, the other commands one service each."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from cryptotracker.arbitrage_backtest_command import of_routes
from cryptotracker.archive_command import archive
from cryptotracker.backfill_command import backfill
from cryptotracker.backtesting.command import backtest
from cryptotracker.compose import Role
from cryptotracker.decode_command import decode
from cryptotracker.doctor import doctor
from cryptotracker.explain_command import explain
from cryptotracker.export_command import export
from cryptotracker.fees_command import fees
from cryptotracker.quarantine import quarantine
from cryptotracker.query_command import query
from cryptotracker.record_command import record
from cryptotracker.replay_command import replay
from cryptotracker.routes_command import routes
from cryptotracker.running import (
    EXIT_DEPENDENCY,
    EXIT_PORT,
    EXIT_TROUBLE,
    EXIT_USAGE,
    run_system,
)
from cryptotracker.settings import Settings, origins, read_settings
from cryptotracker.setup_command import setup
from cryptotracker.strategies_command import strategies
from cryptotracker.venue_commands import symbols, venues
from infrastructure.log import tell_end
from market import GaveUpError, PortError, SettingsError, UnavailableError

app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Live prices from many venues, and the best arbitrage routes between them.",
)

Live = Annotated[bool, typer.Option("--live", help="The real venues instead of simulated ones.")]
Host = Annotated[str | None, typer.Option(help="Address that the API listens on.")]
Port = Annotated[int | None, typer.Option(help="Port of API and page; 0: any free one.")]
BusUrl = Annotated[str | None, typer.Option("--bus", help="local:// or amqp://user:pw@host/vhost")]
StoreUrl = Annotated[
    str | None, typer.Option("--store", help="duckdb:FILE or influxdb://host:8086")
]

EVERYTHING: frozenset[Role] = frozenset({"simulate", "stream", "store", "refresh", "serve"})

app.command()(archive)
app.command()(export)
app.command()(query)
app.command()(decode)
app.command()(doctor)
app.command()(venues)
app.command()(symbols)
app.command()(fees)
app.command()(record)
app.command()(backfill)
app.command()(replay)
app.add_typer(quarantine, name="quarantine")
app.command()(routes)
backtest.command("routes")(of_routes)
app.add_typer(backtest, name="backtest")
app.command()(explain)
app.command()(strategies)
app.add_typer(setup, name="setup")


@app.command()
def up(
    live: Live = False,  # noqa: FBT002  # a flag of the command line
    host: Host = None,
    port: Port = None,
    bus: BusUrl = None,
    store: StoreUrl = None,
) -> None:
    """Run the whole system in this process: venues, store, routes, API and page."""
    settings = read_settings(mode=_mode(live), host=host, port=port, bus_url=bus, store_url=store)
    roles = EVERYTHING - {"simulate"} if settings.simulator else EVERYTHING
    run_system(settings, roles, panel=True)


@app.command()
def stream(
    venues: Annotated[
        list[str] | None, typer.Argument(help="Venues; default: the settings'.")
    ] = None,
    live: Live = False,  # noqa: FBT002  # as above
) -> None:
    """Connect venues and publish what they say."""
    settings = read_settings(mode=_mode(live), venues=tuple(venues) if venues else None)
    if settings.mode == "simulated" and not settings.simulator:
        raise SettingsError(
            "CRYPTOTRACKER_SIMULATOR is empty: name the host:port of a running "
            "`cryptotracker simulate`, or connect the real venues with --live."
        )
    run_service(settings, "stream")


@app.command()
def store() -> None:
    """Write what is published to the store."""
    run_service(read_settings(), "store")


@app.command()
def refresh() -> None:
    """Keep the best routes and the candles."""
    run_service(read_settings(), "refresh")


@app.command()
def serve(host: Host = None, port: Port = None) -> None:
    """Serve REST, the live feed and the page."""
    run_service(read_settings(host=host, port=port), "serve")


@app.command()
def simulate(
    address: Annotated[str, typer.Argument(help="host:port to listen on.")] = "127.0.0.1:9100",
    fault_every: Annotated[
        float | None, typer.Option(min=0.01, help="Mean seconds between two faults; default: none.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Fixes the market and the faults.")] = None,
) -> None:
    """Play the venues on one port, for streams of other processes to connect to.

    A fault can be caused by hand: curl http://ADDRESS/faults/binance/hang-up, or one of silence,
    garbage, lost-frame, bad-checksum, duplicate-trade, late-trade, outlier, clock-skew, refusal,
    rate-limit, slow-snapshot; those that last take ?seconds=5.
    """
    settings = read_settings(
        mode="simulated",
        simulator=address,
        simulator_seed=seed,
        bus_url="local://",
    )
    run_system(settings, frozenset({"simulate"}), fault_every_s=fault_every)


@app.command()
def settings() -> None:
    """Print every setting, its origin and what it means; secrets are masked."""
    for variable, value, origin, description in origins(read_settings()):
        typer.echo(f"{variable}={value}\n    {origin} · {description}")


def run_service(settings: Settings, role: Role) -> None:
    """Run one service; it can only meet the others on a bus that is a server.

    Raises:
        SettingsError: the bus is that of one process.

    """
    if not settings.is_distributed:
        raise SettingsError(
            "CRYPTOTRACKER_BUS_URL is local://, which lives in one process: name a broker "
            "(amqp://user:password@host:5672/), or run everything in one process with "
            "`cryptotracker up`."
        )
    run_system(settings, frozenset({role}))


def main() -> None:
    """Run a command; a failure is one sentence on standard error and an exit status."""
    try:
        app(prog_name="cryptotracker")
    except PortError as error:
        _fail(error, EXIT_PORT)
    except SettingsError as error:
        _fail(error, EXIT_USAGE)
    except UnavailableError as error:
        _fail(error, EXIT_DEPENDENCY)
    except GaveUpError as error:
        _fail(error, EXIT_TROUBLE)


def _mode(live: bool) -> Literal["live"] | None:  # noqa: FBT001  # from the flag
    return "live" if live else None


def _fail(error: Exception, status: int) -> None:
    tell_end(str(error))
    sys.exit(status)
