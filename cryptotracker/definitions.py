"""What RabbitMQ is given at its start: everything that the services use of it, and their rights.

    python -m cryptotracker.definitions          writes definitions.json, for one partition
    python -m cryptotracker.definitions FOLDER   prints all of it: with users, whose passwords are
                                                 in FOLDER/<user>/bus_password, and for as many
                                                 partitions and nodes as the settings say

The first is in infrastructure/docker/rabbitmq for whoever looks. A broker loads the second, which
holds hashes of the passwords (``load_definitions`` in rabbitmq.conf, a file of its own outside the
image); services on such a broker have CRYPTOTRACKER_BUS_DECLARES=false.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import msgspec

from api_service.view import LatestView
from cryptotracker.compose import KEPT
from cryptotracker.settings import read_settings
from infrastructure.actor import patterns_of
from infrastructure.bus.amqp.connect import DEFAULT_LIMITS
from infrastructure.bus.amqp.definitions import (
    VHOST,
    Definitions,
    Rights,
    definitions,
    with_users,
)
from infrastructure.bus.amqp.layout import EXCHANGE, Layout
from infrastructure.bus.amqp.plan import Plan
from infrastructure.sharing import members_of, places_of
from market import ActorStatus, Candle, Episode, Event, Premium, Routes, Signal
from market.routing import kind_of
from refresher_service.across_venues import AcrossVenues
from refresher_service.candle_builder import CandleBuilder
from refresher_service.refresher import Refresher
from refresher_service.route_signaller import RouteSignaller
from refresher_service.signaller import Signaller
from storage_service.book_writer import BookWriter
from storage_service.writer import Writer

FILE = Path(__file__).parent.parent / "infrastructure" / "docker" / "rabbitmq" / "definitions.json"

KINDS = frozenset(map(kind_of, get_args(Event)))
ACTOR = kind_of(ActorStatus)
COMPUTED = frozenset(map(kind_of, (Routes, Episode, Premium, Candle, Signal)))

LEADING = (Refresher, Signaller, RouteSignaller, AcrossVenues)
"""Parts of which one leads; each has a mailbox of its own."""

RIGHTS = (
    Rights(user="stream", publishes=sorted(KINDS - COMPUTED), tells_recent=True),
    Rights(
        user="store",
        publishes=[ACTOR],
        hears=sorted({ACTOR, *map(kind_of, BookWriter.handles)}),
        mailboxes=[Writer.name],
        views=[members_of(Writer.name), BookWriter.name],
        leads=[Writer.name],
    ),
    Rights(
        user="refresh",
        publishes=sorted(COMPUTED | {ACTOR}),
        hears=sorted({ACTOR, *(kind_of(kind) for part in LEADING for kind in part.handles)}),
        mailboxes=[CandleBuilder.name],
        views=[*(part.name for part in LEADING), members_of(CandleBuilder.name)],
        leads=[*(part.name for part in LEADING), CandleBuilder.name],
        tells_recent=True,
        reads_recent=True,
    ),
    Rights(
        user="serve",
        publishes=[ACTOR],
        hears=sorted(map(kind_of, LatestView.handles)),
        views=[LatestView.name],
        reads_recent=True,
        reads_dead_letters=True,
    ),
    Rights(
        user="operator",
        publishes=sorted(KINDS),
        tells_recent=True,
        reads_dead_letters=True,
        gives_back=True,
    ),
)
"""Who may do what. The operator looks at what was put aside and publishes it again."""


def layout_of(partitions: int, *, is_cluster: bool = False) -> Layout:
    """Return the layout of the services."""
    return Layout(EXCHANGE, DEFAULT_LIMITS.mailbox_bytes, partitions, is_cluster=is_cluster)


def plan_of(layout: Layout) -> Plan:
    """Return all that lasts at the broker, of all services together."""
    partitions = layout.partitions
    plan = layout.core() + layout.recent_plan()
    for reader in KEPT:
        patterns = patterns_of(reader.handles)
        plan += layout.mailbox_plan(reader.name, patterns, is_split=partitions > 1)
    leads = [*(part.name for part in LEADING), *places_of(CandleBuilder.name, partitions)]
    if partitions > 1:
        leads += places_of(Writer.name, partitions)
    for name in leads:
        plan += layout.lead_plan(name)
    return plan


def broker_definitions(
    partitions: int = 1, *, is_cluster: bool = False, vhost: str = VHOST
) -> Definitions:
    """Return all that RabbitMQ is given but its users."""
    layout = layout_of(partitions, is_cluster=is_cluster)
    return definitions(layout, plan_of(layout), RIGHTS, vhost=vhost)


def written(found: Definitions) -> str:
    """Return the definitions as they stand in a file."""
    return msgspec.json.format(msgspec.json.encode(found)).decode() + "\n"


def _as_set() -> Definitions:
    settings = read_settings()
    return broker_definitions(settings.partitions, is_cluster="," in settings.bus_url)


def _main() -> None:
    if len(sys.argv) == 1:
        FILE.write_text(written(broker_definitions()), "utf-8")
        return
    folder = Path(sys.argv[1])
    try:
        passwords = {
            one.user: (folder / one.user / "bus_password").read_text("utf-8").strip()
            for one in RIGHTS
        }
    except OSError as error:
        sys.exit(f"{error}: `cryptotracker setup secrets {folder}` makes passwords for all users")
    sys.stdout.write(written(with_users(_as_set(), passwords)))


if __name__ == "__main__":
    _main()
