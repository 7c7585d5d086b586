"""Order and Challenge (acme.cert-manager.io/v1): an ACME order in progress, and each proof it needs."""

# ruff: noqa: RUF012 - msgspec copies empty defaults

from datetime import datetime
from typing import Annotated, Final

from msgspec import field

from certwright.api.meta import ObjectMeta
from certwright.api.references import IssuerRef
from certwright.api.solvers import ACMESolver
from certwright.api.wire import Wire, doc

STATES: Final = ("valid", "ready", "pending", "processing", "invalid", "expired", "errored")
"""States of ACME objects (RFC 8555, section 7.1.6); `errored` is ours, where trying again is no use."""

FINALIZER: Final = "acme.cert-manager.io/finalizer"
LEGACY_FINALIZER: Final = "finalizer.acme.cert-manager.io"
HTTP01: Final = "HTTP-01"
DNS01: Final = "DNS-01"


class OrderSpec(Wire, frozen=True, kw_only=True):
    """What certificate is ordered."""

    request: Annotated[bytes, doc("The PKCS#10 signing request as PEM. It cannot be changed.")]
    issuer_ref: Annotated[IssuerRef, doc("The ACME issuer to order from.")]
    common_name: Annotated[
        str, doc("Common name in the request; it counts as one of the names to prove.")
    ] = ""
    dns_names: Annotated[list[str], doc("DNS names to order; the same as in the request.")] = []
    ip_addresses: Annotated[list[str], doc("IP addresses to order; the same as in the request.")] = []
    duration: Annotated[
        str, doc("How long the certificate is to be valid; sent to the server only if set.")
    ] = ""
    profile: Annotated[str, doc("Profile to ask the server for.", unset="chosen by the server")] = ""
    replaces: Annotated[
        str, doc("Which certificate this order renews, as RFC 9773 names one: key id and serial number.")
    ] = ""


class AuthorizationChallenge(Wire, frozen=True, kw_only=True):
    """One way that the server offers to prove control."""

    url: Annotated[str, doc("URL of the challenge at the server.")]
    token: Annotated[str, doc("The token that goes into the proof.")]
    type: Annotated[str, doc("Kind of challenge, as the server spells it: http-01, dns-01 and others.")]


class Authorization(Wire, frozen=True, kw_only=True):
    """One name of the order, and how control of it can be proved."""

    url: Annotated[str, doc("URL of the authorization at the server.")]
    identifier: Annotated[str, doc("The name to prove control of.")] = ""
    wildcard: Annotated[bool | None, doc("Whether the wildcard below the name was ordered.")] = None
    initial_state: Annotated[
        str,
        doc(
            "State of the authorization when it was first seen. One that was valid needs no challenge.",
            enum=STATES,
        ),
    ] = ""
    challenges: Annotated[list[AuthorizationChallenge], doc("The ways that the server offers.")] = []


class OrderStatus(Wire, frozen=True, kw_only=True):
    """How far the order is. The controller writes this."""

    url: Annotated[str, doc("URL of the order at the server; absent until it was placed.")] = ""
    finalize_url: Annotated[str, doc("URL to which the signing request is sent.")] = ""
    authorizations: Annotated[list[Authorization], doc("The names to prove, one by one.")] = []
    certificate: Annotated[bytes, doc("The issued chain as PEM.")] = b""
    state: Annotated[
        str,
        doc(
            "State of the order; absent until it was placed. Final are valid, invalid, expired, errored.",
            enum=STATES,
        ),
    ] = ""
    reason: Annotated[str, doc("Why the order is in its state, for people.")] = ""
    failure_time: Annotated[datetime | None, doc("When the order failed.")] = None


class Order(Wire, frozen=True, kw_only=True):
    """An order at an ACME server."""

    api_version: str = field(default_factory=lambda: "acme.cert-manager.io/v1")
    kind: str = field(default_factory=lambda: "Order")
    metadata: Annotated[ObjectMeta, doc("", required=True)] = ObjectMeta()
    spec: Annotated[OrderSpec, doc("What certificate is ordered.")]
    status: Annotated[OrderStatus, doc("How far the order is. The controller writes this.")] = OrderStatus()


class ChallengeSpec(Wire, frozen=True, kw_only=True):
    """What is to be proved, and how. It cannot be changed after creation."""

    url: Annotated[str, doc("URL of the challenge at the server.")]
    authorization_url: Annotated[str, doc("URL of the authorization that the challenge belongs to.")]
    dns_name: Annotated[str, doc("The name to prove control of, without a wildcard.")]
    wildcard: Annotated[bool, doc("Whether the wildcard below the name was ordered.")] = False
    type: Annotated[str, doc("Kind of challenge.", enum=[HTTP01, DNS01])]
    token: Annotated[str, doc("The token of the challenge.")]
    key: Annotated[str, doc("What is shown to the server: the key authorization, or for DNS its digest.")]
    solver: Annotated[ACMESolver, doc("How the proof is given; copied from the issuer.")]
    issuer_ref: Annotated[IssuerRef, doc("The ACME issuer that the challenge is for.")]


class ChallengeStatus(Wire, frozen=True, kw_only=True):
    """How far the proof is. The controller writes this."""

    processing: Annotated[bool, doc("Whether work on the challenge has begun; only some run at a time.")] = (
        False
    )
    presented: Annotated[
        bool, doc("Whether the proof is in place. It may take a while until all can see it.")
    ] = False
    presented_at: Annotated[datetime | None, doc("When the proof was put in place.")] = None
    reason: Annotated[str, doc("Why the challenge is in its state, for people.")] = ""
    state: Annotated[str, doc("State of the challenge at the server.", enum=STATES)] = ""


class Challenge(Wire, frozen=True, kw_only=True):
    """One proof of control that an ACME server asks for."""

    api_version: str = field(default_factory=lambda: "acme.cert-manager.io/v1")
    kind: str = field(default_factory=lambda: "Challenge")
    metadata: Annotated[ObjectMeta, doc("", required=True)] = ObjectMeta()
    spec: Annotated[ChallengeSpec, doc("What is to be proved, and how.")]
    status: Annotated[ChallengeStatus, doc("How far the proof is. The controller writes this.")] = (
        ChallengeStatus()
    )
