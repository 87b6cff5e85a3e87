from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from analytics.routes.filling import Fill
from analytics.routes.sizing import Sizing, curve, sized
from analytics.routes.walk import Step, Walk
from tests.analytics.routes.oracle import best, through
from tests.analytics.routes.terms import a_buy, a_move, a_sale, capitals, in_floats, routes

Exact = Step[Fraction]


def test_the_size_is_what_the_thinner_book_holds() -> None:
    steps = [a_buy(("100", "3")), a_sale(("102", "2"), ("99", "9"))]

    sizing = sized(steps)

    assert (sizing.outcome, sizing.limited_by) == ("pays", "marginal")
    assert sizing.size == 200
    assert sizing.profit == 4


def test_the_last_unit_that_does_not_pay_is_left_alone() -> None:
    steps = [a_buy(("100", "1"), ("101", "1"), ("102", "5")), a_sale(("102", "9"))]

    sizing = sized(steps)

    assert sizing.size == 201  # the third level costs what it brings
    assert sizing.limited_by == "marginal"


def test_a_book_that_ends_is_named() -> None:
    steps = [a_buy(("100", "5")), a_move(), a_sale(("102", "2"))]

    sizing = sized(steps)

    assert sizing.limited_by == "depth:2"
    assert sizing.size == 200


def test_capital_ends_it() -> None:
    sizing = sized([a_buy(("100", "5")), a_sale(("102", "5"))], Fraction(50))

    assert sizing.size == 50
    assert sizing.profit == 1
    assert sizing.limited_by == "capital"


def test_a_flat_fee_is_paid_once() -> None:
    steps = [a_buy(("100", "5")), a_move("0.1"), a_sale(("110", "5"))]

    sizing = sized(steps)

    assert sizing.size == 500
    assert sizing.amount_out == Fraction("4.9") * 110


def test_a_flat_fee_that_depth_never_covers_costs_more_than_it_brings() -> None:
    steps = [a_buy(("100", "5")), a_move("6"), a_sale(("110", "5"))]

    assert sized(steps).outcome == "costs"


def test_a_minimum_pushes_the_size_past_the_best_one() -> None:
    steps = [a_buy(("100", "1"), ("103", "9")), a_move(minimum="1.5"), a_sale(("102", "9"))]

    sizing = sized(steps)

    assert (sizing.outcome, sizing.limited_by) == ("pays", "minimum")
    assert sizing.size == 100 + Fraction("51.5")
    assert sizing.profit == Fraction("1.5")


def test_the_minimum_of_a_sale_is_before_its_fee() -> None:
    steps = [a_buy(("100", "1"), ("110", "9")), a_sale(("105", "9"), fee="0.01", minimum="126")]

    sizing = sized(steps)

    assert sizing.size == 100 + 22  # 1.2 coins at 105 are 126
    assert sizing.amount_out == Fraction("1.2") * 105 * Fraction("0.99")


@pytest.mark.parametrize("capital", [Fraction(100), None])
def test_a_minimum_that_cannot_be_met_is_said(capital: Fraction | None) -> None:
    depth = "9" if capital else "1"
    steps = [a_buy(("100", depth), minimum="110"), a_sale(("102", "9"))]

    assert sized(steps, capital).outcome == "minimum"


def test_what_is_not_bought_first_is_not_put_in() -> None:
    steps = [a_buy(("100", "1.25"), lot="0.5"), a_sale(("110", "9"))]

    sizing = sized(steps)

    assert sizing.size == 125
    assert sizing.executable_in == 100
    assert sizing.executable_out == 110


def test_what_cannot_be_sold_later_is_lost() -> None:
    steps = [a_buy(("100", "1.25")), a_sale(("130", "9"), lot="1")]

    sizing = sized(steps)

    assert sizing.executable_in == 125
    assert sizing.executable_out == 130
    assert sizing.fills[1].amount_in == 1


def test_lots_that_leave_no_profit_are_said() -> None:
    steps = [a_buy(("100", "1.25")), a_sale(("110", "9"), lot="1")]

    assert sized(steps).outcome == "lot"


def test_a_lot_may_not_fall_below_a_minimum() -> None:
    steps = [a_buy(("100", "1.25")), a_sale(("130", "9"), lot="1", minimum="131")]

    assert sized(steps).outcome == "lot"


def test_floats_that_are_nearly_whole_lots_are() -> None:
    steps = [in_floats(a_buy(("1", "0.3"), lot="0.1")), in_floats(a_sale(("2", "0.3"), lot="0.1"))]

    sizing = sized(steps)

    assert sizing.executable_in == pytest.approx(0.3)  # 0.3 / 0.1 is 2.9999999999999996
    assert sizing.executable_out == pytest.approx(0.6)


