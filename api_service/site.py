"""The web page: files of a folder, known by path, sent compressed, read again once they change."""

import base64
import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api_service.problems import ProblemError

MEDIA_TYPES = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".md": "text/plain",
}

_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)


class _File(msgspec.Struct, frozen=True):
    """A file as it is sent; ``changed`` tells whether it still is that on disk."""

    changed: tuple[int, int]
    body: bytes
    gzipped: bytes
    headers: Mapping[str, str]


class Site:
    """Serves the files of ``folder``; without its index.html one plain page that says so."""

    def __init__(self, folder: Path | None) -> None:
        self.index = None if folder is None else folder / "index.html"
        self._paths: dict[str, Path] = {}
        self._files: dict[Path, _File] = {}
        if folder is not None and self.index is not None and self.index.is_file():
            for path in folder.rglob("*"):
                if path.is_file() and not path.name.startswith("."):
                    self._paths[path.relative_to(folder).as_posix()] = path
            self._paths[""] = self.index

    async def serve(self, request: Request) -> Response:
        """Answer with a file.

        Raises:
            ProblemError: there is none at that path.

        """
        name = request.path_params["path"]
        path = self._paths.get(name)
        if path is None and not name:
            return self._missing()
        if path is None:
            raise ProblemError("not-found", f"There is nothing at {request.url.path}.")
        return _answer(request, self._read(path))

    def _read(self, path: Path) -> _File:
        found = path.stat()
        changed = found.st_mtime_ns, found.st_size
        file = self._files.get(path)
        if file is None or file.changed != changed:
            file = self._files[path] = _load(path, changed)
        return file

    def _missing(self) -> Response:
        where = "no folder was given" if self.index is None else f"{self.index} is missing"
        return HTMLResponse(
            "<!doctype html><html lang=en><title>CryptoTracker</title><h1>CryptoTracker</h1>"
            f"<p>The web page is not installed: {escape(where)}.</p>"
            '<p>Everything else works: <a href="/docs">the API</a>, '
            '<a href="/v1/status">the status</a>.</p></html>'
        )


def _load(path: Path, changed: tuple[int, int]) -> _File:
    body = path.read_bytes()
    media_type = MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    headers = {
        "content-type": _with_charset(media_type or "application/octet-stream"),
        "etag": f'"{hashlib.sha256(body).hexdigest()[:20]}"',
        "cache-control": "no-cache",
        "vary": "accept-encoding",
    }
    if path.suffix == ".html":
        headers["content-security-policy"] = _policy(body)
    return _File(changed, body, gzip.compress(body, mtime=0), headers)


def _answer(request: Request, file: _File) -> Response:
    if file.headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=file.headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.gzipped, headers={**file.headers, "content-encoding": "gzip"})
    return Response(file.body, headers=file.headers)


def _policy(page: bytes) -> str:
    """Allow the page what it is made of: our files, and its own inline scripts by their hash."""
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in _INLINE_SCRIPT.findall(page)
    ]
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src 'self'", *hashes)),
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _with_charset(media_type: str) -> str:
    is_text = media_type.startswith("text/") or media_type.endswith(("json", "xml"))
    return f"{media_type}; charset=utf-8" if is_text else media_type
