"""What a client knows of a server: every version it was shown, every write that was acknowledged.

It complains whenever the server contradicts itself, however often that has been killed in between. It
sends nothing and knows no kind of object but Secrets, whose key has to belong to their certificate.
"""

import asyncio
import hashlib
from base64 import b64decode
from functools import lru_cache
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

Object = dict[str, Any]
_MOST_COMPLAINTS = 50


class Ledger:
    """Versions and acknowledgements of one server, over all its lives."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.newest = 0
        """The greatest resourceVersion that was ever shown."""
        self.acknowledged: dict[int, str] = {}
        """The path of the object by the resourceVersion that a write of ours was answered with."""
        self.watched: set[int] = set()
        self.pairs = 0
        """How many Secrets with certificate and key were checked."""
        self._versions: dict[int, tuple[str, bytes]] = {}
        self._news = asyncio.Event()

    def __len__(self) -> int:
        """How many versions were seen."""
        return len(self._versions)

    async def news(self) -> None:
        """Wait for the next version that nobody has seen."""
        self._news.clear()
        await self._news.wait()

    def complain(self, text: str) -> None:
        """Write down that something is wrong."""
        if len(self.complaints) < _MOST_COMPLAINTS and text not in self.complaints:
            self.complaints.append(text)

    def saw(self, plural: str, obj: Object) -> int:
        """Take note of an object as the server showed it; returns its resourceVersion."""
        metadata = obj["metadata"]
        version = int(metadata["resourceVersion"])
        path = f"{plural}/{metadata.get('namespace', '')}/{metadata['name']}"
        seen = (path, _digest(obj))
        before = self._versions.setdefault(version, seen)
        if before != seen:
            what = "another object" if before[0] != path else "other content"
            self.complain(f"resourceVersion {version} of {path} was given to {what} before ({before[0]})")
        if version > self.newest:
            self.newest = version
            self._news.set()
        if plural == "secrets":
            self._check_pair(path, version, obj)
        return version

    def saw_change(self, plural: str, obj: Object) -> int:
        """Take note of an object in a watch event."""
        version = self.saw(plural, obj)
        self.watched.add(version)
        return version

    def saw_acknowledgement(self, plural: str, obj: Object) -> int:
        """Take note of the answer to a write of our own."""
        version = self.saw(plural, obj)
        self.acknowledged[version] = f"{plural}/{obj['metadata']['name']}"
        return version

    def saw_list(self, plural: str, version: int, newest_before: int) -> None:
        """Take note of a list's resourceVersion; `newest_before` was the newest when it was asked for."""
        if version < newest_before:
            self.complain(f"a list of {plural} at {version}, though {newest_before} was shown before")
        self.newest = max(self.newest, version)

    def unwatched(self, plural: str, since: int, gaps: list[tuple[int, int]]) -> list[int]:
        """Acknowledged writes after `since` that no watch has shown, except inside `gaps`."""
        return [
            version
            for version, path in self.acknowledged.items()
            if path.startswith(f"{plural}/")
            and version > since
            and version not in self.watched
            and not any(start < version <= end for start, end in gaps)
        ]

    def _check_pair(self, path: str, version: int, secret: Object) -> None:
        data = secret.get("data") or {}
        if secret.get("type") != "kubernetes.io/tls" or not data.get("tls.crt") or not data.get("tls.key"):
            return
        self.pairs += 1
        if not fit(b64decode(data["tls.crt"]), b64decode(data["tls.key"])):
            self.complain(f"{path} at {version}: its key does not belong to its certificate")


@lru_cache(maxsize=1024)
def fit(chain: bytes, key: bytes) -> bool:
    """Whether a private key belongs to the first certificate of a chain, both PEM."""
    return _spki(x509.load_pem_x509_certificate(chain).public_key()) == _spki(
        load_pem_private_key(key, None, unsafe_skip_rsa_key_validation=True).public_key()
    )


def _spki(public: Any) -> bytes:
    encoded: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _digest(obj: Object) -> bytes:
    # Items of a list of a built-in kind carry neither.
    bare = {key: value for key, value in obj.items() if key not in {"apiVersion", "kind"}}
    return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).digest()
