"""The page's vendored files against their npm packages: fetch again, compare, replace on request.

``python scripts/vendor_web.py`` exits with 1 when a file differs from what npm publishes;
``--write`` takes what npm publishes and notes the new hashes in ``web/vendor/README.md``.
"""  # noqa: INP001  # a script, not a package

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "web" / "vendor"
NPM_TIMEOUT_S = 120


@dataclass(frozen=True)
class VendoredFile:
    """One row of the table: ``member`` is the path inside the package, ``sha256`` of the file."""

    file: str
    package: str
    tarball: str
    member: str
    licence: str
    sha256: str


def vendored_files(readme: str) -> Iterator[VendoredFile]:
    """Read the rows of the table in ``web/vendor/README.md``."""
    for line in readme.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and re.fullmatch("[0-9a-f]{64}", cells[-1]):
            yield VendoredFile(*cells)


def main() -> int:
    """Compare or replace; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace files and hashes")
    write = parser.parse_args().write
    readme = VENDOR / "README.md"
    text = readme.read_text(encoding="utf-8")
    differing = 0
    with tempfile.TemporaryDirectory() as scratch:
        for row in vendored_files(text):
            published = _published(row, Path(scratch))
            sha256 = hashlib.sha256(published).hexdigest()
            same = sha256 == row.sha256 and published == _ours(row)
            sys.stdout.write(f"{'same   ' if same else 'DIFFERS'} {row.file} of {row.package}\n")
            differing += not same
            if write:
                (VENDOR / row.file).write_bytes(published)
                text = text.replace(_line(row), _line(row, sha256=sha256))
    if write:
        readme.write_text(text, encoding="utf-8")
    return 1 if differing and not write else 0


def _ours(row: VendoredFile) -> bytes:
    path = VENDOR / row.file
    return path.read_bytes() if path.exists() else b""


def _published(row: VendoredFile, scratch: Path) -> bytes:
    tarball = scratch / _tarball(row.package)
    if not tarball.exists():
        _pack(row.package, scratch)
    with tarfile.open(tarball) as archive:
        member = archive.extractfile(f"package/{row.member}")
        if member is None:
            raise FileNotFoundError(f"{row.package} has no file {row.member}; look at its exports")
        return member.read()


def _pack(package: str, scratch: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed; it is needed to fetch the vendored files")
    subprocess.run(  # noqa: S603  # the packages named in our own table
        [npm, "pack", "--silent", package],
        cwd=scratch,
        check=True,
        timeout=NPM_TIMEOUT_S,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _tarball(package: str) -> str:
    name, _, version = package.rpartition("@")
    return f"{name.lstrip('@').replace('/', '-')}-{version}.tgz"


def _line(row: VendoredFile, *, sha256: str | None = None) -> str:
    tarball = row.tarball if sha256 is None else _tarball(row.package)
    cells = (row.file, row.package, tarball, row.member, row.licence, sha256 or row.sha256)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
