"""What a parameter may be, in words: ``whole, from 1 to 10000``."""

import msgspec
from msgspec import inspect


def bounds_of(parameters: type[msgspec.Struct], name: str) -> str:
    """Return what the parameter of that name may be; empty: anything, or there is none."""
    struct = inspect.type_info(parameters)
    fields = struct.fields if isinstance(struct, inspect.StructType) else ()
    return next((_words(field.type) for field in fields if field.name == name), "")


def _words(kind: inspect.Type) -> str:
    match kind:
        case inspect.IntType() | inspect.FloatType():
            whole = ["whole,"] if isinstance(kind, inspect.IntType) else []
            bounds = (("from", kind.ge), ("above", kind.gt), ("to", kind.le), ("below", kind.lt))
            told = (f"{word} {value:g}" for word, value in bounds if value is not None)
            return " ".join([*whole, *told]).strip(",")
        case inspect.LiteralType():
            return "one of " + ", ".join(map(str, kind.values))
        case inspect.BoolType():
            return "true or false"
        case _:
            return ""
