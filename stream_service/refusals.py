"""What people are told of an answer that is none: a status or an error in, words out."""

import errno
import re
import socket
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

UNKNOWN_NAME = "its name is not known here: is there Internet?"

OF_THE_SYSTEM: dict[int, str] = {
    errno.ECONNREFUSED: "nobody listens at its address",
    errno.ECONNRESET: "the connection was cut",
    errno.ECONNABORTED: "the connection was cut",
    errno.EPIPE: "the connection was cut",
    errno.ETIMEDOUT: "no answer in time",
    errno.ENETUNREACH: "there is no way to it: is there Internet?",
    errno.EHOSTUNREACH: "there is no way to it: is there Internet?",
    socket.EAI_NONAME: UNKNOWN_NAME,
    socket.EAI_AGAIN: UNKNOWN_NAME,
    socket.EAI_NODATA: UNKNOWN_NAME,
}
"""By the number that the system gives an error; those of names are negative, or large."""

OF_LIBRARIES = {
    "All connection attempts failed": OF_THE_SYSTEM[errno.ECONNREFUSED],
    "Server disconnected without sending a response.": "it hung up instead of answering",
}

_number = re.compile(r"\[Errno (-?\d+)\]")
_unseen = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.DOTALL | re.IGNORECASE)


def why_refused(status: int, text: str = "") -> str:
    """Return the status, what it may mean, and what the answer says, which may be a page."""
    cause = CAUSES.get(status)
    said = _words_of(text)[:TEXT_AT_MOST]
    head = f"{status} ({cause})" if cause else str(status)
    return f"{head}: {said}" if said else head


def in_words(error: BaseException) -> str:
    """Return what an error of the network means; what is no such error is returned as it is."""
    text = str(error)
    number = _number.search(text)
    known = OF_THE_SYSTEM.get(int(number[1])) if number else OF_LIBRARIES.get(text)
    if known:
        return known
    if not text and "Timeout" in type(error).__name__:
        return OF_THE_SYSTEM[errno.ETIMEDOUT]
    return text or type(error).__name__


def _words_of(text: str) -> str:
    """Leave of a page what a reader sees of it."""
    if text.lstrip()[:1] == "<":
        text = _unseen.sub(" ", text)
    return " ".join(text.split())
