"""CertificateRequests: reads their world, has them signed, writes the outcome."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from certwright.api import annotations as ann
from certwright.api import conditions
from certwright.api.certmanager import CertificateRequest, IssuerRef
from certwright.api.meta import CERTIFICATE_REQUESTS
from certwright.api.outcomes import Outcome, Pending, Permanent
from certwright.api.reasons import APPROVED, DENIED, FAILED, ISSUED, READY
from certwright.api.references import is_ours, issuer_key
from certwright.controllers.engine import Replan, Retry
from certwright.controllers.issuers import IssuerLookup
from certwright.controllers.objects import Objects
from certwright.controllers.recording import PlanEvents
from certwright.controllers.refusals import Hold, Refusals, Signer
from certwright.issuers.contract import Reader, Site
from certwright.issuers.registry import ISSUER_TYPES
from certwright.kube.client import Client
from certwright.kube.errors import ApiError, Conflict, Forbidden
from certwright.kube.store import Store, key_of
from certwright.plan import actions
from certwright.plan.actions import Action, Plan
from certwright.plan.request import conclude, plan_request
from certwright.plan.world import Policy, RequestWorld

log = logging.getLogger(__name__)

Key = tuple[str, str]


class CertificateRequests:
    """The controller of CertificateRequests: approver and signer in one, so one writer of their status.

    `on_refusal` is told of each request that it finds it may not approve now, `wake` of those that it may
    approve again.
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
        wake: Callable[[Key], None],
    ) -> None:
        self._on_refusal = on_refusal
        self._wake = wake
        self._objects = Objects(client, CERTIFICATE_REQUESTS, CertificateRequest, requests)
        self._issuers = issuers
        self._reader = reader
        self._events = events
        self._policy = policy
        self._clock = clock
        self._refused: dict[Key, str] = {}
        self._refusals = Refusals()

    def is_refused(self, request: CertificateRequest) -> bool:
        """Whether a write with our approval of a request was forbidden, and none has succeeded since."""
        return self._refused.get(key_of(request)) == request.metadata.uid

    def is_signer_refused(self, namespace: str, ref: IssuerRef) -> bool:
        """Whether requests of a namespace for an issuer wait because approval was refused to one of them."""
        return self._refusals.is_refused(signer_of(namespace, ref))

    def forget(self, request: CertificateRequest) -> None:
        """Remember nothing about a request that is gone or decided."""
        self._refused.pop(key_of(request), None)
        for other in self._refusals.forget(_signer(request), key_of(request)):
            self._wake(other)

    async def gather(self, key: Key) -> RequestWorld | None:
        """Read the world of a request: itself, the issuer it names, and whether we may approve it."""
        request = self._objects.store.get(*key)
        if request is None:
            return None
        ref = request.spec.issuer_ref
        issuer, kind = self._issuers.find(key[0], ref), issuer_key(ref)[1]
        hold = self._hold(request)
        return RequestWorld(
            request,
            issuer,
            kind,
            kind_served=self._issuers.serves(kind),
            approval_refused=self.is_refused(request) or self.is_signer_refused(key[0], ref),
            held_until=hold.until if hold is not None else None,
            refusal=hold.refusal if hold is not None else "",
        )

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

    def _hold(self, request: CertificateRequest) -> Hold | None:
        """Why a request is not to be approved now, if it is ours to approve."""
        if not self._policy.approve or is_decided(request):
            self.forget(request)
            return None
        alone = self.is_refused(request) or not is_ours(request.spec.issuer_ref)
        hold = self._refusals.hold(_signer(request), key_of(request), self._clock(), alone=alone)
        if hold is not None and not alone:
            self._note_refused(request)
        return hold

    def _note_refused(self, request: CertificateRequest) -> None:
        self._refused[key_of(request)] = request.metadata.uid
        self._on_refusal(request)

    async def _write(self, world: RequestWorld, action: actions.PatchStatus) -> None:
        """Write the status. A refusal of more than an approval is tried again with the approval alone."""
        request = world.request
        if isinstance(action, actions.Approve):
            await self._approve(request, action)
            return
        try:
            await self._objects.patch_status(request, action)
        except Forbidden as error:
            if not self._policy.approve or is_approved(request) or self.is_refused(request):
                raise
            self._note_refused(request)
            raise Replan from error

    async def _approve(self, request: CertificateRequest, action: actions.Approve) -> None:
        """Write an approval alone. What is answered holds for all requests of the signer."""
        signer, key = _signer(request), key_of(request)
        self._refusals.ask(signer, key, self._clock())
        try:
            await self._objects.patch_status(request, action)
        except Forbidden as error:
            news = self._refusals.refuse(signer, key, self._clock(), error.message)
            for other in news:
                self._wake(other)
            if news:
                text = "%s %s and others of its issuer cannot be approved, and wait: %s"
                log.warning(text, self.name, "/".join(key), error.message)
            raise Replan from error
        except ApiError as error:
            if not isinstance(error, Conflict):
                self._refusals.refuse(signer, key, self._clock())
            raise
        else:
            self._refused.pop(key, None)
            self._release(self._refusals.allow(signer, key))
        finally:
            self._release(self._refusals.give_up(signer, key))

    def _release(self, keys: Iterable[Key]) -> None:
        """Requests that were held may be approved, those of our signers together with what comes of it."""
        for key in keys:
            self._refused.pop(key, None)
            self._wake(key)

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


def signer_of(namespace: str, ref: IssuerRef) -> Signer:
    """Whom a right to approve concerns. Kinds of other groups are taken for namespaced ones."""
    name, kind, group = issuer_key(ref)
    return group, kind, "" if is_ours(ref) and kind == "ClusterIssuer" else namespace, name


def _signer(request: CertificateRequest) -> Signer:
    return signer_of(request.metadata.namespace, request.spec.issuer_ref)


def is_decided(request: CertificateRequest) -> bool:
    """Whether somebody has approved or denied a request."""
    return is_approved(request) or conditions.has(request.status.conditions, DENIED)


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
    return _answer(request) == ISSUED


def without_answer(request: CertificateRequest) -> CertificateRequest:
    """A decided request without the certificates in it, which are most of its bytes."""
    status = msgspec.structs.replace(request.status, certificate=b"", ca=b"")
    return msgspec.structs.replace(request, status=status)


def is_final(request: CertificateRequest) -> bool:
    """Whether a signer has nothing left to do with a request."""
    return _answer(request) in {ISSUED, FAILED, DENIED}


def _answer(request: CertificateRequest) -> str:
    """The reason of the condition Ready; empty if there is none."""
    ready = conditions.find(request.status.conditions, READY)
    return ready.reason if ready is not None else ""
