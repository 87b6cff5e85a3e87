"""The bus on RabbitMQ: one topic exchange, a queue a mailbox, a batch of events a message.

    publish ─▶ Outbox ─▶ Publisher ─▶ exchange ─┬▶ queue of a WAIT mailbox ─▶ AmqpMailbox
               bounded,  a message              └▶ queue of a view ─────────▶ AmqpMailbox
               conflates at a time     dead exchange ─▶ dead queue ─▶ read_dead_letters

The publisher and each mailbox have a connection of their own, since an alarm of the broker blocks
those that publish. `Sessions` builds each from nothing when it is lost; `Broker` names the nodes.
"""

from infrastructure.bus.amqp.bus import AmqpBus
from infrastructure.bus.amqp.connect import DEFAULT_LIMITS, AmqpLimits, connect_amqp

__all__ = ["DEFAULT_LIMITS", "AmqpBus", "AmqpLimits", "connect_amqp"]
