"""Clients that write to a server that keeps dying, and know what they wrote: counters and busy Certificates.

Each object has one writer, so whatever it reads must be what it wrote last, or what it was writing when
the server died. Everything else is a complaint.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from bench.ledger import Ledger, Object
from certwright.api.meta import CERTIFICATE_REQUESTS, CERTIFICATES, CONFIG_MAPS, SECRETS, Resource
from certwright.kube import requests
from certwright.kube.client import Client
from certwright.kube.errors import AlreadyExists, ApiError, Conflict, NotFound, ServerUnavailable, Unreachable

PAUSE = 0.02


class InDoubt(Exception):  # noqa: N818 - says what happened
    """The server died under a call: whether it was done is unknown."""


class Writer:
    """Sends single calls, and writes into the ledger what they were answered with."""

    def __init__(self, client: Client, ledger: Ledger, namespace: str) -> None:
        self.ledger = ledger
        self.namespace = namespace
        self._client = client

    async def get(self, resource: Resource, name: str) -> Object | None:
        """Read an object, however long the server is away; None when there is none."""
        while True:
            try:
                body = await self._client.send(requests.get(resource, name, self.namespace))
            except NotFound:
                return None
            except (Unreachable, ServerUnavailable):
                await asyncio.sleep(PAUSE)
                continue
            found: Object = msgspec.json.decode(body)
            self.ledger.saw(resource.plural, found)
            return found

    async def create(self, resource: Resource, body: dict[str, Any]) -> Object:
        """Create an object. Raises InDoubt, ApiError."""
        encoded = msgspec.json.encode(body)
        return await self._write(resource, requests.create(resource, encoded, self.namespace))

    async def update(self, resource: Resource, obj: Object) -> Object:
        """Replace an object. Raises InDoubt, ApiError."""
        name = obj["metadata"]["name"]
        request = requests.update(resource, name, msgspec.json.encode(obj), self.namespace)
        return await self._write(resource, request)

    async def patch(
        self, resource: Resource, name: str, patch: dict[str, Any], subresource: str | None = None
    ) -> Object:
        """Merge into an object. Raises InDoubt, ApiError."""
        encoded = msgspec.json.encode(patch)
        request = requests.patch(resource, name, encoded, self.namespace, subresource=subresource)
        return await self._write(resource, request)

    async def delete(self, resource: Resource, name: str, version: str | None = None) -> bool:
        """Delete an object, at this version only if one is given; False when there was none.

        Raises InDoubt, ApiError.
        """
        request = requests.delete(resource, name, self.namespace, resource_version=version)
        try:
            await self._answer(self._client.send(request))
        except NotFound:
            return False
        return True

    async def _write(self, resource: Resource, request: requests.Request) -> Object:
        found: Object = msgspec.json.decode(await self._answer(self._client.send(request)))
        self.ledger.saw_acknowledgement(resource.plural, found)
        return found

    async def _answer(self, call: Awaitable[bytes]) -> bytes:
        try:
            return await call
        except (Unreachable, ServerUnavailable) as error:
            raise InDoubt(str(error)) from error


class Counter:
    """Counts in a ConfigMap by compare-and-swap, and deletes it now and then; nobody else writes it."""

    def __init__(self, writer: Writer, name: str, rng: random.Random) -> None:
        self.writes = 0
        self._writer = writer
        self._name = name
        self._rng = rng
        self._possible: set[int | None] = {None}
        """What it may be: None is deleted. More than one while in doubt."""

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            found = await self.check()
            try:
                await self._go_on(found)
                self.writes += 1
            except InDoubt:
                await asyncio.sleep(PAUSE)
            except (Conflict, AlreadyExists, NotFound) as error:
                self._writer.ledger.complain(f"configmaps {self._name}: nobody else writes it, but: {error}")
            await asyncio.sleep(self._rng.uniform(0, 0.02))

    async def check(self) -> Object | None:
        """Read it, and complain if it is not what it must be."""
        found = await self._writer.get(CONFIG_MAPS, self._name)
        value = int(found["data"]["count"]) if found else None
        if value not in self._possible:
            expected = sorted(map(str, self._possible))
            self._writer.ledger.complain(f"configmaps {self._name}: {value}, but {expected} was acknowledged")
        self._possible = {value}
        return found

    async def _go_on(self, found: Object | None) -> None:
        value = int(found["data"]["count"]) if found else None
        if found is not None and self._rng.random() < 0.05:
            self._possible.add(None)
            await self._writer.delete(CONFIG_MAPS, self._name)
            self._possible = {None}
            return
        following = self.writes if value is None else value + 1
        self._possible.add(following)
        if found is None:
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self._name}}
            await self._writer.create(CONFIG_MAPS, body | {"data": {"count": str(following)}})
        else:
            await self._writer.update(CONFIG_MAPS, found | {"data": {"count": str(following)}})
        self._possible = {following}


class Owner:
    """Keeps the Certificates of a few names busy: edits, renewals by hand, deletions of what was made.

    `certificates` are the manifests to begin with; the second DNS name is this owner's to change.
    """

    def __init__(self, writer: Writer, certificates: Iterable[dict[str, Any]], rng: random.Random) -> None:
        self.operations = 0
        self._writer = writer
        self._rng = rng
        self._manifests = {each["metadata"]["name"]: each for each in certificates}
        self._possible: dict[str, set[str | None]] = {name: {None} for name in self._manifests}
        self._edits = 0

    async def run(self) -> None:
        """Keep busy until cancelled."""
        names = list(self._manifests)
        for name in names:
            await self._attempt(name, self._renew)
        steps = [self._renew] * 4 + [self._edit] * 3 + [self._lose_secret] * 2
        steps += [self._lose_request, self._delete]
        while True:
            await self._attempt(self._rng.choice(names), self._rng.choice(steps))
            await asyncio.sleep(self._rng.uniform(0, 0.2))

    async def finish(self, changes: dict[str, Any]) -> None:
        """Bring every Certificate into being, with a last change of its spec."""
        for name in self._manifests:
            while True:
                if await self.check(name) is None:
                    await self._attempt(name, self._renew)
                    continue
                try:
                    await self._writer.patch(CERTIFICATES, name, {"spec": changes})
                except (InDoubt, ApiError):
                    await asyncio.sleep(PAUSE)
                    continue
                break

    async def check(self, name: str) -> Object | None:
        """Read a Certificate, and complain if its spec is not what it must be."""
        found = await self._writer.get(CERTIFICATES, name)
        value = found["spec"]["dnsNames"][1] if found else None
        if value not in self._possible[name]:
            expected = sorted(map(str, self._possible[name]))
            self._writer.ledger.complain(f"certificates {name}: {value}, but {expected} was acknowledged")
        self._possible[name] = {value}
        return found

    async def _attempt(self, name: str, step: Callable[[str, Object], Awaitable[None]]) -> None:
        """Take a step with a Certificate, or create it if there is none."""
        found = await self.check(name)
        try:
            if found is None:
                await self._create(name)
            else:
                await step(name, found)
            self.operations += 1
        except InDoubt:
            await asyncio.sleep(PAUSE)
        except Conflict:
            pass  # the controllers write its status; the next step comes soon
        except ApiError as error:
            self._writer.ledger.complain(f"certificates {name}: {step.__name__}: {error}")

    async def _create(self, name: str) -> None:
        body = self._manifests[name]
        value = self._next_name(name)
        self._possible[name].add(value)
        spec = body["spec"] | {"dnsNames": [f"{name}.example.com", value]}
        await self._writer.create(CERTIFICATES, body | {"spec": spec})
        self._possible[name] = {value}

    async def _delete(self, name: str, found: Object) -> None:
        del found
        self._possible[name].add(None)
        await self._writer.delete(CERTIFICATES, name)
        self._possible[name] = {None}

    async def _edit(self, name: str, found: Object) -> None:
        value = self._next_name(name)
        self._possible[name].add(value)
        found["spec"]["dnsNames"][1] = value
        try:
            if self._rng.random() < 0.5:
                await self._writer.update(CERTIFICATES, found)
            else:
                await self._writer.patch(
                    CERTIFICATES, name, {"spec": {"dnsNames": found["spec"]["dnsNames"]}}
                )
        except Conflict:
            self._possible[name].discard(value)
            raise
        self._possible[name] = {value}

    async def _renew(self, name: str, found: Object) -> None:
        """What `cmctl renew` does."""
        conditions = found.get("status", {}).get("conditions", [])
        if any(each["type"] == "Issuing" for each in conditions):
            return
        issuing = {
            "type": "Issuing",
            "status": "True",
            "reason": "ManuallyTriggered",
            "message": "Certificate re-issuance manually triggered",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": found["metadata"]["generation"],
        }
        patch = {
            "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
            "status": {"conditions": [*conditions, issuing]},
        }
        await self._writer.patch(CERTIFICATES, name, patch, "status")

    async def _lose_secret(self, name: str, found: Object) -> None:
        del found
        await self._writer.delete(SECRETS, f"{name}-tls")

    async def _lose_request(self, name: str, found: Object) -> None:
        """Delete the request of an issuance under way; one that is final stays, nobody would replace it."""
        revision = found.get("status", {}).get("revision", 0) + 1
        request = await self._writer.get(CERTIFICATE_REQUESTS, f"{name}-{revision}")
        conditions = (request or {}).get("status", {}).get("conditions", [])
        if request is None or any(each["type"] == "Ready" for each in conditions):
            return
        version = request["metadata"]["resourceVersion"]
        await self._writer.delete(CERTIFICATE_REQUESTS, request["metadata"]["name"], version)

    def _next_name(self, name: str) -> str:
        self._edits += 1
        return f"v{self._edits}.{name}.example.com"
