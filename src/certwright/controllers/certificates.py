"""Certificates: reads their world, and performs what their plans ask for."""

from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime
from typing import Any, TypeVar

from certwright.api.certmanager import Certificate, CertificateRequest, CertificateRequestSpec
from certwright.api.duration import DurationError, format_duration, parse_duration
from certwright.api.meta import (
    CERTIFICATE_REQUESTS,
    CERTIFICATES,
    SECRETS,
    ObjectMeta,
    Resource,
)
from certwright.controllers.engine import Replan, Retry
from certwright.controllers.held_keys import HeldKeys
from certwright.controllers.keystore_passwords import KeystorePasswords
from certwright.controllers.next_keys import NextKeys
from certwright.controllers.objects import Objects
from certwright.controllers.recent_work import RecentWork
from certwright.controllers.recording import PlanEvents
from certwright.controllers.requests import is_final, is_issued, without_answer
from certwright.controllers.secrets import Secrets
from certwright.controllers.target_secret import TargetSecrets
from certwright.kube.client import Client
from certwright.kube.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound
from certwright.kube.store import HasMetadata, Store
from certwright.pki import csr
from certwright.pki.errors import PKIError
from certwright.plan import actions, target_secret
from certwright.plan.actions import WARNING, Action, Event, Plan
from certwright.plan.certificate import plan_certificate
from certwright.plan.gates import spec_through_gates
from certwright.plan.situation import is_issuing, revision_of
from certwright.plan.world import CertificateWorld, Policy, SecretFacts

T = TypeVar("T", bound=HasMetadata)
Key = tuple[str, str]
REQUEST_MANAGER = "cert-manager-certificates-request-manager"


