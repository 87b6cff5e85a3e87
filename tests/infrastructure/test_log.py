"""Every line of a service is one JSON object, whoever writes it, and holds no secret."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.cryptotracker.test_command_line import REFUSED, outcome

CANARY = "canary/7+ü"
"""A secret that is spelled otherwise in URLs and in JSON."""

SPELLED = (CANARY, "canary%2F7%2B%C3%BC", "canary/7+\\u00fc")

WRITER = f"""
import asyncio, logging, threading, warnings
import structlog
from infrastructure.log import configure_logging, take_over_the_rest

configure_logging("info", "json", process="store", secrets=[{CANARY!r}])
take_over_the_rest()
log = structlog.get_logger()
log.info("store.opened", url="influxdb://me:{CANARY}@host")
logging.getLogger("some.library").error("it failed with %s", {CANARY!r})
logging.getLogger("some.library").info("this is of no interest")
warnings.warn("look at {CANARY}", stacklevel=1)
try:
    raise ValueError("{SPELLED[1]}")
except ValueError:
    log.exception("store.failed")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()

async def forgotten():
    raise OSError("nobody asked")

async def main():
    task = asyncio.create_task(forgotten())
    await asyncio.wait([task])
    del task

asyncio.run(main())
raise RuntimeError("the end of {CANARY}")
"""


async def test_lines_of_all_origins_are_json_with_the_same_beginning() -> None:
    lines = await _lines_of(WRITER)

    assert [list(line)[:4] for line in lines] == [["time", "level", "event", "process"]] * 7
    assert {line["process"] for line in lines} == {"store"}
    events = [line["event"].partition(" ")[0] for line in lines]
    assert events[:2] == ["store.opened", "it"]
    assert events[3:] == ["store.failed", "thread.failed", "Task", "process.failed"]
    assert "look at" in lines[2]["event"]
    assert [line["level"] for line in lines] == [
        "info",
        "error",
        "warning",
        "error",
        "critical",
        "error",
        "critical",
    ]
    assert "ZeroDivisionError" in lines[4]["exception"]


async def test_no_line_holds_a_secret_however_it_is_spelled() -> None:
    text = json.dumps(await _lines_of(WRITER), ensure_ascii=False)

    assert not [form for form in SPELLED if form in text]
    assert text.count("********") >= 5


async def test_a_service_that_cannot_start_says_so_in_json_and_tells_no_secret(
    tmp_path: Path,
) -> None:
    status, _, said = await outcome(
        "store",
        folder=tmp_path,
        bus_url=f"amqp://me:{SPELLED[1]}@{REFUSED}/",
        store_token=CANARY,
        credentials=json.dumps({"alpaca": {"key": CANARY, "secret": CANARY}}),
        connect_timeout_s="0.5",
        log_format="json",
        log_level="debug",
    )

    lines = [json.loads(line) for line in said.splitlines()]
    assert status == 4
    assert {line["process"] for line in lines} == {"store"}
    assert f"RabbitMQ at {REFUSED} does not answer" in lines[-1]["why"]
    assert not [form for form in SPELLED if form in said]


async def _lines_of(program: str) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        cwd=Path(__file__).parents[2],
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        _, text = await process.communicate()
    return [json.loads(line) for line in text.decode().splitlines()]
