"""What the driver raises, in the words of `market.errors`."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.exceptions import (
    CONNECTION_EXCEPTIONS,
    AuthenticationError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    DeliveryError,
    ProbableAuthenticationError,
)
from aiormq.exceptions import ChannelAccessRefused, ConnectionNotAllowed

from market import BusUnavailableError, SettingsError

_REFUSALS = (
    AuthenticationError,
    ProbableAuthenticationError,
    ChannelAccessRefused,
    ConnectionNotAllowed,
)


@contextmanager
def told_as_ours(broker: str) -> Iterator[None]:
    """Translate the errors of the driver; ``broker`` is its hosts and ports.

    A lost connection reaches those that wait on it as `asyncio.CancelledError` though nobody
    cancelled them, or as a bare `Exception`. A rejected message stays a `DeliveryError`.

    Raises:
        SettingsError: the broker refuses us or we it, or it has that queue with other arguments.
        BusUnavailableError: anything else that the driver raises.

    """
    try:
        yield
    except DeliveryError:
        raise
    except asyncio.CancelledError as error:
        if _is_cancelled():
            raise
        raise BusUnavailableError(f"RabbitMQ at {broker} was lost") from error
    except Exception as error:
        if _is_being_made(error):
            raise BusUnavailableError(
                f"RabbitMQ at {broker} is making it ({_reason(error)})"
            ) from error
        if refusal := _refusal(error):
            raise SettingsError(f"RabbitMQ at {broker} {refusal}") from error
        if not isinstance(error, CONNECTION_EXCEPTIONS) and type(error) is not Exception:
            raise
        raise BusUnavailableError(f"RabbitMQ at {broker} {_absence(error)}") from error


def _refusal(error: Exception) -> str:
    """Return what an operator must change; empty if waiting may help."""
    if isinstance(error, _REFUSALS):
        return f"refuses us ({_reason(error)}): correct user, password, vhost or permissions"
    if isinstance(error, ChannelPreconditionFailed):
        return (
            f"has it otherwise ({_reason(error)}): stop the services, delete that exchange (its "
            "queues keep what they hold and are bound again) or that queue once it is empty"
        )
    if isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return (
            "shows a certificate that we do not trust "
            f"({error.__cause__.verify_message}): name its authority, amqps://...?cafile=path"
        )
    return ""


def _is_being_made(error: Exception) -> bool:
    """Tell whether it is a stream that was declared just now: it has no replica at first."""
    return isinstance(error, ChannelPreconditionFailed) and "have a replica" in _reason(error)


def _absence(error: BaseException) -> str:
    """Return what is not there, and what to do about it."""
    if isinstance(error, ChannelNotFoundEntity):
        return (
            f"lacks what we need ({_reason(error)}): start the node that has it, load "
            "definitions.json, or let the services declare it"
        )
    return f"does not answer ({_reason(error)}): start it or correct the bus URL"


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _reason(error: BaseException) -> str:
    return " ".join(str(part) for part in error.args) or type(error).__name__
