"""CertificateRequests: reads their world, has them signed, writes the outcome."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from certwright.api import annotations as ann
from certwright.api.certmanager import CertificateRequest
from certwright.api.meta import CERTIFICATE_REQUESTS
from certwright.api.outcomes import Outcome, Pending, Permanent
from certwright.api.references import is_ours, issuer_key
from certwright.controllers.engine import Retry
from certwright.controllers.issuers import IssuerLookup
from certwright.controllers.objects import Objects
from certwright.controllers.recording import PlanEvents
from certwright.issuers.contract import Reader, Site
from certwright.issuers.registry import ISSUER_TYPES
from certwright.kube.client import Client
from certwright.kube.store import Store
from certwright.plan import actions
from certwright.plan.actions import Action, Plan
from certwright.plan.request import conclude, plan_request
from certwright.plan.world import Policy, RequestWorld

Key = tuple[str, str]


class CertificateRequests:
    """The controller of CertificateRequests: approver and signer in one, so one writer of their status."""

    name = "certificaterequests"

    def __init__(
        self,
        client: Client,
        requests: Store[CertificateRequest],
        issuers: IssuerLookup,
        reader: Reader,
        events: PlanEvents,
        policy: Policy,
        clock: Callable[[], datetime],
    ) -> None:
        self._objects = Objects(client, CERTIFICATE_REQUESTS, CertificateRequest, requests)
        self._issuers = issuers
        self._reader = reader
        self._events = events
        self._policy = policy
        self._clock = clock

    async def gather(self, key: Key) -> RequestWorld | None:
        """Read the world of a request: itself and the issuer it names."""
        request = self._objects.store.get(*key)
        if request is None:
            return None
        kind = issuer_key(request.spec.issuer_ref)[1]
        issuer = self._issuers.find(key[0], request.spec.issuer_ref)
        return RequestWorld(request, issuer, kind, kind_served=self._issuers.serves(kind))

    def plan(self, world: RequestWorld, now: datetime) -> Plan:
        """Decide."""
        return plan_request(world, self._policy, now)

    async def perform(self, world: RequestWorld, action: Action) -> None:
        """Do one action, then tell of it."""
        if isinstance(action, actions.Sign):
            await self._sign(world, action)
            return
        if isinstance(action, actions.PatchStatus):
            await self._objects.patch_status(world.request, action)
        self._events.emit(CERTIFICATE_REQUESTS, world.request, action.events)

    async def refresh(self, key: Key) -> None:
        """Take in the request as it is now."""
        await self._objects.refresh(*key)

    async def _sign(self, world: RequestWorld, action: actions.Sign) -> None:
        outcome = await self._ask(world, action.issuer_type)
        after = conclude(world, outcome, self._clock(), approve=action.approve, policy=self._policy)
        for then in after.actions:
            await self.perform(world, then)
        if isinstance(outcome, Pending) and outcome.retry:
            raise Retry(outcome.message)

    async def _ask(self, world: RequestWorld, issuer_type: str) -> Outcome:
        issuer = world.issuer
        signer = ISSUER_TYPES.get(issuer_type)
        if issuer is None or signer is None:
            text = f'this version cannot sign with an issuer of type "{issuer_type}"'
            return Permanent("UnsupportedIssuer", text)
        namespace = self._issuers.namespace_of(issuer, world.issuer_kind)
        return await signer.sign(world.request, Site(issuer, namespace, self._reader, self._clock()))


def issuer_index(request: CertificateRequest) -> list[str]:
    """Index of undecided requests by the issuer they wait for: `Kind/namespace/name`."""
    name, kind, _ = issuer_key(request.spec.issuer_ref)
    if not is_ours(request.spec.issuer_ref) or is_final(request):
        return []
    namespace = request.metadata.namespace if kind == "Issuer" else ""
    return [f"{kind}/{namespace}/{name}"]


def key_secret_index(request: CertificateRequest) -> list[str]:
    """Index of undecided requests by the Secret of their private key: `namespace/name`."""
    name = request.metadata.annotations.get(ann.PRIVATE_KEY_SECRET_NAME)
    return [f"{request.metadata.namespace}/{name}"] if name and not is_final(request) else []


def is_issued(request: CertificateRequest) -> bool:
    """Whether its signer has said that the certificate is there."""
    return any(c.type == "Ready" and c.reason == "Issued" for c in request.status.conditions)


def without_answer(request: CertificateRequest) -> CertificateRequest:
    """A decided request without the certificates in it, which are most of its bytes."""
    status = msgspec.structs.replace(request.status, certificate=b"", ca=b"")
    return msgspec.structs.replace(request, status=status)


def is_final(request: CertificateRequest) -> bool:
    """Whether a signer has nothing left to do with a request."""
    return any(
        c.type == "Ready" and c.reason in {"Issued", "Failed", "Denied"}
        for c in request.status.conditions or ()
    )
