"""Which transfers put shares back, and how a rule of when is written; figures worked by hand."""

from collections.abc import Mapping

import pytest

from analytics.backtest.arbitrage.holdings import Balance
from analytics.backtest.arbitrage.rebalancing import HOUR_NS, Rule, moves
from analytics.routes.state import Transfer


def balance(start: float, amount: float, *, held: float = 0.0, coming: float = 0.0) -> Balance:
    return Balance(start, amount, amount, held, coming)


def sent_of(
    places: Mapping[str, Balance], *, fee: float = 0.0, minimum: float | None = None
) -> list[tuple[str, str, float]]:
    def way(source: str, target: str) -> Transfer[float]:
        return Transfer(asset="BTC", source=source, target=target, fee=fee, minimum=minimum)

    return [(one.source, one.target, amount) for one, amount in moves(places, way)]


def test_the_one_that_lacks_most_is_filled_first_by_the_one_that_has_most() -> None:
    """40 in all, 10 each: a lacks 8, b 2; c has 7 and d 3 too much."""
    places = {
        "a": balance(10, 2),
        "b": balance(10, 8),
        "c": balance(10, 17),
        "d": balance(10, 13),
    }

    assert sent_of(places) == [("c", "a", 7.0), ("d", "a", 1.0), ("d", "b", 2.0)]


def test_what_is_wanting_arrives_if_there_is_enough() -> None:
    """a lacks 4 and b 1; so that 4 arrive 4.04 are sent, and for b too little is left to send."""
    places = {"a": balance(10, 6), "b": balance(10, 9), "c": balance(10, 15)}

    assert sent_of(places, fee=0.04) == [("c", "a", 4.04)]


def test_shares_are_those_of_the_start() -> None:
    """Of 30 a is to have one third."""
    assert sent_of({"a": balance(5, 20), "b": balance(10, 10)}) == [("a", "b", 10.0)]


def test_what_orders_have_reserved_is_not_sent() -> None:
    places = {"a": balance(10, 20, held=15), "b": balance(10, 0)}

    assert sent_of(places) == [("a", "b", 5.0)]


@pytest.mark.parametrize(
    ("fee", "minimum", "amount"), [(0.08, None, 9.0), (0.11, None, None), (0.0, 9.5, None)]
)
def test_what_costs_too_much_or_is_too_little_waits(
    fee: float, minimum: float | None, amount: float | None
) -> None:
    """9 are lacking; a fee may take one percent."""
    told = sent_of({"a": balance(10, 19), "b": balance(10, 1)}, fee=fee, minimum=minimum)

    assert told == ([] if amount is None else [("a", "b", amount)])


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("never", None),
        ("daily", Rule(every_ns=24 * HOUR_NS)),
        ("0.5", Rule(every_ns=HOUR_NS // 2)),
        ("below 0.25", Rule(below=0.25)),
    ],
)
def test_rules_are_read(text: str, rule: Rule | None) -> None:
    assert Rule.parse(text) == rule


def test_rules_say_what_they_are() -> None:
    assert [str(Rule.parse(text)) for text in ("daily", "0.5", "below 0.25")] == [
        "every 24 h",
        "every 0.5 h",
        "below 0.25",
    ]


@pytest.mark.parametrize("text", ["", "0", "nan", "-1", "below", "below 2", "daily 3", "weekly"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no way to rebalance: write never, daily"):
        Rule.parse(text)
