"""Errors of the network are told in words that say what to look at."""

import httpx2
import pytest

from stream_service.refusals import in_words
from tests.processes import free_port


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError("[Errno 111] Connect call failed ('127.0.0.1', 9)"), "nobody listens"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 101] No"), "nobody"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection was cut"),
        (OSError(101, "Network is unreachable"), "is there Internet?"),
        (OSError("[Errno -3] Temporary failure in name resolution"), "its name is not known"),
        (TimeoutError(), "no answer in time"),
        (httpx2.ConnectTimeout(""), "no answer in time"),
        (TimeoutError("nothing heard for 3.0 s"), "nothing heard for 3.0 s"),
        (ValueError(), "ValueError"),
    ],
)
def test_what_an_error_means_is_said(error: Exception, words: str) -> None:
    assert words in in_words(error)
    assert "Errno" not in in_words(error)


async def test_a_request_to_an_address_where_nobody_listens_is_told_in_words() -> None:
    async with httpx2.AsyncClient(trust_env=False) as http:
        with pytest.raises(httpx2.ConnectError) as caught:
            await http.get(f"http://127.0.0.1:{free_port()}/")

    assert in_words(caught.value) == "nobody listens at its address"
