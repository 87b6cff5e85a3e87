"""From the JSON schemas that libraries make to those that AsyncAPI knows: JSON Schema, draft 7."""

from inspect import cleandoc
from typing import Any

REF = "#/components/schemas/{name}"


def reference(name: str) -> dict[str, Any]:
    """Return a reference to the schema of that name."""
    return {"$ref": REF.format(name=name)}


def plain(schema: Any) -> Any:
    """Return the schema without titles, in the words of draft 7."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: plain(value) for name, value in schema.items() if not _is_noise(name, value)}
    if "prefixItems" in found:
        found.pop("items", None)
        found["items"] = found.pop("prefixItems")
    if isinstance(found.get("description"), str):
        found["description"] = cleandoc(found["description"])
    return found


def _is_noise(name: str, value: object) -> bool:
    """Tell whether it says nothing: a title that repeats a name, or a word of OpenAPI."""
    return name == "discriminator" or (name == "title" and isinstance(value, str))