class Certificates:
    """The controller of Certificates; one writer of their status.

    `signs` tells whether an issuer of this process would sign a request of this Certificate at once.
    `executor` makes RSA keys, which take long and let go of the interpreter while they do. `clock` gives
    aware UTC times.
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
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._objects = Objects(client, CERTIFICATES, Certificate, certificates)
        self._requests = requests
        self._secrets = secrets
        self._held = held
        self._events = events
        self._policy = policy
        self._signs = signs
        self._passwords = KeystorePasswords(secrets)
        self._next_keys = NextKeys(client, secrets, held, executor)
        self._target_secrets = TargetSecrets(
            client,
            requests,
            secrets,
            self._next_keys,
            self._passwords,
            clock,
            owner_references=policy.owner_references,
        )
        self._absent: set[Key] = set()
        self._recent = RecentWork()
        self._clock = clock
        self._performers: dict[type[Action], Callable[[CertificateWorld, Any], Any]] = {
            actions.PatchStatus: self._patch_status,
            actions.GenerateKey: self._next_keys.generate,
            actions.ReuseKey: self._next_keys.reuse,
            actions.ForgetKey: self._next_keys.forget,
            actions.StoreNextKey: self._next_keys.store,
            actions.CreateRequest: self._create_request,
            actions.DeleteRequest: self._delete_request,
            actions.DeleteSecret: self._delete_secret,
            actions.ApplySecret: self._apply_secret,
            actions.StoreTemporary: self._store_temporary,
        }

    async def gather(self, key: Key) -> CertificateWorld | None:
        """Read the world of a Certificate: from the stores, and its Secret live where it is not watched."""
        certificate = self._objects.store.get(*key)
        if certificate is None:
            self._held.drop(key)
            self._absent.discard(key)
            self._passwords.forget(key)
            return None
        uid = certificate.metadata.uid
        going = certificate.metadata.deletion_timestamp is not None  # then its Secret is nobody's concern
        secret = None if going else await self._target(key, certificate)
        return CertificateWorld(
            certificate=certificate,
            secret=secret,
            requests=tuple(await self._requests_of(certificate)),
            next_keys=tuple(self._secrets.labelled.by_index("next-key-owner", uid)),
            held_key=self._held.get(key),
            rivals=tuple(self._rivals(certificate)),
            signs_in_process=self._signs(certificate),
            passwords=() if going else await self._passwords.seen(certificate),
            recent=self._recent.of(uid),
        )

    def plan(self, world: CertificateWorld, now: datetime) -> Plan:
        """Decide."""
        return plan_certificate(world, self._policy, now)

    async def perform(self, world: CertificateWorld, action: Action) -> None:
        """Do one action, then tell of it, or of why it cannot be done."""
        performer = self._performers.get(type(action))
        events = action.events
        try:
            if performer is not None:
                await performer(world, action)
        except _Undone as undone:
            events = undone.events
        self._events.emit(CERTIFICATES, world.certificate, events)

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

    async def _requests_of(self, certificate: Certificate) -> list[CertificateRequest]:
        """Its requests. At rest nobody needs the certificates in them, so the cache lets go of those."""
        requests = self._requests.by_index("owner", certificate.metadata.uid)
        if is_issuing(certificate):
            following = (certificate.status.revision or 0) + 1
            return [await self._whole(r) if revision_of(r) == following else r for r in requests]
        for request in requests:
            if request.status.certificate and is_final(request):
                self._requests.swap(without_answer(request))
        return requests

    async def _whole(self, request: CertificateRequest) -> CertificateRequest:
        """A request with the certificate that the cache may have let go of."""
        if request.status.certificate or not is_issued(request):
            return request
        metadata = request.metadata
        try:
            whole = await self._client.get(
                CERTIFICATE_REQUESTS, metadata.name, metadata.namespace, type_=CertificateRequest
            )
        except NotFound:
            return request
        self._requests.swap(whole)
        return whole

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

    async def _create_request(self, world: CertificateWorld, action: actions.CreateRequest) -> None:
        certificate = world.certificate
        spec = spec_through_gates(certificate.spec, self._policy)
        pem = await self._next_keys.pem(world, action.key_name)
        constraints = self._policy.request_basic_constraints
        try:
            request_pem = csr.build_request(spec, pem, encode_basic_constraints=constraints)
            duration = format_duration(parse_duration(spec.duration)) if spec.duration else ""
        except (PKIError, DurationError) as error:
            text = f"Failed to generate CSR: {error}. It is tried again when the spec has changed."
            raise _Undone(_request_failed(text, once=True)) from error
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
        except AlreadyExists:
            await self._adopt_request(certificate, action.name)
            return
        except (Forbidden, Invalid) as error:
            text = f"Failed to create CertificateRequest {action.name}: {error.message}"
            hour = f"{self._clock():%F %H}"  # servers forget events after an hour
            self._events.emit(CERTIFICATES, certificate, (_request_failed(text, once=True, cause=hour),))
            raise
        made = created.metadata.creation_timestamp or self._clock()
        self._recent.note_request(certificate.metadata.uid, made)
        self._requests.put(created)

    async def _adopt_request(self, certificate: Certificate, name: str) -> None:
        """The name is taken: by our own request that the store has not seen yet, or by a stranger's."""
        namespace = certificate.metadata.namespace
        try:
            found = await self._client.get(CERTIFICATE_REQUESTS, name, namespace, type_=CertificateRequest)
        except NotFound:
            raise Replan from None
        if any(owner == certificate.metadata.uid for owner in owner_index(found)):
            self._requests.put(found)
            if found.metadata.deletion_timestamp is not None:
                raise _Undone  # its end wakes this Certificate
            raise Replan
        text = (
            f"Failed to create CertificateRequest {name}: there is one of this name that does not belong to "
            f"this Certificate. Delete it, or give the Certificate another name."
        )
        self._events.emit(CERTIFICATES, certificate, (_request_failed(text),))
        raise Retry(f"CertificateRequest {name} exists and belongs to somebody else")

    async def _delete_request(self, world: CertificateWorld, action: actions.DeleteRequest) -> None:
        await self._delete(CERTIFICATE_REQUESTS, self._requests, world.key[0], action)

    async def _delete_secret(self, world: CertificateWorld, action: actions.DeleteSecret) -> None:
        await self._delete(SECRETS, self._secrets.labelled, world.key[0], action)

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
        await self._target_secrets.apply(world, action)
        if action.request is None:
            metadata = world.certificate.metadata
            self._recent.note_repair(metadata.uid, metadata.generation, self._clock())
        self._absent.discard(world.key)

    async def _store_temporary(self, world: CertificateWorld, action: actions.StoreTemporary) -> None:
        self._absent.discard(world.key)
        try:
            await self._target_secrets.store_temporary(world, action)
        except PKIError as error:
            text = f"No temporary certificate can be made: {error}"
            event = Event("TemporaryCertificateFailed", text, "certificates-issuing", WARNING, once=True)
            raise _Undone(event) from error


class _Undone(Exception):  # noqa: N818 - not an error of the program
    """An action that cannot be done before something changes; `events` tell users why."""

    def __init__(self, *events: Event) -> None:
        super().__init__()
        self.events = events


def _request_failed(message: str, *, once: bool = False, cause: str = "") -> Event:
    return Event("RequestFailed", message, "certificates-request-manager", WARNING, once, cause)


def secret_index(certificate: Certificate) -> list[str]:
    """Index of Certificates by the Secret they write: `namespace/secretName`."""
    return [f"{certificate.metadata.namespace}/{certificate.spec.secret_name}"]


def owner_index(request: CertificateRequest) -> list[str]:
    """Index of requests by the uid of the object that controls them."""
    return [owner.uid for owner in request.metadata.owner_references or () if owner.controller]
