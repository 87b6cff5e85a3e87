"""Fixtures of every test; those of a server or a port live in the plugins named here."""

pytest_plugins: list[str] = [
    "tests.servers.rabbitmq",
    "tests.servers.influxdb",
    "tests.faults.report",
]
