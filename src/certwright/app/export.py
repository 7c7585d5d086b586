"""TLS Secrets to files: one directory for each, exchanged whole; it reads no cluster.

The layout is that of a Secret volume of Kubernetes, so whatever reloads there reloads here:

    DIR/NAMESPACE/SECRET/tls.crt -> ..data/tls.crt
    DIR/NAMESPACE/SECRET/..data  -> ..VERSION
    DIR/NAMESPACE/SECRET/..VERSION/{tls.crt,tls.key,ca.crt,...}

Changing the one link `..data` changes all files at once: a reader that resolves it first (or opens the
directory) sees a key and certificate of one issuance, whenever it looks and whenever we are killed. The
version before stays until the next change, for readers that are in the middle.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from certwright.api import annotations as ann

PUBLIC = frozenset({ann.TLS_CRT, ann.CA_CRT, ann.TRUSTSTORE_JKS, ann.TRUSTSTORE_PKCS12})
"""Files without a private key."""
FILES = (*PUBLIC, ann.TLS_KEY, ann.KEY_DER, ann.TLS_COMBINED, ann.KEYSTORE_JKS, ann.KEYSTORE_PKCS12)
"""What is exported of a Secret: everything that is written into it for a Certificate."""
_LINK = "..data"
_UNFINISHED = "..unfinished"


def is_complete(data: Mapping[str, bytes]) -> bool:
    """Whether a Secret holds a certificate and a key: before that there is nothing to export."""
    return bool(data.get("tls.crt")) and bool(data.get("tls.key"))


def export(root: Path, namespace: str, name: str, data: Mapping[str, bytes]) -> bool:
    """Make DIR/NAMESPACE/SECRET hold exactly the `FILES` that are in `data`; False if it did already.

    On disk when it returns. Raises OSError; what was there before then stays as it was.
    """
    files = {file: data[file] for file in FILES if data.get(file)}
    directory = root / namespace / name
    if _holds(directory, files):
        return False
    make_private(directory)
    previous = _target(directory / _LINK)
    version = _write_version(directory, files)
    _point(directory / _LINK, version)
    for file in files:
        if _target(directory / file) != f"{_LINK}/{file}":
            _point(directory / file, f"{_LINK}/{file}")
    for file in set(FILES) - set(files):
        (directory / file).unlink(missing_ok=True)
    _sync(directory)
    _tidy(directory, keep={version, previous})
    return True


def make_private(directory: Path) -> None:
    """Make the directory and its parents where they are missing, for the owner only. Raises OSError."""
    if directory.is_dir():
        return
    make_private(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    _sync(directory.parent)


def _holds(directory: Path, files: Mapping[str, bytes]) -> bool:
    try:
        return all(
            _target(directory / file) == f"{_LINK}/{file}" and (directory / file).read_bytes() == files[file]
            if file in files
            else not os.path.lexists(directory / file)
            for file in FILES
        )
    except OSError:
        return False


def _target(link: Path) -> str | None:
    try:
        return str(link.readlink())
    except OSError:
        return None


def _write_version(directory: Path, files: Mapping[str, bytes]) -> str:
    """Write the files into a directory that is either complete or not there; returns its name."""
    unfinished = directory / _UNFINISHED
    if unfinished.is_dir():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    for file, data in files.items():
        _write(unfinished / file, data, 0o644 if file in PUBLIC else 0o600)
    _sync(unfinished)
    version = f"..{secrets.token_hex(8)}"
    unfinished.rename(directory / version)
    _sync(directory)
    return version


def _write(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _point(link: Path, target: str) -> None:
    """Make a link, in the place of whatever file or link has its name."""
    fresh = link.with_name(f"{_UNFINISHED}-link")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tidy(directory: Path, keep: set[str | None]) -> None:
    for entry in directory.iterdir():
        if (
            entry.name.startswith("..")
            and entry.name not in keep
            and entry.is_dir()
            and not entry.is_symlink()
        ):
            shutil.rmtree(entry, ignore_errors=True)
