"""When the life of a route begins, goes on and ends, and who tells of it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from analytics.routes.lives import DAY_NS, FLICKER_NS, Lives, Sight
from market import Episode
from tests.making import SECOND

NOW = 1_000 * SECOND
ROUTE = "I|a:USDT>a:BTC>b:BTC>b:USDT"


def pays(net_bps: float = 10.0, profit_usd: float | None = 1.0) -> Sight:
    return Sight(
        route_id=ROUTE,
        base="BTC",
        type="direct",
        mode="inventory",
        net_bps=net_bps,
        profit_usd=profit_usd,
    )


def lived(opened_ns: int, closed_ns: int) -> Episode:
    lives = Lives()
    lives.note(pays(), opened_ns)
    lives.end(ROUTE, "prices", closed_ns)
    (episode,) = lives.closed(closed_ns + SECOND)
    return episode


def test_life_goes_from_the_first_quote_that_paid_to_the_first_that_did_not() -> None:
    lives = Lives()

    lives.note(pays(10.0, 1.0), NOW)
    lives.note(pays(30.0, 3.0), NOW + 1)
    lives.note(pays(20.0, 2.0), NOW + 2)
    lives.end(ROUTE, "stale", NOW + 3)
    lives.end(ROUTE, "prices", NOW + 4)
    (episode,) = lives.closed(NOW + SECOND)

    assert (episode.opened_ns, episode.closed_ns, episode.reason) == (NOW, NOW + 3, "stale")
    assert (episode.peak_net_bps, episode.peak_profit_usd, episode.peak_ns) == (30.0, 3.0, NOW + 1)
    assert (episode.updates, episode.event_ns) == (2, NOW + 3)
    assert lives.closed(NOW + 2 * SECOND) == []


def test_peak_of_a_route_without_a_worth_is_that_of_its_return() -> None:
    lives = Lives()
    for passed, net_bps in enumerate((10.0, 30.0, 20.0)):
        lives.note(pays(net_bps, None), NOW + passed)

    life = lives.life(ROUTE)

    assert life is not None
    assert (life.peak_profit_usd, life.peak_ns) == (None, NOW + 1)


def test_route_that_pays_again_within_a_flicker_goes_on() -> None:
    lives = Lives()

    lives.note(pays(), NOW)
    lives.end(ROUTE, "prices", NOW + SECOND)
    lives.note(pays(), NOW + SECOND + FLICKER_NS)
    meanwhile = lives.closed(NOW + 2 * SECOND)
    lives.end(ROUTE, "prices", NOW + 3 * SECOND)
    (episode,) = lives.closed(NOW + 4 * SECOND)

    assert meanwhile == []
    assert (episode.opened_ns, episode.closed_ns) == (NOW, NOW + 3 * SECOND)


def test_route_that_pays_again_later_lives_anew() -> None:
    lives = Lives()

    lives.note(pays(), NOW)
    lives.end(ROUTE, "prices", NOW + SECOND)
    lives.note(pays(), NOW + SECOND + FLICKER_NS + 1)
    (first,) = lives.closed(NOW + SECOND + 1)

    assert (first.opened_ns, first.closed_ns) == (NOW, NOW + SECOND)
    assert lives.alive() == {ROUTE}
    assert lives.times_seen(ROUTE, NOW + 2 * SECOND) == 2
    assert lives.times_seen(ROUTE, NOW + DAY_NS + 1) == 1
    assert lives.times_seen(ROUTE, NOW + 2 * DAY_NS) == 0


def test_route_that_does_not_outlive_its_first_quotes_has_not_lived() -> None:
    lives = Lives()

    lives.note(pays(), NOW)
    lives.end(ROUTE, "prices", NOW)

    assert lives.closed(NOW + SECOND) == []
    assert lives.times_seen(ROUTE, NOW) == 0


def test_end_of_what_does_not_live_is_nothing() -> None:
    lives = Lives()

    lives.end(ROUTE, "prices", NOW)

    assert lives.closed(NOW + SECOND) == []


def test_what_the_leader_told_is_not_told_again_whatever_the_standby_saw() -> None:
    standby = Lives()
    standby.note(pays(), NOW + 5)
    standby.end(ROUTE, "prices", NOW + SECOND)

    standby.hear(lived(NOW, NOW + SECOND + 7))

    assert standby.closed(NOW + 2 * SECOND) == []


def test_life_that_a_standby_holds_open_begins_after_the_one_that_the_leader_told() -> None:
    standby = Lives()
    standby.note(pays(), NOW)

    standby.hear(lived(NOW, NOW + SECOND))
    standby.end(ROUTE, "prices", NOW + 2 * SECOND)
    (episode,) = standby.closed(NOW + 3 * SECOND)

    assert (episode.opened_ns, episode.closed_ns) == (NOW + SECOND + 1, NOW + 2 * SECOND)


def test_new_leader_tells_only_what_nobody_told_and_what_is_new() -> None:
    standby = Lives()
    told = lived(NOW, NOW + SECOND)
    untold = lived(NOW + 2 * SECOND, NOW + 3 * SECOND)
    of_long_ago = lived(NOW - 60 * SECOND, NOW - 50 * SECOND)
    standby.hear(lived(NOW + 1, NOW + SECOND - 1))

    assert standby.untold([of_long_ago, told, untold], NOW + 4 * SECOND) == [untold]


steps = st.lists(st.tuples(st.booleans(), st.integers(1, SECOND)), max_size=30)


@given(steps)
def test_lives_of_a_route_follow_each_other_and_hold_every_time_it_paid(
    seen: list[tuple[bool, int]],
) -> None:
    lives, at_ns, paid_ns, told = Lives(), NOW, [], list[Episode]()
    for does_pay, passed_ns in seen:
        at_ns += passed_ns
        if does_pay:
            lives.note(pays(), at_ns)
            paid_ns.append(at_ns)
        else:
            lives.end(ROUTE, "prices", at_ns)
        told += lives.closed(at_ns)
    lives.end(ROUTE, "prices", at_ns + 1)
    told += lives.closed(at_ns + SECOND)

    assert all(one.opened_ns < one.closed_ns for one in told)
    assert all(before.closed_ns + FLICKER_NS < after.opened_ns for before, after in pairwise(told))
    for moment in paid_ns:
        assert sum(one.opened_ns <= moment < one.closed_ns for one in told) == 1
