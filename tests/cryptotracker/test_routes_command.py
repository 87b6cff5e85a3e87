from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cryptotracker.state_answer import answer
from cryptotracker.state_file import StateError, read_state, state_of
from tests.cryptotracker.test_command_line import outcome

State = dict[str, Any]


def a_state() -> State:
    """Bought for 100 at Binance, sold for 102 at Kraken, two coins of depth each, no fees."""
    return {
        "now_ms": 5_000,
        "config": {"max_age_ms": 1_000, "max_skew_ms": 500, "max_return": "0.10"},
        "venues": {"binance": {"taker_fee": "0"}, "kraken": {"taker_fee": "0"}},
        "usd": {"USDT": "1"},
        "books": [
            a_book("binance", bid="99", ask="100"),
            a_book("kraken", bid="102", ask="103"),
        ],
    }


def a_book(venue: str, *, bid: str, ask: str) -> State:
    return {
        "venue": venue,
        "base": "BTC",
        "quote": "USDT",
        "bids": [[bid, "2"]],
        "asks": [[ask, "2"]],
        "ts_ms": 4_900,
    }


def written(folder: Path, name: str, state: State) -> str:
    path = folder / name
    path.write_text(json.dumps(state), encoding="utf-8")
    return str(path)


async def test_one_answer_a_file_is_printed(tmp_path: Path) -> None:
    pays = written(tmp_path, "pays.json", a_state())
    old = written(tmp_path, "old.json", a_state() | {"now_ms": 9_000})

    status, out, errors = await outcome("routes", "--state", pays, old, folder=tmp_path)

    first, second = map(json.loads, out.splitlines())
    assert status == 0
    assert errors == ""
    assert first["routes"] == [
        {
            "id": "I|binance:USDT>binance:BTC>kraken:BTC>kraken:USDT",
            "legs": ["buy binance:BTC/USDT", "move BTC", "sell kraken:BTC/USDT", "move USDT"],
            "top_rate": "1.02",
            "start": "USDT",
            "size": "200",
            "out": "204",
            "profit": "4",
            "executable": {"in": "200", "out": "204", "profit": "4"},
            "profit_usd": "4",
            "age_ms": 100,
            "skew_ms": 0,
        }
    ]
    assert second["n_routes"] == 0
    assert [book["reason"] for book in second["excluded_books"]] == ["stale", "stale"]


async def test_a_bad_file_is_named_and_the_others_are_answered(tmp_path: Path) -> None:
    state = a_state()
    state["books"][1]["bids"] = [["dear", "2"]]
    bad = written(tmp_path, "bad.json", state)
    good = written(tmp_path, "good.json", a_state())

    status, out, errors = await outcome(
        "routes", "--state", bad, "--state", "none.json", "--state", good, folder=tmp_path
    )

    assert status == 1
    assert json.loads(out)["n_routes"] == 1
    assert errors.splitlines() == [
        f'{bad}: books[1].bids[0][0] is "dear": write it as a decimal number: "0.25"',
        "none.json: No such file or directory: name a file that can be read",
    ]


async def test_without_a_file_it_says_what_to_give(tmp_path: Path) -> None:
    status, out, errors = await outcome("routes", folder=tmp_path)

    assert status == 2
    assert out == ""
    assert "--state FILE" in errors


def test_usd_values_that_nobody_knows_are_said_to_be_unknown() -> None:
    state = a_state()
    del state["usd"]

    assert found(state)["routes"][0]["profit_usd"] is None

    state["config"]["max_capital_usd"] = "50"
    assert found(state)["dropped"][0]["reason"] == "unpriced"


def test_null_is_as_good_as_nothing() -> None:
    state = a_state() | dict.fromkeys(("aliases", "transfers", "premium", "portfolio"))

    assert found(state) == found(a_state())


def test_what_a_state_expects_is_not_looked_at() -> None:
    assert found(a_state() | {"expect": {"n_routes": "many"}}) == found(a_state())


def test_a_book_of_an_asset_in_itself_is_no_part_of_a_route() -> None:
    state = a_state()
    state["books"].append(a_book("kraken", bid="102", ask="103") | {"quote": "BTC"})
    state["aliases"] = {"kraken": {"XBT": "BTC"}}

    assert found(state)["n_routes"] == 1


