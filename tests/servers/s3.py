"""A server that speaks S3, for the archive: one that is named, else moto on a private port.

Moto cannot live beside the packages of the project, so it may have a Python of its own.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest

BUCKET = "market"

URL_VARIABLE = "CRYPTOTRACKER_TEST_S3_URL"
"""Where a server is that has the bucket, or takes one from anybody."""

PYTHON_VARIABLE = "CRYPTOTRACKER_TEST_S3_PYTHON"
"""A Python that has ``moto[s3,server]``."""

REQUIRE_VARIABLE = "CRYPTOTRACKER_REQUIRE_SERVERS"

SERVER = """
import threading
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
threading.Event().wait()
"""


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A server that has the bucket ``market``."""
    if url := os.environ.get(URL_VARIABLE):
        yield url
        return
    python = os.environ.get(PYTHON_VARIABLE, sys.executable)
    if subprocess.run([python, "-c", "import moto.server"], capture_output=True).returncode:  # noqa: PLW1510, S603  # its answer is what is asked for
        why = f"{PYTHON_VARIABLE} is to name a Python that has moto[s3,server]"
        if os.environ.get(REQUIRE_VARIABLE) == "1":
            pytest.fail(why)
        pytest.skip(why)
    server = subprocess.Popen(  # noqa: S603  # our own text
        [python, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        urlopen(Request(f"{url}/{BUCKET}", method="PUT"), timeout=10).close()  # noqa: S310  # loopback
        yield url
        server.kill()
