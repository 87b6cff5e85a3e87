"""What docker-compose.yml does before the services start: secrets, then InfluxDB's tokens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from cryptotracker.adapters import open_store
from cryptotracker.settings import Settings, read_settings
from infrastructure.log import configure_logging
from infrastructure.timeseries.influx_tokens import Right, influx_tokens
from market import SettingsError
from market.intervals import INTERVALS

setup = typer.Typer(
    no_args_is_help=True,
    help="Make the secrets of the stack in Docker; docker-compose.yml runs this before all else.",
)

Folder = Annotated[Path, typer.Argument(help="Holds a folder for each who has secrets.")]

READ: tuple[Right, ...] = ("read",)
READ_AND_WRITE: tuple[Right, ...] = ("read", "write")
"""The writer reads too: of two candles of one minute it keeps the better one."""

TOKENS: Mapping[str, tuple[Right, ...]] = {
    "store": READ_AND_WRITE,
    "refresh": READ,
    "serve": READ,
    "operator": READ_AND_WRITE,
    "grafana": READ,
}
"""Who has a token of InfluxDB, and what it opens."""


@setup.command("secrets")
def secrets_(
    folder: Folder,
    broker: Annotated[str, typer.Option(help="host:port of RabbitMQ.")] = "rabbitmq:5672",
) -> None:
    """Make passwords, as far as there are none yet, and what RabbitMQ is given at its start."""
    from cryptotracker.stack_secrets import make_secrets  # noqa: PLC0415  # slow to import

    make_secrets(folder, broker=broker, partitions=read_settings().partitions)


@setup.command()
def tokens(folder: Folder) -> None:
    """Make InfluxDB's buckets, and a token for each who needs one, where the old one is not valid.

    The settings name the server, and the token that may do so.
    """
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)
    scheme, _, address = settings.store_url.partition("://")
    if scheme not in ("influxdb", "influxdbs"):
        raise SettingsError(
            f"CRYPTOTRACKER_STORE_URL is {settings.store_url}: only InfluxDB has tokens."
        )
    asyncio.run(_make_buckets(settings))
    _make_tokens(folder, settings, f"{'https' if scheme == 'influxdbs' else 'http'}://{address}")


async def _make_buckets(settings: Settings) -> None:
    """Make the buckets; with an archive the one that expires keeps what may not be archived yet."""
    async with open_store(settings) as store:
        if settings.archive:
            await store.keep_from(time.time_ns() - 2 * INTERVALS["1d"])


def _make_tokens(folder: Path, settings: Settings, url: str) -> None:
    from cryptotracker.stack_secrets import put  # noqa: PLC0415  # as above
    from infrastructure.timeseries.influx import bucket_names  # noqa: PLC0415  # as above

    opens_all = settings.store_token.get_secret_value()
    with influx_tokens(url, token=opens_all, buckets=bucket_names()) as made:
        for whose, rights in TOKENS.items():
            path = folder / whose / "store_token"
            old = path.read_text("utf-8").strip() if path.exists() else ""
            new = made.renewed(whose, old, rights)
            if new != old:
                put(path, new)
