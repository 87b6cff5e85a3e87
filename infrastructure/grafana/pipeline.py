"""The dashboard of the pipeline: how fast events flow, where they wait, and that none is lost."""

from infrastructure.grafana.dashboard import Dashboard
from infrastructure.grafana.panel import THIRD, Columns, Heading, Look, Size, chart, table, tile
from infrastructure.grafana.promql import RATE, mean, per_second, quantile, rise
from infrastructure.grafana.query import prom, prom_rows

_STORED = 'cryptotracker_books_total{part="storage.writer", kind="stored"}'
_LATENCY = "cryptotracker_store_latency_seconds"

GLANCE = (
    tile(
        "Alerts",
        "That fire now.",
        prom('count(ALERTS{alertstate="firing"}) or vector(0)'),
        bad_from=1,
    ),
    tile("Processes", "Of ours, that answer.", prom('count(up{job="cryptotracker"} == 1)')),
    tile(
        "Published",
        "Events a second, all venues.",
        prom(f"sum(rate(cryptotracker_venue_events_total{RATE}))"),
        unit="short",
    ),
    tile("Stored", "Events a second.", prom(f"sum(rate({_STORED}{RATE}))"), unit="short"),
    tile(
        "Out of balance",
        "Events of which nobody knows what became.",
        prom("sum(abs(cryptotracker_books_difference))"),
        bad_from=1,
    ),
    tile(
        "Dead letters",
        "Events put aside since the processes started.",
        prom("sum(cryptotracker_part_dead_letters_total)"),
        bad_from=1,
    ),
    table(
        "Alerts that fire",
        "What each means and what to do: docs/OPERATIONS.md, and Alerting in the menu.",
        prom_rows('ALERTS{alertstate="firing"}'),
        columns=Columns(hidden=("Time", "Value", "__name__", "alertstate", "job")),
        size=Size(24, 5),
    ),
)

FLOW = (
    Heading("From the venues to the store"),
    chart(
        "Events by venue",
        "Published a second.",
        prom(per_second("cryptotracker_venue_events_total", "venue"), "{{venue}}"),
        look=Look(unit="short", draw="stacked"),
    ),
    chart(
        "What the writer did",
        "Events a second: stored, or not for the store.",
        prom(
            per_second(
                'cryptotracker_books_total{part="storage.writer", kind=~"stored|skipped|dead"}',
                "kind",
            ),
            "{{kind}}",
        ),
        look=Look(unit="short"),
    ),
    chart(
        "Venue to store, median",
        "From the venue's time of an event to its being stored.",
        prom(quantile(0.5, _LATENCY, "venue"), "{{venue}}"),
        look=Look(unit="s"),
    ),
    chart(
        "Venue to store, one in a hundred is slower",
        "As beside; alert StoreBehind from 10 s on.",
        prom(quantile(0.99, _LATENCY, "venue"), "{{venue}}"),
        look=Look(unit="s"),
    ),
    chart(
        "Writes to the store",
        "How long one took.",
        prom(quantile(0.5, "cryptotracker_store_write_seconds"), "median"),
        prom(quantile(0.99, "cryptotracker_store_write_seconds"), "99 %"),
        look=Look(unit="s"),
    ),
    chart(
        "Size of batches",
        "Mean number of events that a part was handed at once: it grows with the load.",
        prom(mean("cryptotracker_batch_events", "part"), "{{part}}"),
        look=Look(unit="short"),
    ),
)

BUS = (
    Heading("Bus"),
    chart(
        "Outboxes",
        "Events that the broker has not confirmed yet.",
        prom("sum by (service) (cryptotracker_bus_waiting)", "{{service}}"),
        look=Look(unit="short"),
        size=THIRD,
    ),
    chart(
        "What became of what was published",
        "Events a second.",
        prom(per_second("cryptotracker_bus_events_total", "kind"), "{{kind}}"),
        look=Look(unit="short"),
        size=THIRD,
    ),
    chart(
        "Confirms",
        "From a message's sending to the broker's word that it has it.",
        prom(quantile(0.5, "cryptotracker_bus_confirm_seconds"), "median"),
        prom(quantile(0.99, "cryptotracker_bus_confirm_seconds"), "99 %"),
        look=Look(unit="s"),
        size=THIRD,
    ),
    chart(
        "Events of a message",
        "Mean; one alone leaves at once.",
        prom(mean("cryptotracker_bus_batch_events", "service"), "{{service}}"),
        look=Look(unit="short"),
        size=THIRD,
    ),
    chart(
        "Queues",
        "Messages at the broker that wait for their reader.",
        prom("sum by (queue) (rabbitmq_detailed_queue_messages_ready)", "{{queue}}"),
        look=Look(unit="short"),
        size=THIRD,
    ),
    chart(
        "Mailboxes",
        "Events at a process of ours that wait for their part.",
        prom("sum by (part) (cryptotracker_mailbox_waiting)", "{{part}}"),
        look=Look(unit="short"),
        size=THIRD,
    ),
)