def test_each_leg_says_what_it_takes_and_pays() -> None:
    steps = [
        a_buy(("100", "1"), ("101", "1"), fee="0.01"),
        a_move("0.08"),
        a_sale(("120", "1"), ("118", "9"), fee="0.1"),
    ]

    bought, moved, sold = sized(steps).fills

    assert bought == Fill(
        amount_in=Fraction(201),
        amount_out=Fraction("1.98"),
        best=Fraction(100),
        average=Fraction("100.5"),
        worst=Fraction(101),
        levels=2,
        fee=Fraction("0.02"),
        fee_asset="BTC",
    )
    assert moved.amount_out == Fraction("1.9")
    assert moved.fee == Fraction("0.08")
    assert moved.levels == 0
    assert sold.amount_out == (120 + Fraction("0.9") * 118) * Fraction("0.9")
    assert sold.worst == 118
    assert (sold.levels, sold.fee_asset) == (2, "USDT")


def test_a_comparison_goes_through_its_rate() -> None:
    rate = Step(kind="convert", fee=Fraction(0), levels=((Fraction(1, 1000), Fraction(1)),))
    steps = [a_buy(("100", "3")), a_sale(("105000", "2")), rate]

    sizing = sized(steps)

    assert sizing.size == 200
    assert sizing.amount_out == 210


def test_a_curve_bends_at_the_size() -> None:
    steps = [a_buy(("100", "1"), ("110", "9")), a_sale(("105", "9"))]

    points = curve(steps, sized(steps).size)

    assert [point.amount_in for point in points] == [12.5 * i for i in range(9)] + [
        125.0,
        150.0,
        175.0,
        200.0,
    ]
    assert max(points, key=lambda point: point.profit).amount_in == 100.0
    assert points[8].profit == 5.0
    assert points[-1].profit == pytest.approx(5.0 - 100.0 * (1 - 105 / 110))


def test_a_curve_ends_where_depth_does() -> None:
    steps = [a_buy(("100", "1")), a_sale(("105", "9"))]

    points = curve(steps, Fraction(100))

    assert len(points) == 9
    assert (points[-1].amount_in, points[-1].profit) == (100.0, 5.0)


def test_a_route_that_begins_with_a_move_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with a trade"):
        Walk([a_move(), a_sale(("100", "1"))])


@settings(max_examples=300)
@given(steps=routes(with_lots=True), capital=capitals())
def test_the_walk_finds_what_trying_every_corner_does(
    steps: tuple[Exact, ...], capital: Fraction | None
) -> None:
    tried = best(steps, capital)

    sizing = sized(steps, capital)

    assert sizing.outcome == tried.outcome
    if tried.size is not None:
        assert (sizing.size, sizing.amount_out) == (tried.size, tried.amount_out)
    if tried.executable is not None:
        assert (sizing.executable_in, sizing.executable_out) == tried.executable


@settings(max_examples=200)
@given(steps=routes(), capital=capitals())
def test_floats_find_what_fractions_do(steps: tuple[Exact, ...], capital: Fraction | None) -> None:
    exact = sized(steps, capital)

    rounded = sized(
        [in_floats(step) for step in steps], None if capital is None else float(capital)
    )

    if exact.outcome == "pays" and exact.profit / exact.size > 1e-9:  # else a last digit decides
        assert rounded.outcome == "pays"
        assert rounded.amount_out - rounded.size == pytest.approx(
            float(exact.profit), rel=1e-9, abs=1e-12 * float(exact.size)
        )


@settings(max_examples=200)
@given(steps=routes(), at=st.integers(0, 3), more=st.sampled_from([Fraction(1, 100), Fraction(2)]))
def test_a_fee_never_makes_a_route_better(
    steps: tuple[Exact, ...], at: int, more: Fraction
) -> None:
    raised = list(steps)
    step = steps[at % len(steps)]
    dearer = step.fee + (more if step.kind == "move" else (1 - step.fee) * Fraction(1, 100))
    raised[at % len(steps)] = replace(step, fee=dearer)

    assert earned(sized(raised)) <= earned(sized(steps))


@settings(max_examples=100)
@given(steps=routes())
def test_a_curve_is_what_the_books_say(steps: tuple[Exact, ...]) -> None:
    sizing = sized(steps)
    if sizing.size == 0:
        return

    points = curve(steps, sizing.size)

    assert len(points) >= 8
    for i, point in enumerate(points[:9]):
        amounts = through(steps, sizing.size * i / 8)
        assert amounts is not None
        assert point.profit == pytest.approx(float(amounts[-1] - amounts[0]), abs=1e-12)


def test_random_routes_are_of_every_outcome() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=150, database=None, derandomize=True)
    @given(steps=routes(with_lots=True), capital=capitals())
    def look(steps: Sequence[Exact], capital: Fraction | None) -> None:
        seen[sized(steps, capital).outcome] += 1

    look()

    assert min(seen[outcome] for outcome in ("pays", "costs", "minimum", "lot")) >= 5


def earned(sizing: Sizing[Fraction]) -> Fraction:
    return sizing.profit if sizing.outcome in {"pays", "lot"} else Fraction(0)
