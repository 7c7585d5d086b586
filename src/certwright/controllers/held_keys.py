"""Private keys held in memory between their making and their storing. Bounded by what is being issued.

Never logged, never cached beyond the issuance: a key leaves as soon as its Secret is written.
"""

from certwright.pki.keys import public_key_of_private
from certwright.plan.world import HeldKey

Key = tuple[str, str]


class HeldKeys:
    """At most one private key for each Certificate, by namespace and name."""

    def __init__(self) -> None:
        self._keys: dict[Key, tuple[HeldKey, bytes]] = {}
        self._by_secret: dict[Key, Key] = {}

    def put(self, certificate: Key, name: str, pem: bytes) -> None:
        """Hold a key under the name its Secret would have. Raises PKIError if it is not one."""
        self.drop(certificate)
        self._keys[certificate] = (HeldKey(name, public_key_of_private(pem)), pem)
        self._by_secret[certificate[0], name] = certificate

    def get(self, certificate: Key) -> HeldKey | None:
        """What is public of the key held for a Certificate."""
        held = self._keys.get(certificate)
        return held[0] if held else None

    def pem(self, certificate: Key, name: str) -> bytes | None:
        """The key held for a Certificate, if it is the one of this name."""
        held = self._keys.get(certificate)
        return held[1] if held and held[0].name == name else None

    def by_secret(self, namespace: str, name: str) -> bytes | None:
        """The key whose Secret would have this name."""
        certificate = self._by_secret.get((namespace, name))
        return self.pem(certificate, name) if certificate else None

    def drop(self, certificate: Key) -> None:
        """Forget the key of a Certificate."""
        held = self._keys.pop(certificate, None)
        if held is not None:
            self._by_secret.pop((certificate[0], held[0].name), None)

    def __len__(self) -> int:
        return len(self._keys)