def test_sides_may_come_in_any_order() -> None:
    state = a_state()
    state["books"][0]["asks"] = [["101", "1"], ["100", "2"]]

    assert found(state)["routes"][0]["top_rate"] == "1.02"


def test_numbers_may_be_written_without_quotes() -> None:
    state = a_state()
    state["books"][0]["asks"] = [[100, 2.0]]

    assert found(state) == found(a_state())


def test_numbers_have_fifteen_digits() -> None:
    state = a_state()
    state["books"][0]["asks"] = [["0.000003", "2"]]
    state["books"][0]["bids"] = []
    state["books"][1]["bids"] = [["0.0000031", "2"]]

    route = found(state)["routes"][0]

    assert route["size"] == "0.000006"
    assert route["top_rate"] == "1.03333333333333"
    assert Decimal(route["profit"]) == Decimal("0.0000002")


Change = Callable[[State], object]

BAD: dict[str, Change] = {
    "now_ms is missing: add it": lambda state: state.pop("now_ms"),
    'now_ms is "noon": write a whole number': lambda state: state.update(now_ms="noon"),
    "config.max_return is missing: add it": lambda state: state["config"].pop("max_return"),
    'config.mode is "both": it may be "inventory" or "transfer"': lambda state: state[
        "config"
    ].update(mode="both"),
    "config.max_age_ms is -1: it may not be below zero": lambda state: state["config"].update(
        max_age_ms=-1
    ),
    "venues.kraken.taker_fee is missing: add it": lambda state: state["venues"].update(kraken={}),
    'venues.kraken.taker_fee is null: write a number, as a string: "0.25"': lambda state: state[
        "venues"
    ].update(kraken={"taker_fee": None}),
    'venues.kraken.taker_fee is 10: it is a fraction of what a trade pays out, "0.001" for 0.1 %': (
        lambda state: state["venues"].update(kraken={"taker_fee": "10"})
    ),
    "venues is []: write an object, in {}": lambda state: state.update(venues=[]),
    'books[1].venue is "kraken", whose fee is not known: add venues.kraken.taker_fee': (
        lambda state: state["venues"].pop("kraken")
    ),
    'books[0].bids[0] is ["1"]: Expected `array` of length 2, got 1': (
        lambda state: state["books"][0].update(bids=[["1"]])
    ),
    'books[0].asks[0][1] is "Infinity": write a finite number of at most 100 digits': (
        lambda state: state["books"][0].update(asks=[["1", "Infinity"]])
    ),
    'books[0].asks[0][1] is "1e999999999": write a finite number of at most 100 digits': (
        lambda state: state["books"][0].update(asks=[["1", "1e999999999"]])
    ),
    'books[0].asks[0][1] is true: write a number, as a string: "0.25"': (
        lambda state: state["books"][0].update(asks=[["1", True]])
    ),
    "books[0].seq_ok is 1: write true or false": lambda state: state["books"][0].update(seq_ok=1),
    "books[1].lot is -1: it may not be below zero": lambda state: state["books"][1].update(
        lot="-1"
    ),
    "usd.USDT is 0: leave it out if it is not known": lambda state: state["usd"].update(USDT="0"),
    "aliases.kraken.TON is 7: write text, in quotes": lambda state: state.update(
        aliases={"kraken": {"TON": 7}}
    ),
    "transfers[0].from is missing: add it": lambda state: state.update(
        transfers=[{"asset": "BTC", "to": "kraken", "fee": "0", "open": True}]
    ),
    "transfers[0].fee is -2: it may not be below zero": lambda state: state.update(
        transfers=[{"asset": "BTC", "from": "a", "to": "b", "fee": "-2", "open": True}]
    ),
}


@pytest.mark.parametrize("complaint", BAD)
def test_what_is_wrong_is_named_with_its_value_and_the_remedy(complaint: str) -> None:
    state = a_state()
    BAD[complaint](state)

    with pytest.raises(StateError) as refused:
        state_of(state)

    assert str(refused.value) == complaint


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[1]", b"null"])
def test_a_file_that_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(StateError, match="is not"):
        read_state(text)


def found(state: State) -> State:
    return json.loads(json.dumps(answer(state_of(state))))  # type: ignore[no-any-return]  # an object
