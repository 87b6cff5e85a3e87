"""Recordings of what a venue sent: entries in, the bytes of a file out, and back.

A recording is a gzip file of entries one after the other. Each is a line of JSON that says what it
is, and where it has a body, such as a frame, ``bytes`` counts the bytes that follow the line, as
they came, with a line feed after them: no byte is changed, whatever it is. `zcat FILE | less` shows
it all.

    {"kind":"start","format":1,"version":"0.1.0","venue":"kraken","started_ns":…,"listings":[…]}
    {"kind":"connection","link":1,"symbols":["BTC/USD"],"at_ns":…}
    {"kind":"frame","link":1,"at_ns":1790000000000000000,"bytes":24}
    {"channel":"heartbeat"}
    {"kind":"answer","path":"/0/public/Trades?pair=…","about":["trades",…],"at_ns":…,"bytes":345}
    …
    {"kind":"lacking","records":12,"at_ns":…}

``start`` stands at the top of each file and again whenever the listing changed; ``connection``
stands before the frames of a new connection, which ``link`` numbers, and at the top of a file again
for those that are open. ``lacking`` says that so many frames and answers are not there. Headers of
requests, and with them keys, are never written. What was flushed reads well although the file is
cut anywhere behind it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Annotated, BinaryIO, Literal, TypeAlias

import msgspec

from market import Instrument, Listing, SettingsError
from stream_service.venue import HttpRequest

FORMAT = 1
GZIP = b"\x1f\x8b"
"""What a recording begins with."""

LEVEL = 3
"""Of compression; on books and quotes a fifth larger than 6 makes them, in half the time."""

AT_ONCE = 4 * 1024
"""Bytes that are inflated in one step; where a file is damaged so much before that is lost."""

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=64 * 2**20)]
"""Bytes of a body; more is no frame."""


class UnreadableError(SettingsError):
    """A file is no recording that can be read."""


class _Entry(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=str.lower, tag_field="kind"
):
    """``at_ns``: nanoseconds since the epoch, by our clock."""


class Start(_Entry, frozen=True):
    """Whose recording it is; ``listings`` are those of the instruments that are followed."""

    format: int
    version: str
    venue: str
    started_ns: int
    listings: tuple[Listing, ...] = ()


class Connection(_Entry, frozen=True):
    """A new connection, subscribed to ``symbols``."""

    link: int
    symbols: tuple[str, ...]
    at_ns: int


class Frame(_Entry, frozen=True):
    """The head of a frame."""

    link: int
    at_ns: int
    bytes: Count


class Answer(_Entry, frozen=True):
    """The head of the answer to a request; see `HttpRequest`."""

    path: str
    at_ns: int
    bytes: Count
    method: Literal["GET", "POST"] = "GET"
    host: str = ""
    about: tuple[str, Instrument | None] | None = None

    @property
    def request(self) -> HttpRequest:
        """The request, without its headers."""
        return HttpRequest(self.path, self.about, self.method, host=self.host)


class Lacking(_Entry, frozen=True):
    """So many frames and answers came faster than they could be written."""

    records: int
    at_ns: int


Entry: TypeAlias = Start | Connection | Frame | Answer | Lacking

_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def written(entry: Entry, body: bytes = b"") -> bytes:
    """Return an entry as it stands in the file, before compression."""
    head = _encode(entry)
    return b"%b\n%b\n" % (head, body) if isinstance(entry, Frame | Answer) else head + b"\n"


class Compressor:
    """Makes the bytes of one file."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def add(self, plain: bytes | bytearray) -> bytes:
        """Take what was written; return what is ready for the file, perhaps nothing yet."""
        return self._zlib.compress(plain)

    def flush(self) -> bytes:
        """Return what makes all that was taken readable."""
        return self._zlib.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        """Return the end of the file."""
        return self._zlib.flush()


class Reader:
    """Reads a recording up to its end, or to where it was cut.

    ``cut`` says, once all was read, why the end is not that of the recording; empty: it is.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.cut = ""
        self._file = file
        self._name = name

    def entries(self) -> Iterator[tuple[Entry, bytes]]:
        """Yield each entry with its body.

        Raises:
            UnreadableError: it is no recording, or one of a later version of this program.

        """
        waiting = b""
        is_begun = False
        for plain in self._plain():
            text, end = waiting + plain, 0
            while entry_end := self._end_of_entry(text, end):
                entry, body, end = entry_end
                if not is_begun:
                    self._check(entry)
                    is_begun = True
                yield entry, body
            waiting = text[end:]
        if waiting and not self.cut:
            self.cut = "it ends within an entry"
        if not is_begun:
            raise UnreadableError(f"{self._name} is no recording: {self.cut or 'it is empty'}")

    def _plain(self) -> Iterable[bytes]:
        """Yield what is in the file; one that was rotated by hand may hold several streams."""
        inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            while packed := self._file.read(AT_ONCE):
                while packed:
                    yield inflate.decompress(packed)
                    packed = inflate.unused_data
                    if inflate.eof:
                        inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        except zlib.error as error:  # also where it is no gzip file
            self.cut = f"it is damaged ({error})"

    def _check(self, entry: Entry) -> None:
        if not isinstance(entry, Start):
            raise UnreadableError(f"{self._name} is no recording: it has no start")
        if entry.format > FORMAT:
            raise UnreadableError(
                f"{self._name} was written by version {entry.version}, which knows format "
                f"{entry.format}; this one reads up to {FORMAT}"
            )

    def _end_of_entry(self, text: bytes, start: int) -> tuple[Entry, bytes, int] | None:
        """Return the entry that begins at ``start`` and where it ends; None: it is not whole."""
        line_end = text.find(b"\n", start)
        if line_end < 0:
            return None
        try:
            entry = _decoder.decode(memoryview(text)[start:line_end])
        except msgspec.DecodeError as error:
            raise UnreadableError(f"{self._name} holds what is no entry: {error}") from error
        if not isinstance(entry, Frame | Answer):
            return entry, b"", line_end + 1
        end = line_end + 1 + entry.bytes
        return (entry, text[line_end + 1 : end], end + 1) if end < len(text) else None
