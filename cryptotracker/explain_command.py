"""A route's id in, its receipt out, as the running API tells it: legs, fees, depth, why not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import quote

import httpx2
import msgspec
import typer

from analytics.routes.flags import MEANING
from api_service.route_schemas import ReceiptLine, RouteAnswer, RouteLegRow, RouteRow
from api_service.schemas import ProblemBody
from cryptotracker.recorded import complain
from cryptotracker.settings import Settings, read_settings
from market import UnavailableError

WITHIN_S = 5.0

PARTS = {
    "gross": "gross, at the best prices",
    "fee": "- taker fee {venue}",
    "compounding": "  fees on fees",
    "net": "= net, at the best prices",
    "transfer": "- transfer fee {venue}",
    "depth": "- depth of the books, steps of size",
    "return": "= net, at the best size",
}

LIMITS = {
    "marginal": "more would cost more than it brings",
    "capital": "the capital of the settings",
    "minimum": "the least that can be traded",
}

_meanings: dict[str, str] = {**MEANING, "stale": "a price that it rests on is too old"}  # type: ignore[dict-item]  # words to any text
_answer_decoder = msgspec.json.Decoder(RouteAnswer)
_problem_decoder = msgspec.json.Decoder(ProblemBody)


def explain(
    route_id: Annotated[str, typer.Argument(help="As the page and /v1/routes have it; quote it.")],
    url: Annotated[
        str | None, typer.Option(help="Where the API is; default: the settings' host and port.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The row of the API.")] = False,  # noqa: FBT002  # a flag of the command line
) -> None:
    """Show a route's receipt: gross, each fee, depth, net, and what keeps it from being taken.

    Exit status 1: there is no such route; 4: no API answers.
    """
    where = (url or _address(read_settings())).rstrip("/")
    answer = _ask(where, route_id)
    if answer is None:
        raise typer.Exit(1)
    if as_json:
        typer.echo(msgspec.json.encode(answer["data"]))
        return
    mode, as_of = answer["meta"]["mode"].upper(), answer["meta"]["as_of"]
    typer.echo("\n".join([f"{mode}, as of {as_of}", *_lines(answer["data"])]))


def _address(settings: Settings) -> str:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104  # asked, not listened on
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _ask(where: str, route_id: str) -> RouteAnswer | None:
    """Return the answer; None: there is no such route, which is said.

    Raises:
        UnavailableError: nobody answers, or who does is not our API.

    """
    try:
        with httpx2.Client(timeout=WITHIN_S, trust_env=False) as http:
            response = http.get(f"{where}/v1/routes/{quote(route_id, safe='')}")
        if response.status_code == httpx2.codes.OK:
            return _answer_decoder.decode(response.content)
        problem = _problem_decoder.decode(response.content)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise UnavailableError(
            f"No API answers at {where} ({str(error) or type(error).__name__}): start it with "
            "`cryptotracker up`, or name it with --url."
        ) from error
    except msgspec.DecodeError as error:
        raise UnavailableError(
            f"What answers at {where} is not CryptoTracker's API: name it with --url."
        ) from error
    near = [name for fault in problem["errors"] for name in fault.get("did_you_mean", [])]
    complain(f"{problem['detail']} Near it: {', '.join(near)}" if near else problem["detail"])
    return None


def _lines(route: RouteRow) -> Iterator[str]:
    yield f"{route['asset']}  {route['kind']}, {route['mode']}  {route['id']}"
    yield ""
    for number, leg in enumerate(route.get("legs", []), start=1):
        yield f"  {number}  {_leg(leg)}"
    yield ""
    for line in route.get("receipt", []):
        yield f"  {_part(line):<36} {_bps(line['bps']):>12}"
    yield ""
    yield from _outcome(route)
    yield ""
    if route["takeable"]:
        yield "Nothing that is known keeps it from being taken."
    else:
        yield "It cannot be taken:"
        yield from (f"  {flag}: {_meanings.get(flag, '')}" for flag in route["why_not"])


def _leg(leg: RouteLegRow) -> str:
    where = f"{leg['venue']} > {leg['to_venue']}" if leg["to_venue"] else leg["venue"]
    what = leg["symbol"] or (leg["source"] if leg["kind"] == "move" else "")
    amounts = f"{leg['amount_in']} {leg['source']} > {leg['amount_out']} {leg['target']}"
    fee = "fee not known" if leg["fee"] is None else f"fee {leg['fee']} {leg['fee_currency']}"
    price = f"at {leg['average_price']}" if leg["average_price"] else ""
    if leg["levels"]:
        price += f" on {leg['levels']} level{'s' if leg['levels'] > 1 else ''}"
    age = "" if leg["age_ms"] is None else f"{leg['age_ms']:,.0f} ms old"
    parts = [f"{leg['kind']:<7} {what} {where}".rstrip(), amounts, price]
    return "  ".join(filter(None, [*parts, "" if leg["kind"] == "convert" else fee, age]))


def _part(line: ReceiptLine) -> str:
    return PARTS[line["what"]].format(venue=line["venue"])


def _bps(value: float | None) -> str:
    return "not known" if value is None else f"{value:+,.1f} bps"


def _outcome(route: RouteRow) -> Iterator[str]:
    if not float(route["amount_in"]):
        yield "  no size of it can be carried out"
        return
    dollars = route["profit_usd"]
    in_dollars = "" if dollars is None else f" ({dollars:+,.2f} USD)"
    yield (
        f"  earns {route['profit']} {route['currency']}{in_dollars} "
        f"on {route['amount_in']} {route['currency']}{_limit(route)}"
    )
    rate = route["rate"]
    if rate["source"]:
        yield f"  at a rate of {rate['value']} from {rate['source']}, {rate['age_ms']:,.0f} ms old"
    yield f"  oldest price {route['age_ms']:,.0f} ms, {route['skew_ms']:,.0f} ms before the newest"
    if route["open_s"]:
        yield (
            f"  open for {route['open_s']:,.1f} s, at best {_bps(route['peak_net_bps'])}, "
            f"seen {route['times_seen']} times in 24 hours"
        )


def _limit(route: RouteRow) -> str:
    what, _, leg = route["limited_by"].partition(":")
    legs = route.get("legs", [])
    if what == "depth" and leg.isdecimal() and int(leg) < len(legs):
        return f"; no more: the book of leg {int(leg) + 1} at {legs[int(leg)]['venue']} ends"
    return f"; no more: {LIMITS[what]}" if what in LIMITS else ""
