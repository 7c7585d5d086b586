"""Writes target Secrets: puts the data together where the keys are at hand, and applies it. What the Secret
should look like, and when it is written, is decided in `plan`.
"""

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from certwright.api import annotations as ann
from certwright.api.certmanager import CertificateRequest
from certwright.api.meta import SECRETS
from certwright.controllers.engine import Replan, Retry
from certwright.controllers.keystore_passwords import KeystorePasswords
from certwright.controllers.next_keys import NextKeys
from certwright.controllers.secrets import Secrets, decode_facts
from certwright.issuers.ca import requested_duration
from certwright.kube.client import Client
from certwright.kube.errors import Invalid
from certwright.kube.store import Store
from certwright.pki import keys
from certwright.pki.certificate import parse_certificate
from certwright.pki.errors import PKIError
from certwright.pki.keystores import Source
from certwright.pki.secret import target_data
from certwright.pki.temporary import temporary_certificate
from certwright.plan import actions, target_secret
from certwright.plan.world import CertificateWorld, SecretFacts

Key = tuple[str, str]


class TargetSecrets:
    """Performs `ApplySecret` and `StoreTemporary`; `owner_references` is the setting of that name."""

    def __init__(
        self,
        client: Client,
        requests: Store[CertificateRequest],
        secrets: Secrets,
        next_keys: NextKeys,
        passwords: KeystorePasswords,
        clock: Callable[[], datetime],
        *,
        owner_references: bool,
    ) -> None:
        self._client = client
        self._requests = requests
        self._secrets = secrets
        self._next_keys = next_keys
        self._passwords = passwords
        self._source = Source(os.urandom, lambda: int(clock().timestamp() * 1000))
        self._owner_references = owner_references

    async def apply(self, world: CertificateWorld, action: actions.ApplySecret) -> None:
        """Apply the Secret, keeping the type of one that is there. Raises Replan, Retry or ApiError."""
        try:
            version, data = await self._data(world, action)
        except PKIError as error:
            raise Retry(f"the data of Secret {action.name} cannot be put together: {error}") from error
        await self._apply(world.key, action, version, data)

    async def store_temporary(self, world: CertificateWorld, action: actions.StoreTemporary) -> None:
        """Store a temporary certificate where none can serve. Raises Replan, Retry, ApiError, or PKIError if
        none can be made.

        The Secret is read once more before: one that has come to serve in the meantime is somebody's.
        """
        namespace, certificate = world.key[0], world.certificate
        request = self._requests.get(namespace, action.request)
        present = await self._secrets.live_facts(namespace, certificate.spec.secret_name)
        if request is None or (present is not None and present.serves):
            raise Replan
        chain = temporary_certificate(
            request.spec.request,
            usages=request.spec.usages,
            is_ca=request.spec.is_ca,
            duration=requested_duration(request),
            now=action.now,
        )
        data = await self._pair(world, request, chain, b"")
        wanted = target_secret.apply_temporary(
            certificate,
            parse_certificate(chain),
            existing_type=present.type if present else "",
            owner=self._owner_references,
        )
        await self._apply(world.key, wanted, present.metadata.resource_version if present else "", data)

    async def _apply(
        self, key: Key, action: actions.ApplySecret, version: str, data: dict[str, bytes]
    ) -> None:
        namespace = key[0]
        body: dict[str, Any] = {
            "metadata": {
                "name": action.name,
                "namespace": namespace,
                "labels": action.labels,
                "annotations": action.annotations,
            },
            "type": action.type,
            "data": msgspec.to_builtins(data),
        }
        if version:
            body["metadata"]["resourceVersion"] = version
        if action.owner is not None:
            body["metadata"]["ownerReferences"] = [msgspec.to_builtins(action.owner)]
        try:
            facts = await self._send(action.name, namespace, body)
        except Invalid:
            present = await self._secrets.live_facts(namespace, action.name)
            if present is None or present.type == action.type:
                raise
            facts = await self._send(action.name, namespace, body | {"type": present.type})
        self._secrets.labelled.put(facts)
        self._passwords.forget(key)

    async def _send(self, name: str, namespace: str, body: dict[str, Any]) -> SecretFacts:
        return await self._client.apply(
            SECRETS,
            name,
            namespace,
            body,
            field_manager=ann.TARGET_SECRET_MANAGER,
            type_=decode_facts,
        )

    async def _data(
        self, world: CertificateWorld, action: actions.ApplySecret
    ) -> tuple[str, dict[str, bytes]]:
        """The data to store, and the version of the Secret that it was read from, if it was.

        It is that of a request and the next key, or what the Secret holds already. A key is never
        put beside a certificate that it does not belong to.
        """
        if action.request is None:
            return await self._present(world, action.name)
        return "", await self._issued(world, action.request)

    async def _present(self, world: CertificateWorld, name: str) -> tuple[str, dict[str, bytes]]:
        """The key, chain and CA that the Secret holds already, and the rest made of them anew."""
        secret = await self._secrets.live(world.key[0], name)
        if secret is None or not secret.data.get("tls.key") or not secret.data.get("tls.crt"):
            raise Replan
        key, chain, ca = secret.data["tls.key"], secret.data["tls.crt"], secret.data.get("ca.crt", b"")
        passwords = await self._passwords.read(world)
        spec = world.certificate.spec
        return secret.metadata.resource_version, target_data(
            key, chain, ca, spec, passwords, self._source, secret.data
        )

    async def _issued(self, world: CertificateWorld, name: str) -> dict[str, bytes]:
        """The next key, and what the request of this name was answered with."""
        request = self._requests.get(world.key[0], name)
        if request is None or not request.status.certificate:
            raise Replan
        return await self._pair(world, request, request.status.certificate, request.status.ca or b"")

    async def _pair(
        self, world: CertificateWorld, request: CertificateRequest, chain: bytes, ca: bytes
    ) -> dict[str, bytes]:
        """The key of a request with a chain that was issued for it, and what else is made of them."""
        name = request.metadata.annotations.get(ann.PRIVATE_KEY_SECRET_NAME, "")
        pem = await self._next_keys.pem(world, name)
        issued_for = parse_certificate(chain).public_key
        if keys.public_key_of_private(pem).spki_sha256 != issued_for.spki_sha256:
            name = request.metadata.name
            raise Retry(f"the private key at hand is not the one of CertificateRequest {name}")
        passwords = await self._passwords.read(world)
        spec = world.certificate.spec
        encoding = (spec.private_key.encoding if spec.private_key else None) or "PKCS1"
        return target_data(keys.encode(pem, encoding), chain, ca, spec, passwords, self._source)