BOOKS = (
    Heading("Nothing lost"),
    chart(
        "Balance of the books",
        "What came less what became of it: anything but 0 is a fault.",
        prom(
            "sum by (service, kind) (abs(cryptotracker_books_difference))", "{{service}} {{kind}}"
        ),
        look=Look(unit="short"),
        size=THIRD,
    ),
    chart(
        "Put aside",
        "Dead letters in each step; `cryptotracker quarantine list` shows them.",
        prom(rise("cryptotracker_part_dead_letters_total", "part"), "{{part}}"),
        look=Look(unit="short", draw="bars"),
        size=THIRD,
    ),
    chart(
        "Missing for good",
        "Seconds of trades that a venue does not tell any more, in each step.",
        prom(rise("cryptotracker_venue_gap_seconds_total", "venue"), "{{venue}}"),
        look=Look(unit="s", draw="bars"),
        size=THIRD,
    ),
)

PROCESSES = (
    Heading("Processes"),
    chart(
        "Round trips",
        "Of the probes through broker and store.",
        prom("max by (part) (cryptotracker_probe_seconds)", "{{part}}"),
        look=Look(unit="s"),
        size=THIRD,
    ),
    chart(
        "Probes",
        "1: the last round trip came back in time.",
        prom("min by (part) (cryptotracker_probe_up)", "{{part}}"),
        size=THIRD,
    ),
    chart(
        "Restarts",
        "Of parts within their process, in each step.",
        prom(rise("cryptotracker_part_restarts_total", "part"), "{{part}}"),
        look=Look(unit="short", draw="bars"),
        size=THIRD,
    ),
    chart(
        "Processor",
        "Of one core.",
        prom(per_second("cryptotracker_process_cpu_seconds_total", "service"), "{{service}}"),
        look=Look(unit="percentunit"),
        size=THIRD,
    ),
    chart(
        "Memory",
        "In RAM.",
        prom("sum by (service) (cryptotracker_process_resident_memory_bytes)", "{{service}}"),
        look=Look(unit="bytes"),
        size=THIRD,
    ),
    chart(
        "Age",
        "Since the start of the process; a saw is a process that ends again and again.",
        prom("time() - max by (service) (cryptotracker_process_start_time_seconds)", "{{service}}"),
        look=Look(unit="s"),
        size=THIRD,
    ),
)

RABBITMQ = (
    Heading("RabbitMQ"),
    chart(
        "Messages",
        "A second, of the whole node.",
        prom(f"sum(rate(rabbitmq_global_messages_received_total{RATE}))", "published"),
        prom(f"sum(rate(rabbitmq_global_messages_delivered_total{RATE}))", "delivered"),
        prom(f"sum(rate(rabbitmq_global_messages_redelivered_total{RATE}))", "delivered again"),
        prom(f"sum(rate(rabbitmq_global_messages_unroutable_returned_total{RATE}))", "unroutable"),
        look=Look(unit="short"),
        size=THIRD,
    ),
    chart(
        "Memory of the node",
        "At the limit it takes nothing until it shrinks.",
        prom("sum(rabbitmq_process_resident_memory_bytes)", "used"),
        prom("sum(rabbitmq_resident_memory_limit_bytes)", "limit"),
        look=Look(unit="bytes"),
        size=THIRD,
    ),
    chart(
        "Disk of the node",
        "Below the limit it takes nothing.",
        prom("sum(rabbitmq_disk_space_available_bytes)", "free"),
        prom("sum(rabbitmq_disk_space_available_limit_bytes)", "limit"),
        look=Look(unit="bytes"),
        size=THIRD,
    ),
    chart(
        "Alarms",
        "1: it takes nothing from publishers.",
        prom("max(rabbitmq_alarms_free_disk_space_watermark)", "disk"),
        prom("max(rabbitmq_alarms_memory_used_watermark)", "memory"),
        size=THIRD,
    ),
    chart(
        "Connections",
        "One a process of ours, and those that stand by.",
        prom("sum(rabbitmq_connections)", "connections"),
        prom("sum(rabbitmq_consumers)", "consumers"),
        size=THIRD,
    ),
    chart(
        "Not acknowledged",
        "Messages that a reader was handed and is at.",
        prom("sum by (queue) (rabbitmq_detailed_queue_messages_unacked)", "{{queue}}"),
        look=Look(unit="short"),
        size=THIRD,
    ),
)

DASHBOARD = Dashboard(
    uid="pipeline",
    title="Pipeline",
    panels=(*GLANCE, *FLOW, *BUS, *BOOKS, *PROCESSES, *RABBITMQ),
    since="1h",
    refresh="10s",
)
