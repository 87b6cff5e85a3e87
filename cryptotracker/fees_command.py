"""The table that ships, the operator's file and settings in; what is used of them out: `fees`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec
import typer

from analytics.routes.costs import CapitalControl, Facts, Fee, Identity, Key, fee_name
from cryptotracker.costs import NOTHING, read_costs, shipped_facts
from cryptotracker.costs.asking import ask_wallets
from cryptotracker.known import venue_named
from cryptotracker.printed import print_json, print_table
from cryptotracker.recorded import complain
from cryptotracker.settings import read_settings
from infrastructure.log import configure_logging
from market import Wallet
from stream_service import wire
from stream_service.venues import load_venues

Fact: TypeAlias = Fee | Wallet | Identity | CapitalControl

State: TypeAlias = Literal["public", "assumed", "overridden", "unknown"]
"""``public``: as the table that ships or the venue says; ``overridden``: by file or settings."""

FactT = TypeVar("FactT", Fee, Wallet, Identity, CapitalControl)

OPEN = {True: "open", False: "closed", None: "unknown"}


class Row(msgspec.Struct, kw_only=True):
    """A fact as it is shown; without one what it would be of is unknown."""

    kind: Literal["fee", "wallet", "identity", "capital_control"]
    of: str
    state: State
    fact: Fact | None = None


def fees(
    venue: Annotated[str | None, typer.Argument(help="Only of this venue.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask venues about transfers.")] = False,  # noqa: FBT002  # a flag of the command line
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,  # noqa: FBT002  # as above
) -> None:
    """Show the fees, transfers and other names of coins that routes are computed with.

    Exit status 1: a venue did not answer; the rest is shown.
    """
    known = load_venues()
    names = sorted(known) if venue is None else [venue_named(venue).name]
    settings = read_settings()
    configure_logging("error", settings.log_format)
    told, troubles = NOTHING, list[str]()
    if live:
        told, troubles = asyncio.run(ask_wallets([known[name] for name in names if name in known]))
    used, below = read_costs(settings, told).facts, told.over(shipped_facts())
    _print(list(_rows(used, below, names)), as_json=as_json)
    for trouble in troubles:
        complain(trouble)
    raise typer.Exit(1 if troubles else 0)


def _print(rows: Sequence[Row], *, as_json: bool) -> None:
    if as_json:
        print_json(map(_flat, rows))
        return
    print_table(("", "of", "says", "state", "checked", "source"), map(_cells, rows))
    typer.echo(
        "Fees are the taker's, in hundredths of a percent. A transfer without wallets at both "
        "venues is unknown. docs/COSTS.md tells how to change what is here."
    )


def _rows(used: Facts, below: Facts, names: Sequence[str]) -> Iterator[Row]:
    """Give the facts of some venues, beside what lies below file and settings.

    A venue without any fee gets a row that says so.
    """
    for key, fee in _of(used.fees, names):
        yield Row(kind="fee", of=fee_name(key), state=_state(fee, below.fees.get(key)), fact=fee)
    for name in sorted(set(names) - {key[0] for key in used.fees}):
        yield Row(kind="fee", of=name, state="unknown")
    for key, wallet in _of(used.wallets, names):
        state = _state(wallet, below.wallets.get(key))
        yield Row(kind="wallet", of=".".join(key), state=state, fact=wallet)
    for key, coin in _of(used.identities, names):
        state = _state(coin, below.identities.get(key))
        yield Row(kind="identity", of=".".join(key), state=state, fact=coin)
    for key, control in sorted(used.controls.items()):
        if set(control.venues) & set(names):
            state = _state(control, below.controls.get(key))
            yield Row(kind="capital_control", of=key[0], state=state, fact=control)


def _of(facts: Mapping[Key, FactT], names: Iterable[str]) -> list[tuple[Key, FactT]]:
    return [(key, facts[key]) for key in sorted(facts) if key[0] in names]


def _state(used: Fact, below: Fact | None) -> State:
    if used != below:
        return "overridden"
    return "assumed" if used.assumed else "public"


def _flat(row: Row) -> dict[str, object]:
    """Return a row with the fields of its fact beside its own."""
    fact = msgspec.to_builtins(row.fact) if row.fact else {"bps": None}
    return {"kind": row.kind, "of": row.of, "state": row.state, **fact}


def _cells(row: Row) -> tuple[str, ...]:
    fact = row.fact
    checked = str(fact.checked or "") if fact else ""
    return row.kind, row.of, _said(fact), row.state, checked, fact.source if fact else ""


def _said(fact: Fact | None) -> str:
    match fact:
        case Fee():
            return f"{fact.bps:g}"
        case Wallet():
            paid = "?" if fact.withdrawal_fee is None else wire.plain(fact.withdrawal_fee)
            return f"out {OPEN[fact.withdraws]} at {paid}, in {OPEN[fact.deposits]}"
        case Identity():
            return fact.name or fact.asset
        case CapitalControl():
            return f"stays within {', '.join(fact.venues)}"
        case None:
            return ""
