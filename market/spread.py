"""Who of several has what, such that few things move when one comes or goes.

Rendezvous hashing: of each thing and each name a weight is drawn by hashing the two, and the thing
falls to the name of the greatest. Everybody who knows the names finds the same, and who leaves only
moves what was its own.
"""

from collections.abc import Collection, Iterable
from functools import lru_cache
from hashlib import blake2b

from market.instrument import Instrument

ANY = "any"
"""In place of a shard's number: one that nobody has, such as ``any/4``."""


def ranked(thing: str, names: Iterable[str]) -> list[str]:
    """Return the names, those that ``thing`` would rather fall to first."""
    return sorted(names, key=lambda name: (_weight(thing, name), name), reverse=True)


@lru_cache(maxsize=100_000)
def shard_of(thing: str, count: int) -> int:
    """Return which of ``count`` shards has ``thing``; with one more, one in ``count + 1`` moves."""
    return max(range(count), key=lambda number: _weight(thing, str(number)))


def is_in_shard(instrument: Instrument, shard: str) -> bool:
    """Tell whether an instrument, at whatever venue, is in a shard such as ``2/4``.

    The empty shard has everything.
    """
    if not shard:
        return True
    number, _, count = shard.partition("/")
    return shard_of(f"{instrument.base}.{instrument.quote_currency}", int(count)) == int(number) - 1


def shard_name(shard: str) -> str:
    """Return a shard as a word of a name: ``2-of-4``."""
    return shard.replace("/", "-of-")


def shared_out(partitions: int, names: Collection[str]) -> dict[int, str]:
    """Return who has each partition: all have as many as one another, but for one.

    Raises:
        ValueError: there is nobody.

    """
    if not names:
        raise ValueError("nobody is there to share the partitions")
    few, more = divmod(partitions, len(names))
    held: dict[str, int] = dict.fromkeys(names, 0)
    owners: dict[int, str] = {}
    for partition in range(partitions):
        name = next(
            name
            for name in ranked(str(partition), names)
            if held[name] < few or (held[name] == few and more)
        )
        more -= held[name] == few
        held[name] += 1
        owners[partition] = name
    return owners


def _weight(thing: str, name: str) -> bytes:
    return blake2b(f"{name} {thing}".encode(), digest_size=8).digest()
