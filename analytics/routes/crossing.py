"""The premium of any market over any other, from what each has over a third."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from analytics.routes.premium import crossed
from market import Instrument, Premium


def over(venue: str, premiums: Iterable[Premium]) -> Iterator[Premium]:
    """Yield the premiums of all other venues' markets over each market of ``venue``.

    Args:
        venue: Whose markets are held against.
        premiums: The latest, each over the one reference market of its asset.

    """
    told = list(premiums)
    known: dict[tuple[str, Instrument, Instrument, str], Premium] = {}
    for one in _held_against(venue, told):
        known.setdefault((one.venue, one.instrument, one.reference, one.basis), one)
    yield from known.values()


def _held_against(venue: str, told: Sequence[Premium]) -> Iterator[Premium]:
    """Yield them, some twice: what two markets of one currency are apart has no need of a rate."""
    yield from (one for one in told if one.reference_venue == venue)
    for reference in told:
        if reference.venue == venue:
            yield _turned(reference)
            for one in told:
                yield from _over(one, reference)


def _over(one: Premium, other: Premium) -> Iterator[Premium]:
    is_same_asset = (one.instrument.base, one.reference) == (other.instrument.base, other.reference)
    if not is_same_asset or one.venue == other.venue:
        return
    if one.instrument.quote_currency == other.instrument.quote_currency:
        if one.basis == other.basis:
            yield _crossed(one, other, rate_source="", rate_age_ns=0)
    elif one.basis == other.basis or "same" in (one.basis, other.basis):
        sources = [rate for rate in (one.rate_source, other.rate_source) if rate]
        age_ns = max(one.rate_age_ns, other.rate_age_ns)
        yield _crossed(one, other, rate_source=" / ".join(sources), rate_age_ns=age_ns)


def _crossed(one: Premium, other: Premium, *, rate_source: str, rate_age_ns: int) -> Premium:
    basis = other.basis if one.basis == "same" else one.basis
    rate = one.rate / other.rate if rate_source else 1.0
    return replace(
        one,
        reference_venue=other.venue,
        reference=other.instrument,
        basis=basis if rate_source else "same",
        premium=crossed(one.premium, other.premium),
        rate=rate,
        rate_source=rate_source,
        rate_age_ns=rate_age_ns,
        age_ns=max(one.age_ns, other.age_ns),
        event_ns=max(one.event_ns, other.event_ns),
        received_ns=min(one.received_ns, other.received_ns),
    )


def _turned(premium: Premium) -> Premium:
    """Return the premium of the reference market over this one."""
    return replace(
        premium,
        venue=premium.reference_venue,
        instrument=premium.reference,
        reference_venue=premium.venue,
        reference=premium.instrument,
        premium=crossed(0.0, premium.premium),
        rate=1.0 / premium.rate,
        rate_source=f"1 / {premium.rate_source}" if premium.rate_source else "",
    )
