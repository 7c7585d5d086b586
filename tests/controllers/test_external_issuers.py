"""Issuers of foreign groups: their own controllers sign, and the request's conditions are the only interface.

`SampleIssuer` is such a controller, made with nothing but `certwright.kube` and `certwright.pki`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from certwright.api import conditions
from certwright.api.certmanager import Certificate, CertificateRequest, IssuerRef
from certwright.api.codec import decode, to_builtins
from certwright.api.foreign import Event, Secret
from certwright.api.meta import CERTIFICATE_REQUESTS
from certwright.controllers.manager import ControllerConfig
from certwright.kube.errors import Conflict
from certwright.kube.queue import Queue
from certwright.kube.runner import run
from certwright.kube.store import Store
from certwright.kube.watcher import Watcher, reflect
from certwright.pki import sign
from certwright.pki.certificate import parse_certificate
from certwright.plan.world import Policy
from certwright.testing.builders import ca_secret, certificate
from certwright.testing.checks import is_ready, keys_match, openssl_verify
from certwright.testing.cluster import Cluster

pytestmark = pytest.mark.usefixtures("foreign_signers")

GROUP = "issuers.example.com"
REF = IssuerRef(name="paper", kind="SampleIssuer", group=GROUP)
Key = tuple[str, str]


class SampleIssuer:
    """Signs approved requests of its group with the CA of `ca_secret`, or answers with `answer` instead."""

    def __init__(self, cluster: Cluster) -> None:
        self.answer: dict[str, Any] | None = None
        self.seen: list[str] = []
        self.queue: Queue[Key] = Queue()
        self._cluster = cluster
        self._requests: Store[CertificateRequest] = Store()
        self._requests.subscribe(self._changed)

    async def serve(self) -> None:
        """Watch and work until cancelled."""
        decoder = partial(decode, cls=CertificateRequest)
        watcher = Watcher(self._cluster.client, CERTIFICATE_REQUESTS, decoder, self._cluster.namespace)
        async with asyncio.TaskGroup() as group:
            group.create_task(reflect(watcher, self._requests))
            group.create_task(run(self.queue, self._pass, 1))

    def _changed(self, old: CertificateRequest | None, new: CertificateRequest | None) -> None:
        if new is not None and new.spec.issuer_ref.group == GROUP:
            self.queue.add((new.metadata.namespace, new.metadata.name))

    async def _pass(self, key: Key) -> None:
        request = self._requests.get(*key)
        if request is None:
            return
        found = request.status.conditions
        ready = conditions.find(found, "Ready")
        if ready is not None and ready.reason in {"Issued", "Failed", "Denied"}:
            return
        if conditions.has(found, "Denied"):
            await self._write(request, "False", "Denied", failureTime=self._now())
        elif conditions.has(found, "Approved"):
            self.seen.append(request.metadata.name)
            await self._decide(request)

    async def _decide(self, request: CertificateRequest) -> None:
        if self.answer is None:
            await self._write(request, "True", "Issued", **self._sign(request))
        elif self.answer["reason"] == "Failed":
            await self._write(request, "False", **self.answer, failureTime=self._now())
        elif conditions.find(request.status.conditions, "Ready") is None:
            await self._write(request, "False", **self.answer)

    def _sign(self, request: CertificateRequest) -> dict[str, Any]:
        secret = ca_secret()
        bundle = sign.sign_request(
            request.spec.request,
            ca=sign.load_ca(secret.data["tls.crt"], secret.data["tls.key"]),
            usages=request.spec.usages,
            is_ca=request.spec.is_ca,
            duration=timedelta(hours=2),
            now=self._cluster.clock.now(),
        )
        return {"certificate": to_builtins(bundle.chain_pem)}

    async def _write(
        self, request: CertificateRequest, status: str, reason: str, message: str = "", **fields: Any
    ) -> None:
        ready = {"type": "Ready", "status": status, "reason": reason, "message": message}
        kept = [c for c in to_builtins(request.status.conditions) if c["type"] != "Ready"]
        patch = {
            "metadata": {"resourceVersion": request.metadata.resource_version},
            "status": fields | {"conditions": [*kept, ready | {"lastTransitionTime": self._now()}]},
        }
        with suppress(Conflict):  # a newer state is on its way
            await self._cluster.patch(CertificateRequest, request.metadata.name, patch, "status")

    def _now(self) -> Any:
        return to_builtins(self._cluster.clock.now().replace(microsecond=0))


@pytest_asyncio.fixture(loop_scope="session")
async def sample(cluster: Cluster) -> AsyncIterator[SampleIssuer]:
    """A controller of SampleIssuers at work; there is no object of that kind, and none is needed."""
    issuer = SampleIssuer(cluster)
    task = asyncio.create_task(issuer.serve())
    yield issuer
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def says(request: CertificateRequest, type_: str, reason: str) -> bool:
    found = conditions.find(request.status.conditions, type_)
    return found is not None and found.reason == reason


async def test_a_certificate_becomes_ready_by_somebody_elses_signature(
    cluster: Cluster, sample: SampleIssuer
) -> None:
    running = await cluster.start()
    await cluster.create(certificate("web", REF, duration="48h", usages=["server auth"]))
    await cluster.until_ready("web")
    await cluster.settled()
    request = await cluster.get(CertificateRequest, "web-1")
    assert request.spec.issuer_ref == REF
    assert (request.spec.duration, list(request.spec.usages or ())) == ("48h0m0s", ["server auth"])
    assert sample.seen == ["web-1"]
    secret = await cluster.secret("web-tls")
    assert keys_match(secret)
    assert openssl_verify(secret, ca_secret().data["tls.crt"]) == ""
    assert "ca.crt" not in secret.data  # it gave none
    named = {k: v for k, v in secret.metadata.annotations.items() if k.startswith("cert-manager.io/issuer-")}
    assert named == {
        "cert-manager.io/issuer-name": "paper",
        "cert-manager.io/issuer-kind": "SampleIssuer",
        "cert-manager.io/issuer-group": GROUP,
    }
    facts = parse_certificate(secret.data["tls.crt"])
    assert facts.not_after - facts.not_before == timedelta(hours=2)
    status = (await cluster.certificate("web")).status
    assert status.not_after == facts.not_after
    ours = [c for c in running.tap.writes if c.resource == "certificaterequests/status"]
    assert len(ours) == 1  # the approval


async def test_it_renews_by_itself(cluster: Cluster, sample: SampleIssuer) -> None:
    await cluster.start()
    await cluster.create(certificate("web", REF))
    await cluster.until_ready("web")
    await cluster.advance(timedelta(minutes=81))
    await cluster.until(Certificate, "web", lambda c: c.status.revision == 2 and is_ready(c))
    assert sample.seen == ["web-1", "web-2"]


async def test_it_waits_for_approval(cluster: Cluster, sample: SampleIssuer, others: Any) -> None:
    await cluster.start(ControllerConfig(namespace=cluster.namespace, policy=Policy(approve=False)))
    await cluster.create(certificate("web", REF))
    await cluster.settled()
    assert sample.seen == []
    assert (await cluster.get(CertificateRequest, "web-1")).status.conditions == []
    await others.decide("web-1", "Approved", "Policy")
    await cluster.until_ready("web")
    assert sample.seen == ["web-1"]


async def test_no_signer_of_ours_says_anything_about_it(cluster: Cluster, others: Any) -> None:
    running = await cluster.start(ControllerConfig(namespace=cluster.namespace, policy=Policy(approve=False)))
    await cluster.create(certificate("web", REF))
    await cluster.settled()
    await others.decide("web-1", "Approved", "Policy")
    await cluster.settled()
    events = await cluster.objects(Event)
    assert [e for e in events if e.involved_object.kind == "CertificateRequest"] == []
    assert [c for c in running.tap.writes if c.resource == "certificaterequests/status"] == []


async def test_what_is_denied_is_never_signed_and_fails_the_issuance(
    cluster: Cluster, sample: SampleIssuer, others: Any
) -> None:
    await cluster.start(ControllerConfig(namespace=cluster.namespace, policy=Policy(approve=False)))
    await cluster.create(certificate("web", REF))
    await cluster.settled()
    await others.decide("web-1", "Denied", "Policy", "not on a Sunday")
    request = await cluster.until(CertificateRequest, "web-1", lambda r: says(r, "Ready", "Denied"))
    assert request.status.failure_time is not None
    await cluster.settled()
    found = conditions.find((await cluster.certificate("web")).status.conditions, "Issuing")
    assert found is not None
    assert (found.status, found.reason) == ("False", "Policy")
    assert found.message.endswith("not on a Sunday")
    assert sample.seen == []


async def test_a_slow_one_is_waited_for_with_a_key_that_survives(
    cluster: Cluster, sample: SampleIssuer
) -> None:
    sample.answer = {"reason": "Pending", "message": "the paper is in the mail"}
    first = await cluster.start()
    await cluster.create(certificate("web", REF))
    await cluster.until(CertificateRequest, "web-1", lambda r: says(r, "Ready", "Pending"))
    await cluster.settled()
    waiting = await cluster.certificate("web")
    key = await cluster.secret(waiting.status.next_private_key_secret_name)
    await cluster.kill(first)
    await cluster.start()
    sample.answer = None
    sample.queue.add((cluster.namespace, "web-1"))
    await cluster.until_ready("web")
    await cluster.settled()
    stored = await cluster.secret("web-tls")
    assert keys_match(stored)
    assert keys_match(Secret(data={"tls.key": key.data["tls.key"], "tls.crt": stored.data["tls.crt"]}))
    assert [r.metadata.name for r in await cluster.objects(CertificateRequest)] == ["web-1"]


async def test_a_failure_backs_off_and_is_tried_again(cluster: Cluster, sample: SampleIssuer) -> None:
    sample.answer = {"reason": "Failed", "message": "out of paper"}
    await cluster.start()
    await cluster.create(certificate("web", REF))
    failed = await cluster.until(
        Certificate, "web", lambda c: conditions.has(c.status.conditions, "Issuing", "False")
    )
    found = conditions.find(failed.status.conditions, "Issuing")
    assert found is not None
    assert (found.reason, found.message) == (
        "Failed",
        "The certificate request has failed to complete and will be retried: out of paper",
    )
    assert failed.status.failed_issuance_attempts == 1
    sample.answer = None
    await cluster.advance(timedelta(minutes=59))
    assert not await cluster.exists(Secret, "web-tls")
    await cluster.advance(timedelta(minutes=2))
    await cluster.until_ready("web")
    assert sample.seen == ["web-1", "web-1"]


async def test_a_certificate_for_another_key_is_refused(cluster: Cluster, others: Any) -> None:
    await cluster.start()
    await cluster.create(certificate("web", REF))
    await cluster.settled()
    wrong = {"certificate": to_builtins(ca_secret().data["tls.crt"])}
    issued = {"type": "Ready", "status": "True", "reason": "Issued", "message": ""}
    await others.condition("web-1", issued, **wrong)
    await cluster.settled()
    found = conditions.find((await cluster.certificate("web")).status.conditions, "Issuing")
    assert found is not None
    assert (found.status, found.reason) == ("False", "InvalidCertificate")
    assert not await cluster.exists(Secret, "web-tls")


async def test_a_wish_it_cannot_fulfil_is_its_own_to_tell(cluster: Cluster, others: Any) -> None:
    await cluster.start()
    await cluster.create(certificate("web", REF))
    await cluster.settled()
    await others.decide("web-1", "InvalidRequest", "NoWildcards", "one name at a time")
    await cluster.settled()
    found = conditions.find((await cluster.certificate("web")).status.conditions, "Issuing")
    assert found is not None
    assert (found.status, found.reason) == ("False", "NoWildcards")


@pytest.mark.parametrize("change", [{"kind": "Other"}, {"group": "other.example.com"}, {"name": "new"}])
async def test_a_reference_to_another_issuer_is_a_new_request(
    cluster: Cluster, sample: SampleIssuer, change: dict[str, str]
) -> None:
    await cluster.start()
    await cluster.create(certificate("web", REF))
    await cluster.until_ready("web")
    await cluster.settled()
    await cluster.patch(Certificate, "web", {"spec": {"issuerRef": change}})
    await cluster.settled()
    request = await cluster.get(CertificateRequest, "web-2")
    assert to_builtins(request.spec.issuer_ref) == to_builtins(REF) | change
