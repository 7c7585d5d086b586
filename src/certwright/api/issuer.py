"""Issuer and ClusterIssuer (cert-manager.io/v1): who signs, and with what. How signing works is not here."""

# ruff: noqa: RUF012 - msgspec copies empty defaults

from typing import Annotated

from msgspec import field

from certwright.api.acme_issuer import ACMEIssuer
from certwright.api.conditions import ObservedCondition
from certwright.api.meta import ObjectMeta
from certwright.api.vault_issuer import VaultIssuer
from certwright.api.venafi_issuer import VenafiIssuer
from certwright.api.wire import Wire, doc


class CAIssuer(Wire, frozen=True, kw_only=True):
    """A certificate authority whose key is in a Secret."""

    secret_name: Annotated[
        str,
        doc("The Secret with the signing certificate chain in `tls.crt` and its private key in `tls.key`."),
    ]
    crl_distribution_points: Annotated[
        list[str], doc("URLs of revocation lists, to put into each certificate.")
    ] = []
    ocsp_servers: Annotated[list[str], doc("URLs of OCSP responders, to put into each certificate.")] = []
    issuing_certificate_urls: Annotated[
        list[str], doc("URLs of the CA certificate, to put into each certificate.")
    ] = []


class SelfSignedIssuer(Wire, frozen=True, kw_only=True):
    """Signs each certificate with its own private key."""

    crl_distribution_points: Annotated[
        list[str], doc("URLs of revocation lists, to put into each certificate.")
    ] = []


class IssuerSpec(Wire, frozen=True, kw_only=True):
    """Who signs: exactly one of the members is set."""

    acme: Annotated[ACMEIssuer | None, doc("An ACME server, such as Let's Encrypt.")] = None
    ca: Annotated[CAIssuer | None, doc("A certificate authority whose key is in a Secret.")] = None
    vault: Annotated[VaultIssuer | None, doc("A PKI secrets engine of HashiCorp Vault.")] = None
    self_signed: Annotated[
        SelfSignedIssuer | None, doc("Signs each certificate with its own private key.")
    ] = None
    venafi: Annotated[
        VenafiIssuer | None, doc("CyberArk Certificate Manager, formerly Venafi: self-hosted, SaaS or NGTS.")
    ] = None


class IssuerCondition(ObservedCondition, frozen=True, kw_only=True):
    """One observation about an issuer; the only type is Ready."""


class ACMEIssuerStatus(Wire, frozen=True, kw_only=True):
    """The account at the ACME server."""

    uri: Annotated[str, doc("URL of the account at the server.")] = ""
    last_registered_email: Annotated[
        str, doc("The contact address that the account had when it was last written.")
    ] = ""
    last_private_key_hash: Annotated[
        str,
        doc("Hash of the account key that the account was last registered with; tells when the key changed."),
    ] = ""


class IssuerStatus(Wire, frozen=True, kw_only=True):
    """Whether the issuer can sign. Controllers write this."""

    conditions: Annotated[
        list[IssuerCondition], doc("Ready tells whether the issuer can sign.", map_key="type")
    ] = []
    acme: Annotated[ACMEIssuerStatus | None, doc("The account at the ACME server.")] = None


class Issuer(Wire, frozen=True, kw_only=True):
    """Signs certificates for its own namespace."""

    api_version: str = field(default_factory=lambda: "cert-manager.io/v1")
    kind: str = field(default_factory=lambda: "Issuer")
    metadata: ObjectMeta = ObjectMeta()
    spec: Annotated[IssuerSpec, doc("Who signs, and with what.")]
    status: Annotated[IssuerStatus, doc("Whether it can sign. Controllers write this.")] = IssuerStatus()


class ClusterIssuer(Issuer, frozen=True, kw_only=True):
    """Signs certificates for every namespace."""

    kind: str = field(default_factory=lambda: "ClusterIssuer")
