"""Keys blotted out of what leaves us: text, and bodies that a service echoes them in."""

import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "********"


class Redaction:
    """Knows the keys in every spelling that they may come back in."""

    def __init__(self, keys: Iterable[str]) -> None:
        spellings = {spelling for key in keys if key for spelling in _spellings(key)}
        self._spellings = sorted(spellings, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return ``text`` without the keys."""
        for spelling in self._spellings:
            text = text.replace(spelling, MASK)
        return text

    def body(self, body: bytes) -> bytes:
        """Return ``body`` without the keys; as long as it holds none it stays as it is."""
        for spelling in self._spellings:
            body = body.replace(spelling.encode(), MASK.encode())
        return body


def _spellings(key: str) -> Iterable[str]:
    return key, quote(key, safe=""), quote_plus(key), quote(key), json.dumps(key)[1:-1]
