"""CertificateRequest (cert-manager.io/v1): a signing request and its answer. Who may approve is not here."""

# ruff: noqa: RUF012 - msgspec copies empty defaults

from datetime import datetime
from typing import Annotated

from msgspec import field

from certwright.api.certificate import Usage
from certwright.api.conditions import Condition
from certwright.api.meta import ObjectMeta
from certwright.api.references import IssuerRef
from certwright.api.wire import Wire, doc


class CertificateRequestSpec(Wire, frozen=True, kw_only=True):
    """What is to be signed, by whom, and who asks. It cannot be changed after creation."""

    duration: Annotated[
        str,
        doc(
            "How long the certificate is to be valid, in hours, minutes and seconds. The issuer may decide "
            "otherwise.",
            unset="2160h",
        ),
    ] = ""
    issuer_ref: Annotated[IssuerRef, doc("Who is to sign.")]
    request: Annotated[bytes, doc("The PKCS#10 signing request as PEM.")]
    is_ca: Annotated[bool, doc("Whether the certificate may sign others.")] = False
    usages: Annotated[
        list[Usage] | None,
        doc(
            "What the key may be used for. It must agree with the usages in the signing request, where that "
            "has any.",
            unset="digital signature, and unless the key is an ML-DSA key, key encipherment",
        ),
    ] = None
    username: Annotated[str, doc("Who created the object. Set by the API server's webhook.")] = ""
    uid: Annotated[
        str, doc("Unique id of the user who created the object. Set by the API server's webhook.")
    ] = ""
    groups: Annotated[
        list[str], doc("Groups of the user who created the object. Set by the API server's webhook.")
    ] = []
    extra: Annotated[
        dict[str, list[str]],
        doc("What else is known of the user who created the object. Set by the API server's webhook."),
    ] = {}


class CertificateRequestCondition(Condition, frozen=True, kw_only=True):
    """One observation about a request; the types are Approved, Denied, InvalidRequest and Ready."""


class CertificateRequestStatus(Wire, frozen=True, kw_only=True):
    """The answer. Approvers and issuers write this."""

    conditions: Annotated[
        list[CertificateRequestCondition],
        doc(
            "Approved or Denied say whether the request may be signed. Ready tells whether it was signed; "
            "its reason is Pending, Failed, Issued or Denied. InvalidRequest says it never can be.",
            map_key="type",
        ),
    ] = []
    certificate: Annotated[bytes, doc("The signed certificate and its chain as PEM, leaf first.")] = b""
    ca: Annotated[
        bytes,
        doc(
            "The CA certificate as PEM, as far as the issuer knows it. Trust it only if you trust the issuer."
        ),
    ] = b""
    failure_time: Annotated[datetime | None, doc("When the request failed for good.")] = None


class CertificateRequest(Wire, frozen=True, kw_only=True):
    """Asks an issuer to sign one request. It is answered once: signed, failed or denied."""

    api_version: str = field(default_factory=lambda: "cert-manager.io/v1")
    kind: str = field(default_factory=lambda: "CertificateRequest")
    metadata: ObjectMeta = ObjectMeta()
    spec: Annotated[
        CertificateRequestSpec,
        doc(
            "What is to be signed, by whom, and who asks. It cannot be changed after creation.",
            required=False,
        ),
    ]
    status: Annotated[CertificateRequestStatus, doc("The answer. Approvers and issuers write this.")] = (
        CertificateRequestStatus()
    )
