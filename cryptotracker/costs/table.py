"""The text of a table of costs in, facts out; a wrong entry is refused by name, with its value.

The tables that ship and the operator's own file have one form: TOML of the tables ``fees``,
``wallets``, ``identities`` and ``capital_controls``, whose entries are named by what they are about
and hold the fields of `Fee`, `Wallet`, `Identity` and `CapitalControl`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import TypeVar

import msgspec

from analytics.routes.costs import CapitalControl, Facts, Fee, Identity, Key, fee_key
from market import Instrument, SettingsError, Wallet

TABLES = ("fees", "wallets", "identities", "capital_controls")

NAMED_BY_KEY = ("venue", "code", "network")
"""Fields that an entry has in its name."""

Fact = TypeVar("Fact", Fee, Wallet, Identity, CapitalControl)


def read_table(text: str, *, where: str, venues: Iterable[str]) -> Facts:
    """Read what a table says.

    Args:
        text: TOML.
        where: Name of the file: it is told with what is wrong, and the source of what has none.
        venues: Those that there are.

    Raises:
        SettingsError: it is no TOML, or one of its entries is wrong.

    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where} is not TOML: {error}.") from error
    for name in content:
        _refuse_unknown(name, TABLES, f"{where}, [{name}]: there is no such table")
    file = _File(where, tuple(venues), content)
    return Facts(
        fees=_by_key(_fee, file.entries("fees")),
        wallets=_by_key(_wallet, file.entries("wallets")),
        identities=_by_key(_identity, file.entries("identities")),
        controls=_by_key(_control, file.entries("capital_controls")),
    )


class _File:
    """A file that was read."""

    def __init__(self, where: str, venues: tuple[str, ...], content: dict[str, object]) -> None:
        self.where = where
        self.venues = venues
        self._content = content

    def entries(self, table: str) -> Iterator[_Entry]:
        """Give the entries of a table that may be missing."""
        content = self._content.get(table, {})
        if not isinstance(content, dict):
            raise SettingsError(f"{self.where}: {table} is {content!r}, not tables [{table}.NAME].")
        for name, fields in content.items():
            yield _Entry(self, table, name, fields)


class _Entry:
    """One entry, which knows how it is called in what is said of it."""

    def __init__(self, file: _File, table: str, name: str, fields: object) -> None:
        self.file = file
        self.table = table
        self.name = name
        self.fields = fields

    def read(self, kind: type[Fact], **named: str) -> Fact:
        """Return the fact that the fields make, with those of its name."""
        if not isinstance(self.fields, dict):
            raise self.wrong(f"it is {self.fields!r}, not a table of {', '.join(_fields(kind))}")
        for key, value in self.fields.items():
            known = _fields(kind)
            if isinstance(value, dict) and key not in known:
                raise self.wrong(f'write [{self.table}."{self.name}.{key}"], with the quotes')
            _refuse_unknown(key, known, f"{self._label}: there is no key {key!r}")
        try:
            return msgspec.convert({"source": self.file.where, **self.fields, **named}, kind)
        except msgspec.ValidationError as error:
            fault, _, path = str(error).partition(" - at `$.")
            key = path.rstrip("`").partition("[")[0]
            raise self.wrong(
                f"{key} is {self.fields.get(key)!r}: {fault}" if key else fault
            ) from None

    def venue(self, name: str) -> str:
        """Return ``name`` as venues are called."""
        _refuse_unknown(
            name.lower(), self.file.venues, f"{self._label}: there is no venue {name!r}"
        )
        return name.lower()

    def wrong(self, text: str) -> SettingsError:
        """Return the error that names this entry."""
        return SettingsError(f"{self._label}: {text}.")

    @property
    def _label(self) -> str:
        name = f'"{self.name}"' if "." in self.name else self.name
        return f"{self.file.where}, [{self.table}.{name}]"


def _by_key(
    read: Callable[[_Entry], tuple[Key, Fact]], entries: Iterable[_Entry]
) -> dict[Key, Fact]:
    facts: dict[Key, Fact] = {}
    for entry in entries:
        key, fact = read(entry)
        if key in facts:
            raise entry.wrong("another entry is of the same, in other letters: leave one out")
        facts[key] = fact
    return facts


def _fee(entry: _Entry) -> tuple[Key, Fee]:
    try:
        venue, *market = fee_key(entry.name)
    except ValueError as error:
        raise entry.wrong(str(error)) from error
    return (entry.venue(venue), *market), entry.read(Fee)


def _wallet(entry: _Entry) -> tuple[Key, Wallet]:
    venue, code, network = _coin(entry)
    key = (venue, code, network.upper()) if network else (venue, code)
    return key, entry.read(Wallet, venue=venue, code=code, network=network)


def _identity(entry: _Entry) -> tuple[Key, Identity]:
    venue, code, network = _coin(entry)
    if network:
        raise entry.wrong('a coin is named by venue and code, such as "upbit.TON"')
    return (venue, code), entry.read(Identity)


def _control(entry: _Entry) -> tuple[Key, CapitalControl]:
    control = entry.read(CapitalControl)
    venues = tuple(entry.venue(name) for name in control.venues)
    return (_code(entry.name),), msgspec.structs.replace(control, venues=venues)


def _coin(entry: _Entry) -> tuple[str, str, str]:
    """Return venue, code and network of an entry's name."""
    venue, _, rest = entry.name.partition(".")
    code, _, network = rest.partition(".")
    if not code.strip().isalnum():
        raise entry.wrong(
            f"{entry.name!r} names no coin: write venue, code and perhaps network with dots "
            'between, such as "kraken.XRP" or "kucoin.USDT.TRC20"'
        )
    return entry.venue(venue.strip()), _code(code), network.strip()


def _code(text: str) -> str:
    return Instrument.of(text.strip(), "").base


def _fields(kind: type[Fact]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if name not in NAMED_BY_KEY)


def _refuse_unknown(name: str, known: Iterable[str], fault: str) -> None:
    there = tuple(known)
    if name not in there:
        close = get_close_matches(name, there, n=1)
        meant = f" Did you mean {close[0]}?" if close else ""
        raise SettingsError(f"{fault}.{meant} Known: {', '.join(there)}.")
