"""How a venue does, as measures: what its pulse counts and what its clock shows."""

from collections.abc import Iterator
from typing import get_args

from infrastructure.measures import Measure, states_of
from market.events import VenueState
from stream_service.pulse import Pulse

STATES = get_args(VenueState)


def of_pulse(pulse: Pulse) -> Iterator[Measure]:
    """Return what the connections to a venue count."""
    whose = (pulse.venue,)
    yield from states_of("venue_state", pulse.venue, pulse.state, STATES)
    for name in ("instruments", "troubled", "frames", "events", "refused", "reconnects"):
        yield Measure(f"venue_{name}", getattr(pulse, name), whose)
    for name in ("resyncs", "backfilled", "gaps"):
        yield Measure(f"venue_{name}", getattr(pulse, name), whose)
    yield Measure("venue_gap_seconds", pulse.gap_ns / 1e9, whose)
    for name in ("latency", "clock_offset", "clock_error"):
        value_ms: float | None = getattr(pulse, f"{name}_ms")
        if value_ms is not None:
            yield Measure(f"venue_{name}_seconds", value_ms / 1e3, whose)
