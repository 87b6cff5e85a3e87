"""The archive's files in a bucket of S3, or of what speaks like it: MinIO, Ceph, R2.

``s3://BUCKET/FOLDER?endpoint=http://127.0.0.1:9000&region=us-east-1``; keys come from
``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``, a file or the machine's role, as for other
programs. An object is there whole or not at all. There is no lock: two that archive the same day
write the same bytes.

DuckDB reads the objects by parts through `_Bucket`: its own extension for S3 has to be downloaded
from a site of its own when it is first used, see docs/decisions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb

from market import ArchiveUnavailableError, SettingsError

try:
    import obstore
    from fsspec.spec import AbstractBufferedFile, AbstractFileSystem
    from obstore.exceptions import BaseError
    from obstore.store import S3Store
except ImportError as error:
    raise SettingsError(
        "an archive in S3 needs two packages more: pip install 'cryptotracker[s3]'"
    ) from error

SCHEME = "s3"
OPTIONS = frozenset({"endpoint", "region"})
TIMEOUT = "30s"
"""For one request; each is tried again for as long as `RETRY` says."""

RETRY = 3


class S3Files:
    """See `Files`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if not parts.netloc or (unknown := given.keys() - OPTIONS):
            raise SettingsError(
                f"an archive in S3 is s3://BUCKET/FOLDER, with ?{'= and '.join(sorted(OPTIONS))}= "
                f"where they are needed, not {url!r}"
                + (f": there is no {', '.join(sorted(unknown))}" if parts.netloc else "")
            )
        self._url = f"{SCHEME}://{parts.netloc}{parts.path.rstrip('/')}"
        self._store = S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            virtual_hosted_style_request=False,
            client_options={
                "allow_http": given.get("endpoint", "").startswith("http://"),
                "timeout": TIMEOUT,
            },
            retry_config={"max_retries": RETRY},
            **given,
        )

    @property
    def root(self) -> str:
        """See `Files.root`."""
        return self._url

    def names(self, folder: str) -> Sequence[str]:
        """See `Files.names`."""
        with self._asking():
            batches = obstore.list(self._store, f"{folder}/" if folder else None)
            return sorted(one["path"] for batch in batches for one in batch)

    def address(self, name: str) -> str:
        """See `Files.address`."""
        return f"{SCHEME}://{name}"

    def connect(self) -> duckdb.DuckDBPyConnection:
        """See `Files.connect`; one thread reads, as a file knows one place to read on at."""
        connection = duckdb.connect()
        connection.register_filesystem(_Bucket(self._store))
        connection.execute("SET threads = 1")
        return connection

    def read(self, name: str) -> bytes | None:
        """See `Files.read`."""
        with self._asking():
            try:
                return bytes(obstore.get(self._store, name).bytes())
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """See `Files.write`."""
        with self._asking():
            obstore.put(self._store, name, content)

    def take(self, name: str, written: Path) -> None:
        """See `Files.take`."""
        with self._asking():
            obstore.put(self._store, name, written)

    def remove(self, names: Sequence[str]) -> None:
        """See `Files.remove`."""
        with self._asking():
            obstore.delete(self._store, list(names))

    @contextmanager
    def desk(self) -> Iterator[Path]:
        """See `Files.desk`; it is on a local disk, and others may have theirs."""
        with tempfile.TemporaryDirectory(prefix="archive-") as folder:
            yield Path(folder)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            raise ArchiveUnavailableError(
                f"the archive {self._url} does not answer as it should: {str(error)[:300]}; look "
                "at its endpoint, its keys (AWS_ACCESS_KEY_ID) and whether there is such a bucket"
            ) from error


class _Bucket(AbstractFileSystem):  # type: ignore[misc]  # it has no types
    """What DuckDB asks for files by name."""

    protocol = SCHEME
    cachable = False

    def __init__(self, store: S3Store) -> None:
        super().__init__()
        self.store = store

    def info(self, path: str, **_: object) -> dict[str, Any]:
        """Return size and kind of an object."""
        name = self._strip_protocol(path)
        meta = obstore.head(self.store, name)
        return {"name": name, "size": meta["size"], "type": "file", "mtime": meta["last_modified"]}

    def modified(self, path: str) -> Any:
        """Return when an object was written."""
        return self.info(path)["mtime"]

    def glob(self, path: str, **_: object) -> list[str]:
        """Return the one object of that name; ours hold no patterns."""
        return [self._strip_protocol(path)] if self.exists(path) else []

    def _open(self, path: str, mode: str = "rb", **given: Any) -> _Object:
        return _Object(self, path, mode=mode, cache_type="readahead", **given)


class _Object(AbstractBufferedFile):  # type: ignore[misc]  # as above
    """An object that is read by parts."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        return bytes(obstore.get_range(self.fs.store, self.path, start=start, end=end))
