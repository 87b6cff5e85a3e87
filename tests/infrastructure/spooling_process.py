"""A process that publishes trades while no broker runs: ``URL EXCHANGE FOLDER COUNT``.

It says ``up`` once it is connected, begins at a line of standard input, and says ``done``.
"""

import asyncio
import sys
from pathlib import Path

from infrastructure.bus.amqp import connect_amqp
from infrastructure.log import configure_logging
from tests.mailboxes import publish_each, trades_numbered
from tests.servers.rabbitmq import SMALL


async def main() -> None:
    url, exchange, folder, count = sys.argv[1:]
    async with connect_amqp(url, exchange=exchange, limits=SMALL, spool=Path(folder)) as bus:
        _say("up")
        await asyncio.to_thread(sys.stdin.readline)
        await publish_each(bus, trades_numbered(int(count)))
        _say("done")
        await asyncio.Event().wait()


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    configure_logging("error")
    asyncio.run(main())
