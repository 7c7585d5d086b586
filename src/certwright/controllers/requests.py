"""CertificateRequests: reads their world, has them signed, writes the outcome."""

import logging
from collections.abc import Callable
from datetime import datetime

import msgspec

from certwright.api import annotations as ann
from certwright.api import conditions
from certwright.api.certmanager import CertificateRequest
from certwright.api.meta import CERTIFICATE_REQUESTS
from certwright.api.outcomes import Outcome, Pending, Permanent
from certwright.api.reasons import APPROVED
from certwright.api.references import is_ours, issuer_key
from certwright.controllers.engine import Replan, Retry
from certwright.controllers.issuers import IssuerLookup
from certwright.controllers.objects import Objects
from certwright.controllers.recording import PlanEvents
from certwright.issuers.contract import Reader, Site
from certwright.issuers.registry import ISSUER_TYPES
from certwright.kube.client import Client
from certwright.kube.errors import Forbidden
from certwright.kube.store import Store
from certwright.plan import actions
from certwright.plan.actions import WARNING, Action, Event, Plan
from certwright.plan.request import APPROVER, conclude, plan_request
from certwright.plan.world import Policy, RequestWorld

log = logging.getLogger(__name__)

Key = tuple[str, str]


class CertificateRequests:
    """The controller of CertificateRequests: approver and signer in one, so one writer of their status.

    `on_refusal` is told of each request that it finds it may not approve.
    """

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
        on_refusal: Callable[[CertificateRequest], None],
    ) -> None:
        self._on_refusal = on_refusal
        self._objects = Objects(client, CERTIFICATE_REQUESTS, CertificateRequest, requests)
        self._issuers = issuers
        self._reader = reader
        self._events = events
        self._policy = policy
        self._clock = clock
        self._refused: dict[Key, str] = {}

    def is_refused(self, request: CertificateRequest) -> bool:
        """Whether a write with our approval of a request was forbidden, and none has succeeded since."""
        return self._refused.get(_key(request)) == request.metadata.uid

    def forget(self, request: CertificateRequest) -> None:
        """Remember nothing about a request that is gone."""
        self._refused.pop(_key(request), None)

    async def gather(self, key: Key) -> RequestWorld | None:
        """Read the world of a request: itself, the issuer it names, and whether we may approve it."""
        request = self._objects.store.get(*key)
        if request is None:
            return None
        ref = request.spec.issuer_ref
        issuer, kind = self._issuers.find(key[0], ref), issuer_key(ref)[1]
        served, refused = self._issuers.serves(kind), self.is_refused(request)
        return RequestWorld(request, issuer, kind, kind_served=served, approval_refused=refused)

    def plan(self, world: RequestWorld, now: datetime) -> Plan:
        """Decide."""
        return plan_request(world, self._policy, now)

    async def perform(self, world: RequestWorld, action: Action) -> None:
        """Do one action, then tell of it."""
        if isinstance(action, actions.Sign):
            await self._sign(world, action)
            return
        if isinstance(action, actions.PatchStatus):
            await self._write(world, action)
        self._events.emit(CERTIFICATE_REQUESTS, world.request, action.events)

    async def refresh(self, key: Key) -> None:
        """Take in the request as it is now."""
        await self._objects.refresh(*key)

    async def _write(self, world: RequestWorld, action: actions.PatchStatus) -> None:
        """Write the status. A refusal of more than an approval is tried again with the approval alone."""
        request = world.request
        try:
            await self._objects.patch_status(request, action)
        except Forbidden as error:
            if isinstance(action, actions.Approve):
                self._tell_refusal(request, error)
                raise Retry(f"approval is refused: {error}", told=True) from error
            if not self._policy.approve or is_approved(request) or self.is_refused(request):
                raise
            self._refused[_key(request)] = request.metadata.uid
            self._on_refusal(request)
            raise Replan from error
        if isinstance(action, actions.Approve):
            self._refused.pop(_key(request), None)

    def _tell_refusal(self, request: CertificateRequest, error: Forbidden) -> None:
        """Say once that we may not approve a request: in the log, and to whoever looks at the request."""
        text = f"The built-in approver is not allowed to approve this request: {error.message}"
        event = Event("ApprovalForbidden", text, APPROVER, WARNING, once=True)
        if self._events.emit(CERTIFICATE_REQUESTS, request, (event,)):
            where = f"{request.metadata.namespace}/{request.metadata.name}"
            log.warning("%s %s cannot be approved, and waits: %s", self.name, where, error.message)

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


def _key(request: CertificateRequest) -> Key:
    return request.metadata.namespace, request.metadata.name


def is_approved(request: CertificateRequest) -> bool:
    """Whether somebody has approved a request."""
    return conditions.has(request.status.conditions, APPROVED)


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
