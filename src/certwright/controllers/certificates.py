"""Certificates: reads their world, and performs what their plans ask for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from certwright.api import annotations as ann
from certwright.api.certmanager import Certificate, CertificateRequest, CertificateRequestSpec
from certwright.api.duration import DurationError, format_duration, parse_duration
from certwright.api.foreign import Secret
from certwright.api.meta import (
    CERTIFICATE_REQUESTS,
    CERTIFICATES,
    SECRETS,
    ManagedObjectMeta,
    ObjectMeta,
    Resource,
)
from certwright.controllers.engine import Replan, Retry
from certwright.controllers.held_keys import HeldKeys
from certwright.controllers.objects import Objects
from certwright.controllers.recording import PlanEvents
from certwright.controllers.secrets import Secrets, decode_facts
from certwright.kube.client import Client
from certwright.kube.errors import AlreadyExists, Conflict, Invalid, NotFound
from certwright.kube.store import HasMetadata, Store
from certwright.pki import csr, keys
from certwright.pki.certificate import parse_certificate
from certwright.pki.errors import PKIError
from certwright.pki.secret import target_data
from certwright.plan import actions, target_secret
from certwright.plan.actions import WARNING, Action, Event, Plan
from certwright.plan.certificate import plan_certificate
from certwright.plan.secret_facts import secret_facts
from certwright.plan.situation import is_issuing
from certwright.plan.world import CertificateWorld, Policy, SecretFacts

T = TypeVar("T", bound=HasMetadata)
Key = tuple[str, str]
REQUEST_MANAGER = "cert-manager-certificates-request-manager"
KEY_MANAGER = "cert-manager-certificates-key-manager"


class Certificates:
    """The controller of Certificates; one writer of their status.

    `signs` tells whether an issuer of this process would sign a request of this Certificate at once.
    `executor` makes RSA keys, which take long and let go of the interpreter while they do.
    """

    name = "certificates"

    def __init__(
        self,
        client: Client,
        certificates: Store[Certificate],
        requests: Store[CertificateRequest],
        secrets: Secrets,
        held: HeldKeys,
        events: PlanEvents,
        policy: Policy,
        signs: Callable[[Certificate], bool],
        executor: Executor,
    ) -> None:
        self._client = client
        self._objects = Objects(client, CERTIFICATES, Certificate, certificates)
        self._requests = requests
        self._secrets = secrets
        self._held = held
        self._events = events
        self._policy = policy
        self._signs = signs
        self._executor = executor
        self._absent: set[Key] = set()
        self._performers: dict[type[Action], Callable[[CertificateWorld, Any], Any]] = {
            actions.PatchStatus: self._patch_status,
            actions.GenerateKey: self._generate_key,
            actions.ReuseKey: self._reuse_key,
            actions.ForgetKey: self._forget_key,
            actions.StoreNextKey: self._store_next_key,
            actions.CreateRequest: self._create_request,
            actions.DeleteRequest: self._delete_request,
            actions.DeleteSecret: self._delete_secret,
            actions.ApplySecret: self._apply_secret,
        }

    async def gather(self, key: Key) -> CertificateWorld | None:
        """Read the world of a Certificate: from the stores, and its Secret live where it is not watched."""
        certificate = self._objects.store.get(*key)
        if certificate is None:
            self._held.drop(key)
            self._absent.discard(key)
            return None
        uid = certificate.metadata.uid
        going = certificate.metadata.deletion_timestamp is not None  # then its Secret is nobody's concern
        secret = None if going else await self._target(key, certificate)
        return CertificateWorld(
            certificate=certificate,
            secret=secret,
            requests=tuple(self._requests.by_index("owner", uid)),
            next_keys=tuple(self._secrets.labelled.by_index("next-key-owner", uid)),
            held_key=self._held.get(key),
            rivals=tuple(self._rivals(certificate)),
            signs_in_process=self._signs(certificate),
        )

    def plan(self, world: CertificateWorld, now: datetime) -> Plan:
        """Decide."""
        return plan_certificate(world, self._policy, now)

    async def perform(self, world: CertificateWorld, action: Action) -> None:
        """Do one action, then tell of it."""
        performer = self._performers.get(type(action))
        if performer is not None:
            await performer(world, action)
        self._events.emit(CERTIFICATES, world.certificate, action.events)

    async def refresh(self, key: Key) -> None:
        """Take in the Certificate as it is now."""
        await self._objects.refresh(*key)

    async def _target(self, key: Key, certificate: Certificate) -> SecretFacts | None:
        namespace, name = key[0], certificate.spec.secret_name
        facts = self._secrets.labelled.get(namespace, name)
        if facts is not None or not name:
            return facts
        if is_issuing(certificate) and key in self._absent:
            return None  # read when this issuance began; the apply tells if that has changed
        facts = await self._secrets.live_facts(namespace, name)
        if facts is None:
            self._absent.add(key)
        else:
            self._absent.discard(key)
        return facts

    def _rivals(self, certificate: Certificate) -> list[Certificate]:
        index = secret_index(certificate)
        uid = certificate.metadata.uid
        return [
            c
            for value in index
            for c in self._objects.store.by_index("secret", value)
            if c.metadata.uid != uid
        ]

    async def _patch_status(self, world: CertificateWorld, action: actions.PatchStatus) -> None:
        await self._objects.patch_status(world.certificate, action)

    async def _generate_key(self, world: CertificateWorld, action: actions.GenerateKey) -> None:
        if action.algorithm == "RSA":
            loop = asyncio.get_running_loop()
            pem = await loop.run_in_executor(self._executor, keys.generate, action.algorithm, action.size)
        else:
            pem = keys.generate(action.algorithm, action.size)
        self._held.put(_key(world), action.name, pem)

    async def _reuse_key(self, world: CertificateWorld, action: actions.ReuseKey) -> None:
        secret = await self._secrets.live(_namespace(world), action.secret_name)
        if secret is None or not secret.data.get("tls.key"):
            raise Replan
        self._held.put(_key(world), action.name, secret.data["tls.key"])

    async def _forget_key(self, world: CertificateWorld, action: actions.ForgetKey) -> None:
        del action
        self._held.drop(_key(world))

    async def _store_next_key(self, world: CertificateWorld, action: actions.StoreNextKey) -> None:
        key = _key(world)
        pem = self._held.pem(key, action.name)
        if pem is None:
            raise Replan
        secret = Secret(
            metadata=ManagedObjectMeta(
                name=action.name,
                namespace=key[0],
                labels={ann.PART_OF: "true", ann.NEXT_PRIVATE_KEY: "true"},
                owner_references=[target_secret.owner_reference(world.certificate)],
            ),
            data={"tls.key": keys.encode(pem, "PKCS8")},
        )
        try:
            stored = await self._client.create(SECRETS, secret, field_manager=KEY_MANAGER)
        except AlreadyExists:
            self._held.drop(key)  # the next pass makes a key under another name
            raise Replan from None
        self._secrets.labelled.put(secret_facts(stored))

    async def _create_request(self, world: CertificateWorld, action: actions.CreateRequest) -> None:
        certificate = world.certificate
        spec = certificate.spec
        pem = await self._next_key(world, action.key_name)
        try:
            request_pem = csr.build_request(spec, pem)
            duration = format_duration(parse_duration(spec.duration)) if spec.duration else ""
        except (PKIError, DurationError) as error:
            text = f"Failed to generate CSR: {error} - will not retry"
            self._warn(certificate, "RequestFailed", text, once=True)
            return
        request = CertificateRequest(
            metadata=ObjectMeta(
                name=action.name,
                namespace=certificate.metadata.namespace,
                labels=action.labels,
                annotations=action.annotations,
                owner_references=[target_secret.owner_reference(certificate)],
            ),
            spec=CertificateRequestSpec(
                request=request_pem,
                issuer_ref=spec.issuer_ref,
                duration=duration,
                is_ca=spec.is_ca,
                usages=spec.usages,
            ),
        )
        try:
            created = await self._client.create(CERTIFICATE_REQUESTS, request, field_manager=REQUEST_MANAGER)
        except AlreadyExists as error:
            await self._adopt_request(certificate, action.name, error)
            return
        self._requests.put(created)

    async def _adopt_request(self, certificate: Certificate, name: str, error: AlreadyExists) -> None:
        """The name is taken: by our own request that the store has not seen yet, or by a stranger's."""
        namespace = certificate.metadata.namespace
        try:
            found = await self._client.get(CERTIFICATE_REQUESTS, name, namespace, type_=CertificateRequest)
        except NotFound:
            raise Replan from None
        if any(owner == certificate.metadata.uid for owner in owner_index(found)):
            self._requests.put(found)
            if found.metadata.deletion_timestamp is not None:
                return
            raise Replan
        self._warn(certificate, "RequestFailed", f"Failed to create CertificateRequest: {error.message}")
        raise Retry(f"CertificateRequest {name} exists and belongs to somebody else")

    async def _delete_request(self, world: CertificateWorld, action: actions.DeleteRequest) -> None:
        await self._delete(CERTIFICATE_REQUESTS, self._requests, _namespace(world), action)

    async def _delete_secret(self, world: CertificateWorld, action: actions.DeleteSecret) -> None:
        await self._delete(SECRETS, self._secrets.labelled, _namespace(world), action)

    async def _delete(
        self,
        resource: Resource,
        store: Store[T],
        namespace: str,
        action: actions.DeleteRequest | actions.DeleteSecret,
    ) -> None:
        try:
            is_gone = await self._client.delete(resource, action.name, namespace, uid=action.uid)
        except (NotFound, Conflict):
            is_gone = True  # already, or a namesake has its place that was never ours to delete
        known = store.get(namespace, action.name)
        if is_gone and known is not None and known.metadata.uid == action.uid:
            store.remove(known)

    async def _apply_secret(self, world: CertificateWorld, action: actions.ApplySecret) -> None:
        version, data = await self._secret_data(world, action)
        namespace = _namespace(world)
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
            facts = await self._apply(action.name, namespace, body)
        except Invalid:
            present = await self._secrets.live_facts(namespace, action.name)
            if present is None or present.type == action.type:
                raise
            facts = await self._apply(action.name, namespace, body | {"type": present.type})
        self._absent.discard(_key(world))
        self._secrets.labelled.put(facts)

    async def _apply(self, name: str, namespace: str, body: dict[str, Any]) -> SecretFacts:
        return await self._client.apply(
            SECRETS,
            name,
            namespace,
            body,
            field_manager=ann.TARGET_SECRET_MANAGER,
            type_=decode_facts,
        )

    async def _secret_data(
        self, world: CertificateWorld, action: actions.ApplySecret
    ) -> tuple[str, dict[str, bytes]]:
        """The data to store, and the version of the Secret that it was read from, if it was.

        It is that of a request and the next key, or what the Secret holds already. A key is never
        put beside a certificate that it does not belong to.
        """
        namespace, spec = _namespace(world), world.certificate.spec
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
        chain = request.status.certificate
        pem = await self._next_key(world, request.metadata.annotations.get(ann.PRIVATE_KEY_SECRET_NAME, ""))
        issued_for = parse_certificate(chain).public_key
        if keys.public_key_of_private(pem).spki_sha256 != issued_for.spki_sha256:
            raise Retry(f"the private key at hand is not the one of CertificateRequest {action.request}")
        encoding = (spec.private_key.encoding if spec.private_key else None) or "PKCS1"
        return "", target_data(keys.encode(pem, encoding), chain, request.status.ca or b"", spec)

    async def _next_key(self, world: CertificateWorld, name: str) -> bytes:
        """The next private key of this name: from memory, or else from its Secret."""
        key = _key(world)
        pem = self._held.pem(key, name)
        if pem is not None:
            return pem
        secret = await self._secrets.live(key[0], name) if name else None
        if secret is None or not secret.data.get("tls.key"):
            raise Replan
        return secret.data["tls.key"]

    def _warn(self, certificate: Certificate, reason: str, message: str, *, once: bool = False) -> None:
        event = Event(reason, message, "certificates-request-manager", WARNING, once)
        self._events.emit(CERTIFICATES, certificate, (event,))


def secret_index(certificate: Certificate) -> list[str]:
    """Index of Certificates by the Secret they write: `namespace/secretName`."""
    return [f"{certificate.metadata.namespace}/{certificate.spec.secret_name}"]


def owner_index(request: CertificateRequest) -> list[str]:
    """Index of requests by the uid of the object that controls them."""
    return [owner.uid for owner in request.metadata.owner_references or () if owner.controller]


def _key(world: CertificateWorld) -> Key:
    return _namespace(world), world.certificate.metadata.name


def _namespace(world: CertificateWorld) -> str:
    return world.certificate.metadata.namespace or ""
