"""Every error of the system.

CryptoTrackerError
├── SettingsError               the operator must change something; the process stops
├── FrameError                  a venue sent what we cannot read; the frame is counted and skipped
├── VenueRefusedError           a venue turned the subscription down; the connection is made anew
│   └── VenueBusyError          a venue asks us to wait; it is asked again after ``wait_s``
├── PoisonousError              some events of a batch cannot be handled; they are put aside
├── UnavailableError            what we stand on is away; wait and try again, nothing is lost
│   ├── BusUnavailableError     the message broker
│   ├── StoreUnavailableError   the time-series store
│   └── ArchiveUnavailableError the archive
├── ArchiveError                the archive is not what it must be; nothing expires until it is
├── SpoolError                  the disk fails that keeps what waits; the process stops
└── GaveUpError                 an actor failed too often within its window; the process stops
"""

from collections.abc import Sequence

from market.events import Event


class CryptoTrackerError(Exception):
    """Base of the errors raised on purpose; anything else is a bug."""


class SettingsError(CryptoTrackerError):
    """A setting is missing or makes no sense; the text names it and the remedy."""


class PortError(SettingsError):
    """An address cannot be listened on; the text says why and what to do."""


class FrameError(CryptoTrackerError):
    """A frame does not have the shape that its venue documents, or a value that can be true."""

    def __init__(self, venue: str, frame: bytes, reason: str) -> None:
        super().__init__(f"{venue}: {reason}: {frame[:200]!r}")
        self.venue = venue
        self.frame = frame
        self.reason = reason


class VenueRefusedError(CryptoTrackerError):
    """A venue answered a subscription with an error."""


class VenueBusyError(VenueRefusedError):
    """A venue answers no more requests of ours for ``wait_s`` seconds."""

    def __init__(self, reason: str, *, wait_s: float) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class PoisonousError(CryptoTrackerError, ValueError):
    """Some events of a batch cannot be handled; all others of it are.

    ``reasons`` holds those events themselves, not copies, each with what is wrong with it.
    """

    def __init__(self, reasons: Sequence[tuple[Event, str]]) -> None:
        event, why = reasons[0]
        more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        super().__init__(f"{why}: {str(event)[:300]}{more}")
        self.reasons = reasons


class UnavailableError(CryptoTrackerError):
    """A server that we stand on does not answer, or not well."""


class BusUnavailableError(UnavailableError):
    """The message broker does not take or give messages."""


class StoreUnavailableError(UnavailableError):
    """The time-series store does not take writes or answer queries."""


class ArchiveUnavailableError(UnavailableError):
    """The archive cannot be read or written, or is being written by another process."""


class ArchiveError(CryptoTrackerError):
    """A file of the archive is damaged, or is not what was to be written; the text says which."""


class SpoolError(CryptoTrackerError):
    """The disk that keeps what waits for the broker fails, or holds what was not written to it."""


class GaveUpError(CryptoTrackerError):
    """An actor failed more often than its supervisor allows."""
