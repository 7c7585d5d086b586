"""Answers `why`: gathers an object's world as it is now, plans, and tells instead of acting.

The same plan that the controllers run, on the same kind of world, but read live and without writing.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from msgspec import Struct

from certwright.api import annotations as ann
from certwright.api import conditions
from certwright.api.certmanager import Certificate, CertificateRequest, Issuer, IssuerRef
from certwright.api.codec import decode
from certwright.api.meta import (
    CERTIFICATE_REQUESTS,
    CERTIFICATES,
    CLUSTER_ISSUERS,
    ISSUERS,
    SECRETS,
    Resource,
)
from certwright.api.reasons import READY
from certwright.api.references import is_ours, issuer_key
from certwright.controllers.issuers import RESOURCES, TYPES, signs_at_once
from certwright.controllers.keystore_passwords import password_fact, references
from certwright.controllers.secrets import LABELLED, decode_facts, decode_secret
from certwright.controllers.worlds import assemble
from certwright.kube.client import Client
from certwright.kube.errors import NotFound
from certwright.plan.actions import Check, Plan
from certwright.plan.certificate import plan_certificate
from certwright.plan.request import is_ready, plan_request
from certwright.plan.world import CertificateWorld, Policy, RequestWorld, SecretFacts

T = TypeVar("T")

RESOURCES_BY_NAME: dict[str, Resource] = {
    alias: resource
    for resource, aliases in (
        (CERTIFICATES, ("certificate", "certificates", "cert", "certs")),
        (CERTIFICATE_REQUESTS, ("certificaterequest", "certificaterequests", "cr", "crs")),
        (ISSUERS, ("issuer", "issuers", "iss")),
        (CLUSTER_ISSUERS, ("clusterissuer", "clusterissuers", "ciss")),
    )
    for alias in aliases
}


class Explanation(Struct, frozen=True):
    """Why an object is as it is: one sentence, and the checks that led to it, in order.

    `ready` tells whether there is nothing left to explain.
    """

    sentence: str
    checks: tuple[Check, ...]
    ready: bool = False


async def explain(
    client: Client, resource: Resource, name: str, namespace: str, now: datetime, policy: Policy | None = None
) -> Explanation:
    """Explain one object. Raises NotFound when it does not exist, and any other ApiError."""
    explainers: dict[Resource, Callable[[], Awaitable[Explanation]]] = {
        CERTIFICATES: partial(_certificate, client, name, namespace, now, policy or Policy()),
        CERTIFICATE_REQUESTS: partial(_request, client, name, namespace, now, policy or Policy()),
        ISSUERS: partial(_issuer, client, "Issuer", name, namespace),
        CLUSTER_ISSUERS: partial(_issuer, client, "ClusterIssuer", name, ""),
    }
    return await explainers[resource]()


async def certificate_world(client: Client, certificate: Certificate) -> CertificateWorld:
    """The world of a Certificate, read live: five calls, and one for each password of a keystore."""
    namespace, spec = certificate.metadata.namespace, certificate.spec
    secret = await _found(client.get(SECRETS, spec.secret_name, namespace, type_=decode_facts))
    requests = await client.list_(
        CERTIFICATE_REQUESTS, namespace, type_=partial(decode, cls=CertificateRequest)
    )
    labelled: list[SecretFacts] = await client.list_(
        SECRETS,
        namespace,
        type_=decode_facts,
        label_selector=f"{LABELLED},{ann.NEXT_PRIVATE_KEY}=true",
    )
    siblings = await client.list_(CERTIFICATES, namespace, type_=partial(decode, cls=Certificate))
    issuer = await _issuer_of(client, namespace, certificate.spec.issuer_ref)
    passwords = [
        password_fact(
            name, reference, await _found(client.get(SECRETS, reference.name, namespace, type_=decode_secret))
        )
        for name, reference in references(certificate).items()
    ]
    return assemble(
        certificate,
        secret,
        requests=requests,
        labelled=labelled,
        siblings=siblings,
        signs=signs_at_once(issuer),
        passwords=passwords,
    )


async def _certificate(
    client: Client, name: str, namespace: str, now: datetime, policy: Policy
) -> Explanation:
    certificate = await client.get(CERTIFICATES, name, namespace, type_=partial(decode, cls=Certificate))
    world = await certificate_world(client, certificate)
    plan = plan_certificate(world, policy, now)
    about = f'Certificate "{namespace}/{name}"'
    checks = list(plan.trace)
    sentence = ""
    pending = [r for r in world.requests if not r.status.certificate]
    for request in pending[-1:]:
        of_request = await _plan_of(client, request, now, policy)
        checks += [
            Check(f"request {request.metadata.name}: {check.name}", check.passed, check.detail)
            for check in of_request.trace
        ]
        ref = request.spec.issuer_ref
        if is_ours(ref):
            check = _issuer_check(ref, await _issuer_of(client, namespace, ref))
            checks.append(check)
            sentence = "" if check.passed else f"{about} waits for {_blocker(ref, check)}"
    sentence = sentence or _finish(f"{about} {plan.summary or 'needs nothing'}", plan)
    failing = any(not check.passed for check in checks)
    return Explanation(sentence, tuple(checks), ready=not failing and not plan.actions)


async def _request(client: Client, name: str, namespace: str, now: datetime, policy: Policy) -> Explanation:
    request = await client.get(
        CERTIFICATE_REQUESTS, name, namespace, type_=partial(decode, cls=CertificateRequest)
    )
    plan = await _plan_of(client, request, now, policy)
    sentence = f'CertificateRequest "{namespace}/{name}" {plan.summary}'
    return Explanation(_finish(sentence, plan), plan.trace, ready=bool(request.status.certificate))


async def _issuer(client: Client, kind: str, name: str, namespace: str) -> Explanation:
    issuer: Issuer = await client.get(
        RESOURCES[kind], name, namespace or None, type_=partial(decode, cls=TYPES[kind])
    )
    check = _issuer_check(IssuerRef(name=name, kind=kind), issuer)
    where = f"{namespace}/{name}" if namespace else name
    state = "is ready" if check.passed else f"is not ready: {check.detail}"
    return Explanation(f'{kind} "{where}" {state}.', (check,), ready=check.passed)


async def _plan_of(client: Client, request: CertificateRequest, now: datetime, policy: Policy) -> Plan:
    issuer = await _issuer_of(client, request.metadata.namespace, request.spec.issuer_ref)
    kind = issuer_key(request.spec.issuer_ref)[1]
    return plan_request(RequestWorld(request, issuer, kind), policy, now)


async def _issuer_of(client: Client, namespace: str, ref: IssuerRef) -> Issuer | None:
    name, kind, _ = issuer_key(ref)
    if not is_ours(ref) or kind not in RESOURCES:
        return None
    where = None if kind == "ClusterIssuer" else namespace
    return await _found(client.get(RESOURCES[kind], name, where, type_=partial(decode, cls=TYPES[kind])))


def _issuer_check(ref: IssuerRef, issuer: Issuer | None) -> Check:
    name, kind, _ = issuer_key(ref)
    title = f"{kind} {name} is ready"
    if issuer is None:
        return Check(title, passed=False, detail="it does not exist")
    ready = conditions.find(issuer.status.conditions, READY)
    detail = "no controller has looked at it yet" if ready is None else ready.message
    return Check(title, is_ready(issuer), "" if is_ready(issuer) else detail)


def _blocker(ref: IssuerRef, check: Check) -> str:
    """An issuer that is missing or not ready, and what to do about it."""
    name, kind, _ = issuer_key(ref)
    if check.detail == "it does not exist":
        return f"{kind} {name}, which does not exist; it is your turn: create it, or correct spec.issuerRef."
    return (
        f"{kind} {name}, which is not ready: {check.detail}; it is your turn: see `certwright why "
        f"{kind.lower()}/{name}`. It is looked at again as soon as anything about it changes."
    )


async def _found(call: Awaitable[T]) -> T | None:
    try:
        return await call
    except NotFound:
        return None


def _finish(sentence: str, plan: Plan) -> str:
    """Add whose turn it is and when somebody looks again."""
    if plan.waiting_for:
        turn = "your turn" if plan.waiting_for == "you" else f"the turn of {plan.waiting_for}"
        sentence += f"; it is {turn}"
    if plan.wake_at is not None:
        sentence += f"; next look at {plan.wake_at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"
    return sentence + "."
