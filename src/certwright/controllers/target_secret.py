"""Writes target Secrets: puts the data together where the keys are at hand, and applies it. What the Secret
should look like, and when it is written, is decided in `plan`.
"""

from typing import Any

import msgspec

from certwright.api import annotations as ann
from certwright.api.certmanager import CertificateRequest, CertificateSpec
from certwright.api.meta import SECRETS
from certwright.controllers.engine import Replan, Retry
from certwright.controllers.next_keys import NextKeys
from certwright.controllers.secrets import Secrets, decode_facts
from certwright.issuers.ca import requested_duration
from certwright.kube.client import Client
from certwright.kube.errors import Invalid
from certwright.kube.store import Store
from certwright.pki import keys
from certwright.pki.certificate import parse_certificate
from certwright.pki.keys import PublicKey
from certwright.pki.secret import target_data
from certwright.pki.temporary import temporary_certificate
from certwright.plan import actions, target_secret
from certwright.plan.world import CertificateWorld, SecretFacts


class TargetSecrets:
    """Performs `ApplySecret` and `StoreTemporary`; `owner_references` is the setting of that name."""

    def __init__(
        self,
        client: Client,
        requests: Store[CertificateRequest],
        secrets: Secrets,
        next_keys: NextKeys,
        *,
        owner_references: bool,
    ) -> None:
        self._client = client
        self._requests = requests
        self._secrets = secrets
        self._next_keys = next_keys
        self._owner_references = owner_references

    async def apply(self, world: CertificateWorld, action: actions.ApplySecret) -> None:
        """Apply the Secret, keeping the type of one that is there. Raises Replan, Retry or ApiError."""
        version, data = await self._data(world, action)
        await self._apply(world.key[0], action, version, data)

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
        pem = await self._pem(world, request)
        chain = temporary_certificate(
            request.spec.request,
            usages=request.spec.usages,
            is_ca=request.spec.is_ca,
            duration=requested_duration(request),
            now=action.now,
        )
        facts = parse_certificate(chain)
        _check_pair(pem, facts.public_key, request)
        wanted = target_secret.apply_temporary(
            certificate,
            facts,
            existing_type=present.type if present else "",
            owner=self._owner_references,
        )
        data = self._with_formats(pem, chain, b"", certificate.spec)
        await self._apply(namespace, wanted, present.metadata.resource_version if present else "", data)

    async def _apply(
        self, namespace: str, action: actions.ApplySecret, version: str, data: dict[str, bytes]
    ) -> None:
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
        namespace, spec = world.key[0], world.certificate.spec
        if action.request is None:
            secret = await self._secrets.live(namespace, action.name)
            if secret is None or not secret.data.get("tls.key") or not secret.data.get("tls.crt"):
                raise Replan
            data = secret.data
            return secret.metadata.resource_version, target_data(
                data["tls.key"], data["tls.crt"], data.get("ca.crt", b""), spec
            )
        request = self._requests.get(namespace, action.request)
        if request is None or not request.status.certificate:
            raise Replan
        pem = await self._pem(world, request)
        chain = request.status.certificate
        _check_pair(pem, parse_certificate(chain).public_key, request)
        return "", self._with_formats(pem, chain, request.status.ca or b"", spec)

    async def _pem(self, world: CertificateWorld, request: CertificateRequest) -> bytes:
        name = request.metadata.annotations.get(ann.PRIVATE_KEY_SECRET_NAME, "")
        return await self._next_keys.pem(world, name)

    def _with_formats(self, pem: bytes, chain: bytes, ca: bytes, spec: CertificateSpec) -> dict[str, bytes]:
        encoding = (spec.private_key.encoding if spec.private_key else None) or "PKCS1"
        return target_data(keys.encode(pem, encoding), chain, ca, spec)


def _check_pair(pem: bytes, issued_for: PublicKey, request: CertificateRequest) -> None:
    if keys.public_key_of_private(pem).spki_sha256 != issued_for.spki_sha256:
        raise Retry(f"the private key at hand is not the one of CertificateRequest {request.metadata.name}")
