"""The services that are polled, under the same fire as the sessions of `campaign`."""

from collections import Counter
from random import Random

from market import FrameError, Instrument, VenueRefusedError
from tests.venues.oracle.campaign import FRAMES_A_LIFE, FailedError, Sample
from tests.venues.oracle.mutating import mutated, places_of
from tests.venues.oracle.truth import untrue
from tests.venues.polled_cases import ANSWERS, POLLED, RECEIVED, a_body


class PolledLife:
    """One poller that reads damaged answers, and good ones still."""

    def __init__(self, venue: str, name: str) -> None:
        self.random = Random(f"{venue} {name}")  # noqa: S311  # it must be the same again
        self.counts: Counter[str] = Counter()
        self.poller = POLLED[venue].poller(None)
        self.samples: list[Sample] = []
        for answer in ANSWERS[venue]:
            body = a_body(venue, answer)
            if (request := self.poller.recognise(body, "")) is not None:
                self.samples.append(Sample(body, places_of(body), request))

    def run(self, frames: int = FRAMES_A_LIFE) -> Counter[str]:
        """Read so many damaged answers; return what came of them.

        Raises:
            FailedError: something came out that cannot be, or a good answer is read no more.

        """
        good = {sample.body: self._said(sample, sample.body) for sample in self.samples}
        for _ in range(frames):
            sample = self.random.choice(self.samples)
            other = self.random.choice(self.samples).body
            self.counts["frames"] += 1
            self._said(sample, mutated(sample.body, sample.places, other, self.random))
        for sample in self.samples:
            if self._said(sample, sample.body) != good[sample.body]:
                raise FailedError(f"a good answer is read in another way now: {sample.body!r}")
        return self.counts

    def _said(self, sample: Sample, body: bytes) -> list[tuple[str, Instrument | None]]:
        assert sample.request is not None
        try:
            self.poller.recognise(body, "")
            events = self.poller.answered(sample.request, body, RECEIVED)
        except FrameError:
            self.counts["refused"] += 1
            return []
        except VenueRefusedError:
            self.counts["venue refused"] += 1
            return []
        except Exception as error:
            raise FailedError(f"{error!r} from {body!r}") from error
        said = [(type(event).__name__, getattr(event, "instrument", None)) for event in events]
        known = {instrument for _, instrument in said if instrument is not None}
        for event in events:
            self.counts[type(event).__name__] += 1
            if fault := untrue(event, known, RECEIVED):
                raise FailedError(f"{fault} in {event} of {body!r}")
        return said
