"""Access to Secrets: what we watch follows what we serve, not what the cluster holds.

Secrets labelled as ours are watched and kept as facts without private keys. A Secret that an issuer
refers to, or that a Certificate waits for, is read whole, and once more only when it has changed: seen
through the labelled watch, or else through a watch of that one name. All others are read live when a
plan needs them.
"""

import asyncio
import logging
from collections.abc import Callable

from msgspec import Struct

from certwright.api import annotations as ann
from certwright.api.codec import decode
from certwright.api.foreign import Secret
from certwright.api.meta import SECRETS, controller_of
from certwright.kube.client import Client
from certwright.kube.errors import NotFound
from certwright.kube.packing import Packing
from certwright.kube.store import Store
from certwright.kube.watcher import Watcher, reflect
from certwright.plan.secret_facts import secret_facts
from certwright.plan.world import SecretFacts

log = logging.getLogger(__name__)

LABELLED = f"{ann.PART_OF}=true"
Key = tuple[str, str]


def decode_facts(body: bytes) -> SecretFacts:
    """Decode a Secret and reduce it to facts at once."""
    return secret_facts(decode_secret(body))


def decode_secret(body: bytes) -> Secret:
    """Decode a whole Secret, keys included: for immediate use only."""
    return decode(body, Secret)


class _Followed(Struct):
    """One Secret watched by name."""

    store: Store[Secret]
    task: asyncio.Task[None]


class Secrets:
    """Reads Secrets for controllers and issuers through one client."""

    def __init__(self, client: Client, changed: Callable[[Key], None]) -> None:
        self.labelled: Store[SecretFacts] = Store({"next-key-owner": _next_key_owner}, Packing(SecretFacts))
        self._client = client
        self._changed = changed
        self._read: dict[Key, Secret] = {}
        self._followed: dict[Key, _Followed] = {}
        self._needed: dict[str, set[Key]] = {}

    def watcher(self, namespace: str | None = None) -> Watcher[SecretFacts]:
        """The watch that feeds `labelled`."""
        return Watcher(
            self._client,
            SECRETS,
            decode_facts,
            namespace=namespace,
            label_selector=LABELLED,
            packing=self.labelled.packing,
        )

    async def live_facts(self, namespace: str, name: str) -> SecretFacts | None:
        """The facts of a Secret as it is now, by one GET."""
        known = self.labelled.get(namespace, name)
        try:
            facts = await self._client.get(SECRETS, name, namespace, type_=decode_facts)
        except NotFound:
            facts = None
        self._take_in(known, facts)
        return facts

    async def live(self, namespace: str, name: str) -> Secret | None:
        """A whole Secret as it is now, by one GET. Do not keep it."""
        known = self.labelled.get(namespace, name)
        try:
            secret = await self._client.get(SECRETS, name, namespace, type_=decode_secret)
        except NotFound:
            secret = None
        self._take_in(known, secret_facts(secret) if secret is not None else None)
        return secret

    async def referred(self, namespace: str, name: str) -> Secret | None:
        """A Secret that somebody refers to and needs: read once, then only after it has changed.

        Whoever asks tells by `keep_only` when it is needed no longer.
        """
        key = (namespace, name)
        facts = self.labelled.get(namespace, name)
        if facts is not None:
            self._unfollow(key)
            kept = self._read.get(key)
            if kept is not None and kept.metadata.resource_version == facts.metadata.resource_version:
                return kept
            secret = await self.live(namespace, name)
            if secret is not None:
                self._read[key] = secret
            return secret
        self._read.pop(key, None)
        followed = self._followed.get(key) or self._follow(key)
        await followed.store.synced.wait()
        return followed.store.get(namespace, name)

    def keep_only(self, holder: str, keys: set[Key]) -> None:
        """Forget Secrets that a holder refers to no more, and no other does: "issuers" or "certificates"."""
        self._needed[holder] = keys
        needed = set().union(*self._needed.values())
        for key in [key for key in self._read if key not in needed]:
            del self._read[key]
        for key in [key for key in self._followed if key not in needed]:
            self._unfollow(key)

    def followed(self) -> dict[Key, Store[Secret]]:
        """The Secrets watched by name, and where each is kept."""
        return {key: followed.store for key, followed in self._followed.items()}

    async def close(self) -> None:
        """End the watches by name."""
        tasks = [followed.task for followed in self._followed.values()]
        for key in list(self._followed):
            self._unfollow(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _take_in(self, known: SecretFacts | None, now: SecretFacts | None) -> None:
        """Let the cache know what a read has shown, so that no plan is made on what is known to be old."""
        if now is not None and now.metadata.labels.get(ann.PART_OF) == "true":
            self.labelled.put(now)
        elif now is not None and known is not None and now.metadata.uid == known.metadata.uid:
            self.labelled.discard(now)  # it lost its label, and may get it back
        elif known is not None:
            self.labelled.remove(known)

    def _follow(self, key: Key) -> _Followed:
        namespace, name = key
        store: Store[Secret] = Store()
        watcher = Watcher(
            self._client, SECRETS, decode_secret, namespace=namespace, field_selector=f"metadata.name={name}"
        )
        task = asyncio.get_running_loop().create_task(
            reflect(watcher, store), name=f"secret {namespace}/{name}"
        )
        followed = self._followed[key] = _Followed(store, task)
        store.subscribe(lambda _old, _new: self._changed(key))
        return followed

    def _unfollow(self, key: Key) -> None:
        followed = self._followed.pop(key, None)
        if followed is not None:
            followed.task.cancel()


def _next_key_owner(facts: SecretFacts) -> list[str]:
    if facts.metadata.labels.get(ann.NEXT_PRIVATE_KEY) != "true":
        return []
    owner = controller_of(facts.metadata)
    return [owner.uid] if owner else []
