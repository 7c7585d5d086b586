"""Reads exported files again and again, as the guide says to, and complains of a key that does not fit."""

import asyncio
import random
from base64 import b64decode
from pathlib import Path

from bench.ledger import fit

_INTERVAL = 0.02
_AT_ONCE = 8


class Reader:
    """Reads what is below DIR in DIR/NAMESPACE/SECRET/{tls.crt,tls.key,ca.crt}."""

    def __init__(self, root: Path) -> None:
        self.complaints: list[str] = []
        self.reads = 0
        self._root = root
        self._rng = random.Random(0)

    async def run(self) -> None:
        """Read a few sets at a time, until cancelled."""
        while True:
            sets = list(self._root.glob("*/*"))
            for directory in self._rng.sample(sets, min(_AT_ONCE, len(sets))):
                self._read(directory, resolve=True)
            await asyncio.sleep(_INTERVAL)

    def read_all(self) -> None:
        """Read every set through its plain names: for when nobody writes."""
        for directory in self._root.glob("*/*"):
            self._read(directory, resolve=False)

    def holds(self, namespace: str, name: str, data: dict[str, str]) -> bool:
        """Whether the files are those of a Secret (values in base64)."""
        directory = self._root / namespace / name
        try:
            return all(
                (directory / file).read_bytes() == b64decode(data[file])
                for file in ("tls.crt", "tls.key", "ca.crt")
                if data.get(file)
            )
        except OSError:
            return False

    def _read(self, directory: Path, *, resolve: bool) -> None:
        try:
            files = directory / (directory / "..data").readlink() if resolve else directory
            chain, key = (files / "tls.crt").read_bytes(), (files / "tls.key").read_bytes()
        except FileNotFoundError:
            return  # not exported yet, or exchanged twice since the link was read
        self.reads += 1
        try:
            good = fit(chain, key)
        except ValueError as error:
            self.complaints.append(f"{directory}: {error}")
            return
        if not good:
            self.complaints.append(f"{directory}: its key does not belong to its certificate")
