"""All controllers over one client: the stores, what feeds them, and which change wakes which key.

It starts no work before every store holds its first complete list: a plan on half a world would
think things missing that are only not read yet.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct

from certwright.api.certmanager import Certificate, CertificateRequest, ClusterIssuer, Issuer
from certwright.api.codec import decode
from certwright.api.meta import (
    CERTIFICATE_REQUESTS,
    CERTIFICATES,
    CLUSTER_ISSUERS,
    ISSUERS,
    Resource,
    controller_of,
)
from certwright.controllers.certificates import Certificates, owner_index, secret_index
from certwright.controllers.engine import Engine
from certwright.controllers.held_keys import HeldKeys
from certwright.controllers.issuers import IssuerLookup, Issuers, secret_names, signs_at_once
from certwright.controllers.keystore_passwords import password_index
from certwright.controllers.recording import PlanEvents
from certwright.controllers.requests import (
    CertificateRequests,
    is_final,
    issuer_index,
    key_secret_index,
)
from certwright.controllers.secrets import Secrets
from certwright.issuers.contract import ReadError
from certwright.kube.client import Client
from certwright.kube.errors import ApiError
from certwright.kube.events import EventRecorder
from certwright.kube.packing import Packing
from certwright.kube.store import HasMetadata, Store
from certwright.kube.watcher import Watcher, reflect
from certwright.plan.request import issuer_type_of, signer_runs
from certwright.plan.world import Policy, SecretFacts

log = logging.getLogger(__name__)

T = TypeVar("T", bound=HasMetadata)

_CHECKERS = {"Issuer": "issuers", "ClusterIssuer": "clusterissuers"}
_READ_SECONDS = 30.0
_AT_ONCE = ("certificates-key-manager", "certificates-request-manager", "certificates-issuing")
"""The parts that must all run here for a private key to be needed in this process only."""


class ControllerConfig(Struct, frozen=True):
    """Settings of the controllers: where to work, with which policy, and how much at once.

    `namespace` narrows everything to one namespace; ClusterIssuers are then left alone, as upstream does.
    """

    namespace: str | None = None
    cluster_resource_namespace: str = "kube-system"
    policy: Policy = Policy()
    concurrency: int = 16
    key_threads: int = 0


class Controllers:
    """The controllers of Certificates, CertificateRequests, Issuers and ClusterIssuers.

    `clock` gives aware UTC times. `timer` gives the seconds that waiting is measured by (default: the
    running loop's); whoever moves it by hand tells the queues to look again.
    """

    def __init__(
        self,
        client: Client,
        clock: Callable[[], datetime],
        config: ControllerConfig,
        recorder: EventRecorder,
        *,
        timer: Callable[[], float] | None = None,
    ) -> None:
        self.looked_at_all = asyncio.Event()
        """Set once every Certificate that was there at the start has been looked at."""
        self._client = client
        self._config = config
        self._clock = clock
        events = PlanEvents(recorder)
        held = self.held_keys = HeldKeys()
        self.certificates: Store[Certificate] = Store(
            {"secret": secret_index, "password": password_index}, Packing(Certificate)
        )
        self.requests: Store[CertificateRequest] = Store(
            {"owner": owner_index, "issuer": issuer_index, "key": key_secret_index},
            Packing(CertificateRequest),
        )
        self.issuers: Store[Issuer] = Store({"secret": partial(self._issuer_secrets, "Issuer")})
        self.cluster_issuers: Store[Issuer] = Store(
            {"secret": partial(self._issuer_secrets, "ClusterIssuer")}
        )
        self.secrets = Secrets(client, self._secret_changed)
        stores = {"Issuer": self.issuers}
        if config.namespace is None:
            stores["ClusterIssuer"] = self.cluster_issuers
        self.lookup = IssuerLookup(stores, config.cluster_resource_namespace)
        self._executor = ThreadPoolExecutor(
            config.key_threads or os.cpu_count() or 1, thread_name_prefix="keys"
        )
        reader = _Reader(self.secrets, held)
        engine: Callable[..., Engine[Any, Any]] = partial(
            Engine, clock=clock, concurrency=config.concurrency, timer=timer
        )
        self.certificate_engine = engine(
            Certificates(
                client,
                self.certificates,
                self.requests,
                self.secrets,
                held,
                events,
                config.policy,
                self._signs_at_once,
                self._executor,
                clock,
            )
        )
        self._requests = CertificateRequests(
            client,
            self.requests,
            self.lookup,
            reader,
            events,
            config.policy,
            clock,
            self._wake_owner_of,
            self._wake_request,
        )
        self.request_engine = engine(self._requests, base=5.0, cap=300.0)
        self.issuer_engine = engine(
            Issuers(client, self.lookup, reader, events, config.policy, clock), base=5.0, cap=300.0
        )
        self.engines = (self.certificate_engine, self.request_engine, self.issuer_engine)
        self._subscribe()

    async def run(self) -> None:
        """Watch and work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for watcher, store in self._watches():
                    group.create_task(reflect(watcher, store), name=f"watch {watcher.selection}")
                await self.synced()
                log.info(
                    "caches are filled: %d certificates, %d requests, %d issuers, %d secrets",
                    len(self.certificates),
                    len(self.requests),
                    len(self.issuers) + len(self.cluster_issuers),
                    len(self.secrets.labelled),
                )
                began = self._clock()
                for engine in self.engines:
                    group.create_task(engine.run(), name=engine.controller.name)
                await self.certificate_engine.queue.idle()
                took = (self._clock() - began).total_seconds()
                log.info("%d certificates were looked at in %.2f s", len(self.certificates), took)
                self.looked_at_all.set()
        finally:
            await self.secrets.close()
            self._executor.shutdown(wait=False, cancel_futures=True)

    async def synced(self) -> None:
        """Wait until every store has been filled once."""
        for _, store in self._watches():
            await store.synced.wait()

    async def idle(self) -> None:
        """Wait until no key is due and none is being worked on, anywhere."""
        while True:
            for engine in self.engines:
                await engine.queue.idle()
            await asyncio.sleep(0)
            if all(engine.queue.is_idle() for engine in self.engines):
                return

    def _watches(self) -> Iterator[tuple[Watcher[Any], Store[Any]]]:
        namespace = self._config.namespace
        kinds: list[tuple[Resource, type[Any], Store[Any]]] = [
            (CERTIFICATES, Certificate, self.certificates),
            (CERTIFICATE_REQUESTS, CertificateRequest, self.requests),
            (ISSUERS, Issuer, self.issuers),
        ]
        for resource, type_, store in kinds:
            packing = store.packing
            yield (
                Watcher(self._client, resource, _decoder(type_), namespace=namespace, packing=packing),
                store,
            )
        if namespace is None:
            yield Watcher(self._client, CLUSTER_ISSUERS, _decoder(ClusterIssuer)), self.cluster_issuers
        yield self.secrets.watcher(namespace), self.secrets.labelled

    def _subscribe(self) -> None:
        self.certificates.subscribe(self._certificate_changed)
        self.requests.subscribe(self._request_changed)
        self.issuers.subscribe(partial(self._issuer_changed, "Issuer"))
        self.cluster_issuers.subscribe(partial(self._issuer_changed, "ClusterIssuer"))
        self.secrets.labelled.subscribe(self._labelled_secret_changed)

    def _certificate_changed(self, old: Certificate | None, new: Certificate | None) -> None:
        for certificate in _both(old, new):
            self.certificate_engine.queue.add((certificate.metadata.namespace, certificate.metadata.name))
        before = secret_index(old) if old is not None else []
        after = secret_index(new) if new is not None else []
        if before != after:
            for value in {*before, *after}:
                self._wake_writers_of(value)

    def _request_changed(self, old: CertificateRequest | None, new: CertificateRequest | None) -> None:
        for request in _both(old, new):
            self._wake_owner_of(request)
        if new is not None and not is_final(new):
            self.request_engine.queue.add((new.metadata.namespace, new.metadata.name))
        else:
            for request in _both(old, new):
                self._requests.forget(request)

    def _wake_request(self, key: tuple[str, str]) -> None:
        self.request_engine.queue.add(key)

    def _wake_owner_of(self, request: CertificateRequest) -> None:
        owner = controller_of(request.metadata)
        if owner is not None and owner.kind == "Certificate":
            self.certificate_engine.queue.add((request.metadata.namespace, owner.name))

    def _issuer_changed(self, kind: str, old: Issuer | None, new: Issuer | None) -> None:
        for issuer in _both(old, new):
            namespace, name = issuer.metadata.namespace, issuer.metadata.name
            self._check_issuer(kind, namespace, name)
            for request in self.requests.by_index("issuer", f"{kind}/{namespace}/{name}"):
                self.request_engine.queue.add((request.metadata.namespace, request.metadata.name))
        if old is None or new is None or secret_names(old) != secret_names(new):
            self.secrets.keep_only("issuers", self.lookup.secrets())

    def _labelled_secret_changed(self, old: SecretFacts | None, new: SecretFacts | None) -> None:
        for facts in _both(old, new):
            self._wake_writers_of(f"{facts.metadata.namespace}/{facts.metadata.name}")
            owner = controller_of(facts.metadata)
            if owner is not None and owner.kind == "Certificate":
                self.certificate_engine.queue.add((facts.metadata.namespace, owner.name))
            self._secret_changed((facts.metadata.namespace, facts.metadata.name))

    def _secret_changed(self, key: tuple[str, str]) -> None:
        """Wake what depends on a Secret by reference: Certificates, issuers, and requests signed with it."""
        value = f"{key[0]}/{key[1]}"
        for certificate in self.certificates.by_index("password", value):
            self.certificate_engine.queue.add((certificate.metadata.namespace, certificate.metadata.name))
        for kind, store in self.lookup.stores.items():
            for issuer in store.by_index("secret", value):
                self._check_issuer(kind, issuer.metadata.namespace, issuer.metadata.name)
                name = f"{kind}/{issuer.metadata.namespace}/{issuer.metadata.name}"
                for request in self.requests.by_index("issuer", name):
                    self.request_engine.queue.add((request.metadata.namespace, request.metadata.name))
        for request in self.requests.by_index("key", value):
            self.request_engine.queue.add((request.metadata.namespace, request.metadata.name))

    def _check_issuer(self, kind: str, namespace: str, name: str) -> None:
        if self._config.policy.runs(_CHECKERS[kind]):
            self.issuer_engine.queue.add((kind, namespace, name))

    def _wake_writers_of(self, secret: str) -> None:
        for certificate in self.certificates.by_index("secret", secret):
            self.certificate_engine.queue.add((certificate.metadata.namespace, certificate.metadata.name))

    def _issuer_secrets(self, kind: str, issuer: Issuer) -> list[str]:
        namespace = self.lookup.namespace_of(issuer, kind)
        return [f"{namespace}/{name}" for name in secret_names(issuer)]

    def _signs_at_once(self, certificate: Certificate) -> bool:
        policy = self._config.policy
        if not policy.approve or not all(policy.runs(name) for name in _AT_ONCE):
            return False
        namespace, ref = certificate.metadata.namespace, certificate.spec.issuer_ref
        if self._requests.is_signer_refused(namespace, ref):
            return False
        if any(map(self._requests.is_refused, self.requests.by_index("owner", certificate.metadata.uid))):
            return False
        issuer = self.lookup.find(namespace, ref)
        return signs_at_once(issuer) and signer_runs(issuer_type_of(issuer), policy)


class _Reader:
    """What issuers may read, and nothing else."""

    def __init__(self, secrets: Secrets, held: HeldKeys) -> None:
        self._secrets = secrets
        self._held = held

    async def secret(self, namespace: str, name: str) -> Any:
        with _readable(f"{namespace}/{name}"):
            async with asyncio.timeout(_READ_SECONDS):
                return await self._secrets.referred(namespace, name)

    async def private_key(self, namespace: str, name: str) -> bytes | None:
        held = self._held.by_secret(namespace, name)
        if held is not None:
            return held
        with _readable(f"{namespace}/{name}"):
            secret = await self._secrets.live(namespace, name)
        return secret.data.get("tls.key") if secret is not None else None


@contextmanager
def _readable(secret: str) -> Iterator[None]:
    """Let issuers know of what went wrong in a way that does not depend on the API's client."""
    try:
        yield
    except ApiError as error:
        raise ReadError(error.message) from error
    except TimeoutError as error:
        raise ReadError(f"secret {secret} could not be read within {_READ_SECONDS:.0f} s") from error


def _decoder(type_: type[T]) -> Callable[[bytes], T]:
    return partial(decode, cls=type_)


def _both(old: T | None, new: T | None) -> Iterator[T]:
    """The new state of an object, or its last one when it is gone."""
    present = new if new is not None else old
    if present is not None:
        yield present
