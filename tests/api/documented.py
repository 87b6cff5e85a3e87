"""What the AsyncAPI document says of a message, held against a message."""

from functools import cache
from typing import Any

import jsonschema_rs

from api_service.asyncapi import document


def check_message(name: str, message: object) -> None:
    """Raise ValidationError if a message is not as the document has it."""
    _validator(name).validate(message)


def check_told(message: dict[str, Any], channel: str) -> None:
    """Check what a client of the live feed was told; ``channel`` is that of its subscription."""
    kind = message["type"]
    check_message(f"{channel}_{kind}" if kind in ("snapshot", "update") else kind, message)


@cache
def _validator(name: str) -> jsonschema_rs.Validator:
    found = document()["components"]
    payload = found["messages"][name]["payload"]
    schema = {**payload, "components": {"schemas": found["schemas"]}}
    if "$ref" in payload:
        schema = {"allOf": [payload], "components": {"schemas": found["schemas"]}}
    return jsonschema_rs.Draft7Validator(schema)
