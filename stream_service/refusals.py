"""What people are told of an answer that is none: its status and its body in, words out."""

import re
from http import HTTPStatus

TEXT_AT_MOST = 200

CAUSES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the key is missing or wrong",
    HTTPStatus.FORBIDDEN: (
        "this address is turned away: its country is not served, it asked too often, or the key "
        "may not do that"
    ),
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "the proxy wants a name and a password",
    HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS: "the country of this address is not served",
}

_unseen = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.DOTALL | re.IGNORECASE)


def why_refused(status: int, text: str = "") -> str:
    """Return the status, what it may mean, and what the answer says, which may be a page."""
    cause = CAUSES.get(status)
    said = _words_of(text)[:TEXT_AT_MOST]
    head = f"{status} ({cause})" if cause else str(status)
    return f"{head}: {said}" if said else head


def _words_of(text: str) -> str:
    """Leave of a page what a reader sees of it."""
    if text.lstrip()[:1] == "<":
        text = _unseen.sub(" ", text)
    return " ".join(text.split())
