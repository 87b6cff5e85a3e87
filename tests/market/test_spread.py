from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import Instrument
from market.spread import is_in_shard, ranked, shard_of, shared_out

names = st.sets(st.text(min_size=1, max_size=12), min_size=1, max_size=9)
things = [f"COIN{number}.USDT" for number in range(3_000)]


@given(partitions=st.integers(1, 40), members=names)
def test_every_partition_has_an_owner_and_nobody_has_two_more_than_another(
    partitions: int, members: set[str]
) -> None:
    owners = shared_out(partitions, members)

    held = Counter(owners.values())
    counts = [held[name] for name in members]
    assert sorted(owners) == list(range(partitions))
    assert max(counts) - min(counts) <= 1


@given(partitions=st.integers(1, 40), members=names)
def test_all_members_find_the_same_owners(partitions: int, members: set[str]) -> None:
    assert shared_out(partitions, sorted(members)) == shared_out(
        partitions, sorted(members, reverse=True)
    )


def test_without_members_there_is_nothing_to_share_out() -> None:
    with pytest.raises(ValueError, match="nobody"):
        shared_out(4, [])


def test_who_leaves_moves_little_but_its_own() -> None:
    members = [f"host{number}:7" for number in range(8)]
    before, after = shared_out(64, members), shared_out(64, members[1:])

    moved = [one for one in before if before[one] != after[one]]

    assert set(before.values()) == set(members)
    assert len([one for one in before if before[one] == members[0]]) == 8
    assert len(moved) <= 3 * 8


@given(things=st.sets(st.text(max_size=20), max_size=50), count=st.integers(1, 12))
def test_shards_together_have_everything_once(things: set[str], count: int) -> None:
    shards = [[one for one in things if shard_of(one, count) == k] for k in range(count)]

    assert sorted(one for shard in shards for one in shard) == sorted(things)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8])
def test_one_shard_more_moves_what_it_gets_and_nothing_else(count: int) -> None:
    moved = [one for one in things if shard_of(one, count) != shard_of(one, count + 1)]

    assert {shard_of(one, count + 1) for one in moved} == {count}
    assert len(moved) / len(things) == pytest.approx(1 / (count + 1), rel=0.15)


@pytest.mark.parametrize("count", [2, 3, 4, 8])
def test_shards_are_about_as_large_as_one_another(count: int) -> None:
    sizes = Counter(shard_of(one, count) for one in things)

    assert min(sizes.values()) > 0.8 * len(things) / count


def test_each_thing_has_an_order_of_its_own() -> None:
    orders = {tuple(ranked(thing, ("a", "b", "c"))) for thing in things}

    assert len(orders) == 6


@given(coins=st.sets(st.text("ABCXYZ019", min_size=1, max_size=6)), count=st.integers(1, 8))
def test_every_instrument_is_followed_by_exactly_one_of_the_streams(
    coins: set[str], count: int
) -> None:
    shards = [f"{number}/{count}" for number in range(1, count + 1)]

    for coin in coins:
        instrument = Instrument(coin, "USDT")
        assert sum(is_in_shard(instrument, shard) for shard in shards) == 1
        assert is_in_shard(instrument, "")
