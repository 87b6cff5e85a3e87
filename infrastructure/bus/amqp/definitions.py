"""The layout and its users as RabbitMQ's own file: plans and rights in, definitions out.

A broker that loads the file at its start (``load_definitions``) has everything that the services
would declare, so their users need no permission to configure it, and are given none. The file holds
no password: `with_users` adds users with the hashes of theirs.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from infrastructure.bus.amqp.layout import Layout
from infrastructure.bus.amqp.plan import Binding, Exchange, Plan, Queue

Row: TypeAlias = dict[str, object]
Definitions: TypeAlias = dict[str, list[Row]]

VHOST = "/"
SALT_BYTES = 4
PROBE = "probe"
"""First word of the keys of round trips, and of the queues that they come by."""


class Rights(Struct, frozen=True, kw_only=True):
    """What one user does on the bus; more it may not.

    ``tells_recent`` and ``reads_recent``: what is newest, for views that begin (`Bus.recent`).
    ``publishes`` and ``hears`` are first words of routing keys. ``mailboxes`` are those that wait
    for it, ``views`` those that it makes (`Overflow`). ``gives_back``: to one mailbox alone.
    """

    user: str
    publishes: Sequence[str] = ()
    hears: Sequence[str] = ()
    mailboxes: Sequence[str] = ()
    views: Sequence[str] = ()
    leads: Sequence[str] = ()
    tells_recent: bool = False
    reads_recent: bool = False
    reads_dead_letters: bool = False
    gives_back: bool = False


def definitions(
    layout: Layout, plan: Plan, rights: Iterable[Rights], *, vhost: str = VHOST
) -> Definitions:
    """Return everything but the users, as ``load_definitions`` reads it."""
    given = list(rights)
    return {
        "vhosts": [{"name": vhost}],
        "permissions": [_permissions(layout, one, vhost) for one in given],
        "topic_permissions": [_topic_permissions(layout, one, vhost) for one in given],
        "exchanges": [_exchange(one, vhost) for one in plan.exchanges],
        "queues": [_queue(one, vhost) for one in plan.queues],
        "bindings": [_binding(one, vhost) for one in plan.bindings],
    }


def with_users(found: Definitions, passwords: Mapping[str, str]) -> Definitions:
    """Return the definitions with users of these names and passwords."""
    return {"users": [_user(name, password) for name, password in passwords.items()], **found}


def password_hash(password: str, salt: bytes) -> str:
    """Return what RabbitMQ keeps of a password.

    See https://www.rabbitmq.com/docs/passwords#this-is-the-algorithm.
    """
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _permissions(layout: Layout, rights: Rights, vhost: str) -> Row:
    own = [
        f"{re.escape(f'{layout.exchange}.{name}')}(\\.[0-9a-f]+)+"
        for name in (PROBE, *rights.views)
    ]
    exchanges = [layout.exchange, layout.dead, *([layout.leads] if rights.leads else [])]
    if rights.tells_recent:
        exchanges.append(layout.recent)
    if rights.gives_back:
        exchanges.append("amq.default")
    mailboxes = [
        f"{re.escape(f'{layout.exchange}.{name}')}(\\.of-[0-9]+\\.[0-9]+)?"
        for name in rights.mailboxes
    ]
    leads = [
        f"{re.escape(f'{layout.exchange}.{name}')}(\\.of-[0-9]+\\.[0-9]+)?\\.lead"
        for name in rights.leads
    ]
    shared = [
        *([re.escape(layout.recent)] if rights.reads_recent else []),
        *([re.escape(layout.dead)] if rights.reads_dead_letters else []),
    ]
    return {
        "user": rights.user,
        "vhost": vhost,
        "configure": _one_of(own),
        "write": _one_of([*map(re.escape, exchanges), *own]),
        "read": _one_of([re.escape(layout.exchange), *own, *mailboxes, *leads, *shared]),
    }


def _topic_permissions(layout: Layout, rights: Rights, vhost: str) -> Row:
    return {
        "user": rights.user,
        "vhost": vhost,
        "exchange": layout.exchange,
        "write": f"^({'|'.join((*rights.publishes, PROBE))})(\\.|$)",
        "read": f"^({'|'.join((*rights.hears, PROBE))})(\\.|$)",
    }


def _one_of(names: Iterable[str]) -> str:
    return f"^({'|'.join(names)})$"


def _exchange(exchange: Exchange, vhost: str) -> Row:
    return {
        "name": exchange.name,
        "vhost": vhost,
        "type": exchange.type,
        "durable": True,
        "auto_delete": False,
        "internal": exchange.internal,
        "arguments": dict(exchange.arguments),
    }


def _queue(queue: Queue, vhost: str) -> Row:
    return {
        "name": queue.name,
        "vhost": vhost,
        "durable": True,
        "auto_delete": False,
        "arguments": dict(queue.arguments),
    }


def _binding(binding: Binding, vhost: str) -> Row:
    return {
        "source": binding.source,
        "vhost": vhost,
        "destination": binding.destination,
        "destination_type": binding.to,
        "routing_key": binding.key,
        "arguments": dict(binding.arguments),
    }


def _user(name: str, password: str) -> Row:
    return {
        "name": name,
        "password_hash": password_hash(password, secrets.token_bytes(SALT_BYTES)),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [],
    }
