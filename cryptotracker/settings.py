"""Everything an operator can change, on one page: read once at start, environment before .env."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import unquote

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableSettingError

from analytics.routes.costs import fee_key, fee_name
from analytics.routes.kernels import KernelName
from cryptotracker.secret_files import IN_FILES, SUFFIX, read_secrets
from market import Instrument, SettingsError
from market.spread import ANY
from stream_service.transport import TransportName, installed_transports
from stream_service.venue import CHANNELS, Channel

PREFIX = "CRYPTOTRACKER_"
ENV_FILE = ".env"
WITHIN = "__"
"""Parts the name of a setting from that of a value within it."""

PORTS = 65_536

SIMULATED_STORE = "duckdb:data/simulated/market.duckdb"
"""Where invented prices are kept unless a setting says otherwise: not among the real ones."""

SIMULATED = "simulated"
"""Folder of the state directory for what is known of simulated venues, apart from the real ones."""

SECRET = frozenset({"store_token", "credentials"})
"""Settings whose value is never shown."""

Words = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """Each field is an environment variable: ``CRYPTOTRACKER_BUS_URL`` sets ``bus_url``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_nested_delimiter=WITHIN,
        frozen=True,
        extra="ignore",
    )

    mode: Literal["simulated", "live"] = Field(
        "simulated", description="simulated: venues of our own on loopback; live: the real ones"
    )
    bus_url: str = Field(
        "local://",
        description="local:// (in this process) or amqp://user:password@host:5672/vhost; "
        "several nodes of a cluster with commas between",
    )
    bus_declares: bool = Field(
        True,  # noqa: FBT003  # a default
        description="Whether exchanges and queues are declared; false: the broker was given them "
        "(definitions.json) and its users may not",
    )
    bus_format: Literal["msgpack", "json"] = Field(
        "msgpack",
        description="What messages to RabbitMQ are written in; both are read. JSON can be read on "
        "its management page, and costs a tenth more",
    )
    partitions: int = Field(
        1,
        ge=1,
        le=64,
        description="Parts that the mailboxes of writer and candle builder are split into, for "
        "processes to share; the same in every process, see docs/SCALING.md",
    )
    store_url: str = Field(
        "duckdb:data/market.duckdb",
        description="duckdb:FILE, duckdb: (in memory) or influxdb://host:8086 (influxdbs: TLS); "
        f"of simulated venues by default {SIMULATED_STORE}",
    )
    store_token: SecretStr = Field(
        SecretStr(""), description="InfluxDB token that may read and write the buckets"
    )
    store_org: str = Field("cryptotracker", description="InfluxDB organisation")
    raw_retention_days: int = Field(
        1, ge=1, description="Days that quotes and trades are kept; candles stay"
    )
    book_every_s: int = Field(
        0,
        ge=0,
        le=3_600,
        description="Seconds between two order books of an instrument that are stored, for as long "
        "as quotes are; 0: none is. See docs/STORES.md for the room that they take",
    )
    book_levels: int = Field(
        10, ge=1, le=10, description="Levels of each side of a book that are stored at most"
    )
    archive: str = Field(
        "",
        description="Folder, or s3://BUCKET/FOLDER, that days which are over are archived in; what "
        "expires is kept until it is there. Empty: there is none",
    )
    candle_history_days: float = Field(
        1.0,
        ge=0,
        le=30,
        description="Days of one-minute candles that real venues are asked for at the first start; "
        "longer ones go back further, to 730 days of daily ones for each. 0: none are asked for",
    )
    connect_timeout_s: float = Field(
        30.0, gt=0, description="How long a service waits at its start for broker and store"
    )
    venues: Words = Field(
        ("all",),
        min_length=1,
        description="Venues to follow; all: every one that needs no key, or whose key is there",
    )
    stream_shard: str = Field(
        "",
        pattern=r"^((any|[1-9]\d*)/[1-9]\d*)?$",
        description="Which part of the instruments this stream follows, such as 2/4: the second of "
        "four; any/4: one that no other with the same state_dir follows; empty: all of them. See "
        "docs/SCALING.md",
    )
    channels: Words = Field(
        get_args(Channel),
        min_length=1,
        description="What is followed of each instrument, as far as its venue tells it",
    )
    transport: TransportName = Field(
        "auto", description="WebSocket library: websockets, picows, or auto: the fastest installed"
    )
    credentials: dict[str, dict[str, SecretStr]] = Field(
        {},
        description="Keys of venues, each in a variable of its own such as "
        'CRYPTOTRACKER_CREDENTIALS__ALPACA__KEY, or as JSON: {"alpaca": {"key": "…"}}',
    )
    state_dir: Path = Field(
        Path("data/state"),
        description="Folder for what must survive a restart, such as the calls of the day; "
        f"of simulated venues the folder {SIMULATED} in it",
    )
    assets: Words = Field(
        ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA"),
        min_length=1,
        description="Base currencies to follow",
    )
    quote_currencies: Words = Field(
        ("USDT", "USD", "KRW"),
        min_length=1,
        description="Quote currencies to follow the assets in; also followed in one another",
    )
    taker_fee_bps: dict[str, Annotated[float, Field(ge=0, lt=10_000, allow_inf_nan=False)]] = Field(
        {},
        description='Taker fees in place of the public ones, such as {"kraken": 26}, '
        '{"upbit.USDT": 25} or {"kraken.BTC-USD": 20}',
    )
    fees_file: str = Field(
        "",
        description="TOML file of fees, wallets and coins of other names, over those that ship: "
        "see docs/COSTS.md and `cryptotracker fees`",
    )
    max_quote_age_s: float = Field(
        15.0, gt=0, description="Older quotes are stale and make no route"
    )
    max_skew_s: float = Field(
        5.0, gt=0, description="Quotes of one route may be so far apart in time, by venue clocks"
    )
    max_bank_rate_age_s: float = Field(
        86_400.0,
        gt=0,
        description="Older exchange rates of banks are not used; they come rarely. What services "
        "that are polled told is stale then, too",
    )
    route_capital_usd: float = Field(
        10_000.0, gt=0, description="Most that a route may put in, in dollars"
    )
    route_kernel: KernelName = Field(
        "python",
        description="What routes are sought with; numba is ten times as fast from some hundred "
        "markets on, but takes 200 MB, and half a minute when it first starts",
    )
    strategies: str = Field(
        "sma-cross(fast=10, slow=30)@1m, rsi-reversal@5m",
        description="What makes signals, each with what it is told of: an interval of candles or "
        "quotes. Own ones by path/to/file.py:Class; `cryptotracker strategies` lists the others. "
        "Empty: there are no signals",
    )
    own_strategies: str = Field(
        "",
        description="Strategies of yours that /v1/backtests runs too: path/to/file.py:Class, with "
        "commas between. Those of installed packages need not be named",
    )
    route_taker: str = Field(
        "",
        description="What a route must bring for a signal to take it, such as "
        "min_profit_usd=5,despite=transfer_unknown; see `cryptotracker backtest routes`. Empty: "
        "there are none",
    )
    premium_reference: str = Field(
        "binance", description="Venue that premiums are told over, where it has a market"
    )
    simulator: str = Field(
        "", description="host:port of a running `cryptotracker simulate`; empty: one of our own"
    )
    simulator_seed: int = Field(7, description="Fixes the simulated market")
    simulator_events_per_s: float = Field(
        300.0, gt=0, le=50_000, description="Books, quotes and trades a second, all venues together"
    )
    host: str = Field("127.0.0.1", description="Address that the API listens on")
    port: int = Field(8000, ge=0, le=65535, description="Port of API and page; 0: any free one")
    metrics: str = Field(
        "",
        description="host:port on which this process serves /metrics and /healthz, such as "
        "127.0.0.1:9464; it has no other guard, so let no one else in. Empty: it serves none",
    )
    allowed_hosts: Words = Field(
        ("127.0.0.1", "localhost", "[::1]"), description="Host names that the API answers to"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Log events below this level are left out"
    )
    log_format: Literal["auto", "human", "json"] = Field(
        "auto", description="auto: for people on a terminal, JSON elsewhere"
    )

    @field_validator(
        "venues",
        "channels",
        "assets",
        "quote_currencies",
        "allowed_hosts",
        mode="before",
        check_fields=True,
    )
    @classmethod
    def _split(cls, value: object) -> object:
        """Read ``a, b`` as well as a sequence."""
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @field_validator("assets", "quote_currencies")
    @classmethod
    def _codes_are_upper_case(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_code(code) for code in codes)

    @field_validator("venues")
    @classmethod
    def _venues_are_lower_case(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.lower() for name in names)

    @field_validator("channels")
    @classmethod
    def _channels_are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(names) - CHANNELS):
            raise ValueError(f"{', '.join(unknown)} is none of {', '.join(get_args(Channel))}")
        return names

    @field_validator("stream_shard")
    @classmethod
    def _shard_is_among_its_count(cls, shard: str) -> str:
        number, _, count = shard.partition("/")
        if shard and number != ANY and int(number) > int(count):
            raise ValueError(f"there is no part {number} of {count}")
        return shard

    @field_validator("taker_fee_bps")
    @classmethod
    def _fees_are_of_something(cls, fees: dict[str, float]) -> dict[str, float]:
        named = {fee_name(fee_key(name)): bps for name, bps in fees.items()}
        if len(named) < len(fees):
            raise ValueError("two of the fees are of the same, in other letters: leave one out")
        return named

    @field_validator("transport")
    @classmethod
    def _transport_is_installed(cls, name: TransportName) -> TransportName:
        if name not in ("auto", *installed_transports()):
            raise ValueError("it is not installed: pip install 'cryptotracker[fast]', or say auto")
        return name

    @field_validator("bus_url")
    @classmethod
    def _bus_scheme_is_known(cls, url: str) -> str:
        return _with_scheme(url, ("local://", "amqp://", "amqps://"))

    @field_validator("simulator", "metrics")
    @classmethod
    def _is_an_address(cls, address: str) -> str:
        host, _, port = address.rpartition(":")
        if address and not (host and port.isdigit() and int(port) < PORTS):
            raise ValueError("must be host:port, such as 127.0.0.1:9100")
        return address

    @field_validator("store_url")
    @classmethod
    def _store_scheme_is_known(cls, url: str) -> str:
        return _with_scheme(url, ("duckdb:", "influxdb://", "influxdbs://"))

    @model_validator(mode="before")
    @classmethod
    def _simulated_prices_are_kept_apart(cls, given: dict[str, object]) -> dict[str, object]:
        is_live = given.get("mode") == "live"
        return given if is_live else {"store_url": SIMULATED_STORE} | given

    @property
    def state_folder(self) -> Path:
        """Where this mode keeps what must survive a restart."""
        return self.state_dir if self.mode == "live" else self.state_dir / SIMULATED

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Every combination to follow; a venue is asked for those that it lists."""
        bases = dict.fromkeys((*self.assets, *self.quote_currencies))
        return tuple(
            Instrument(base, quote_currency)
            for base in bases
            for quote_currency in self.quote_currencies
            if base != quote_currency
        )

    @property
    def followed(self) -> frozenset[Channel]:
        """What is followed of each instrument."""
        return frozenset(channel for channel in get_args(Channel) if channel in self.channels)

    @property
    def is_distributed(self) -> bool:
        """Whether the services meet on a server instead of in this process."""
        return not self.bus_url.startswith("local:")


def read_settings(**overrides: Any) -> Settings:
    """Read the settings; ``overrides``, those of the command line, come before all.

    Raises:
        SettingsError: naming each variable that is wrong, its value and what it may be.

    """
    _refuse_misspelt()
    given: dict[str, Any] = read_secrets(PREFIX, _variables())
    given |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError("; ".join(_faults(error))) from None
    except UnreadableSettingError as error:
        raise SettingsError("; ".join(_unreadable(error))) from None


def origins(settings: Settings) -> Iterable[tuple[str, str, str, str]]:
    """Return variable, value, origin and description of each setting; secrets are masked."""
    variables = _variables()
    for name, field in Settings.model_fields.items():
        variable = f"{PREFIX}{name}".upper()
        origin = "default"
        if name in read_secrets(PREFIX, variables):
            origin = variables[f"{variable}{SUFFIX}".lower()]
        elif _is_among(variable, os.environ):
            origin = "environment"
        elif _is_among(variable, dotenv_values(ENV_FILE)):
            origin = ENV_FILE
        yield variable, shown(getattr(settings, name)), origin, field.description or ""


def shown(value: object) -> str:
    """Return a setting as it may be printed: without the password of a URL or a secret."""
    match value:
        case SecretStr():
            return "********" if value.get_secret_value() else ""
        case tuple():
            return ",".join(str(part) for part in value)
        case Mapping():
            return ",".join(f"{key}={shown(part)}" for key, part in value.items())
        case str() if "@" in value:
            return ",".join(_without_password(url) for url in value.split(","))
        case _:
            return str(value)


def secrets_of(settings: Settings) -> list[str]:
    """Return what nobody may see: tokens, keys of venues, passwords within URLs."""
    written = [_password_of(url) for url in (*settings.bus_url.split(","), settings.store_url)]
    keys = [key for named in settings.credentials.values() for key in named.values()]
    tokens = [secret.get_secret_value() for secret in (settings.store_token, *keys)]
    return list(filter(None, [*written, *map(unquote, written), *tokens]))


def embedded_file(settings: Settings) -> Path | None:
    """Return the file of the embedded store; None: it is kept in memory."""
    path = settings.store_url.removeprefix("duckdb:").removeprefix("//")
    return Path(path) if path else None


def _variables() -> dict[str, str]:
    """Return the variables by name in lower case; the environment comes before the file."""
    both = dotenv_values(ENV_FILE) | os.environ
    return {name.lower(): value or "" for name, value in both.items()}


def _is_among(variable: str, variables: Iterable[str]) -> bool:
    return any(one.upper().partition(WITHIN)[0] == variable for one in variables)


def _refuse_misspelt() -> None:
    """Refuse what looks like a setting but is none: it would be left out in silence."""
    known = {name.upper() for name in Settings.model_fields}
    known |= {f"{name}{SUFFIX}".upper() for name in IN_FILES}
    for variable in sorted(name.upper() for name in _variables()):
        name, within, rest = variable.removeprefix(PREFIX).partition(WITHIN)
        close = get_close_matches(name, known, n=1, cutoff=0.7)
        if variable.startswith(PREFIX) and name not in known and close:
            raise SettingsError(
                f"There is no setting {variable}: did you mean {PREFIX}{close[0]}{within}{rest}? "
                "`cryptotracker settings` lists them."
            )


def _password_of(url: str) -> str:
    """Return the password of a URL as it is written there."""
    return url.partition("://")[2].rpartition("@")[0].partition(":")[2]


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    credentials, at, address = rest.rpartition("@")
    return f"{scheme}://{credentials.partition(':')[0]}:********{at}{address}" if at else url


def _with_scheme(url: str, schemes: tuple[str, ...]) -> str:
    if not url.startswith(schemes):
        raise ValueError(f"must start with one of {', '.join(schemes)}")
    return url


def _code(text: str) -> str:
    try:
        return Instrument.parse(f"{text}-X").base
    except ValueError:
        raise ValueError(f"{text!r} is not the code of a currency, such as BTC") from None


def _faults(error: ValidationError) -> Iterable[str]:
    """Say what is wrong with each setting; what pydantic finds, with what the setting means."""
    for fault in error.errors():
        path = [part for part in fault["loc"] if isinstance(part, str)]
        field = path[0] if path else ""
        given = "" if field in SECRET else f" is {shown(fault.get('input'))!r}"
        text = fault["msg"].removeprefix("Value error, ")
        means = "" if fault["type"] == "value_error" else _meaning(field)
        yield f"{PREFIX}{WITHIN.join(path).upper()}{given}: {text}{means}"


def _unreadable(error: UnreadableSettingError) -> Iterable[str]:
    """Name the setting that is not the JSON it should be."""
    for field in Settings.model_fields:
        if f'"{field}"' in str(error):
            yield f"{PREFIX}{field.upper()} is not JSON{_meaning(field)}"


def _meaning(field: str) -> str:
    known = Settings.model_fields.get(field)
    return f". It means: {known.description}" if known and known.description else ""
