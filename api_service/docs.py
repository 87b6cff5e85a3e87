"""The API's own pages: what can be asked, out of the OpenAPI document, and what each problem is."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from api_service.asyncapi import written
from api_service.live_protocol import PATH
from api_service.problems import KINDS, ProblemError

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Show every path with its parameters."""
    document = request.app.openapi()
    paths = (
        _path(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    return _page(
        f"CryptoTracker {document['info']['version']}",
        f"<p>{escape(document['info']['description'])}</p>",
        '<p>Machines read <a href="/openapi.json">/openapi.json</a>. '
        f"Live values come over a WebSocket at <code>{PATH}</code>, which "
        '<a href="/v1/asyncapi.json">/v1/asyncapi.json</a> describes.</p>',
        *paths,
        "<h2>Problems</h2><ul>",
        *(f'<li><a href="/problems/{kind}">{kind}</a></li>' for kind in KINDS),
        "</ul>",
    )


@router.get("/v1/asyncapi.json")
async def asyncapi() -> Response:
    """Return the AsyncAPI document of the live feed and the bus."""
    return Response(written(), media_type="application/json")


@router.get("/problems/{kind}")
async def problem(kind: str) -> HTMLResponse:
    """Explain a kind of problem."""
    known = KINDS.get(kind)
    if known is None:
        raise ProblemError("not-found", f"There is no problem {kind!r}.")
    return _page(
        known.title,
        f"<p>Problem <code>{kind}</code>, status {known.status}.</p>",
        f"<p>{escape(known.remedy)}</p>",
        '<p><a href="/docs">All of the API</a></p>',
    )


def _path(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parameters = operation.get("parameters", [])
    rows = "".join(_parameter(parameter) for parameter in parameters)
    table = f"<table>{rows}</table>" if rows else ""
    head = f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
    return f"{head}<p>{escape(operation['description'])}</p>{table}"


def _parameter(parameter: Mapping[str, Any]) -> str:
    name = escape(parameter["name"])
    required = " (required)" if parameter["required"] else ""
    about = escape(parameter.get("description", ""))
    schema = escape(_kind(parameter["schema"]))
    return f"<tr><td><code>{name}</code>{required}<td>{schema}<td>{about}"


def _kind(schema: Mapping[str, Any]) -> str:
    """Say what a value may be, in a few words."""
    if "anyOf" in schema:
        return ", ".join(_kind(part) for part in schema["anyOf"] if part.get("type") != "null")
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    limits = [f"{word} {schema[word]}" for word in ("minimum", "maximum") if word in schema]
    return ", ".join([str(schema.get("type", "")), *limits])


def _page(title: str, *parts: Iterable[str] | str) -> HTMLResponse:
    body = "".join(part if isinstance(part, str) else "".join(part) for part in parts)
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
        f"<h1>{escape(title)}</h1>{body}</html>"
    )
