"""How one object names another: the issuer, a Secret's key, a service account. Nothing is resolved here."""

from typing import Annotated

from certwright.api.defaults import GROUP, ISSUER_KIND
from certwright.api.wire import Wire, doc


class IssuerRef(Wire, frozen=True, kw_only=True):
    """Names the issuer that is to sign."""

    name: Annotated[str, doc("Name of the issuer.")]
    kind: Annotated[
        str,
        doc(
            "Kind of the issuer. A ClusterIssuer serves every namespace, an Issuer only its own.",
            unset="Issuer",
        ),
    ] = ""
    group: Annotated[
        str,
        doc("API group of the issuer's kind; other groups are external issuers.", unset="cert-manager.io"),
    ] = ""


def issuer_key(ref: IssuerRef) -> tuple[str, str, str]:
    """(name, kind, group) with empty kind and group read as their defaults; equal for the same issuer."""
    return ref.name, ref.kind or ISSUER_KIND, ref.group or GROUP


def is_ours(ref: IssuerRef) -> bool:
    """Whether a reference means an issuer of cert-manager.io, and not one of a foreign group."""
    return issuer_key(ref)[2] == GROUP


class SecretKeySelector(Wire, frozen=True, kw_only=True):
    """Names one entry of a Secret's data."""

    name: Annotated[str, doc("Name of the Secret.")]
    key: Annotated[
        str,
        doc("Key in the Secret's data. Where it may be left out, the place that refers to it has a default."),
    ] = ""


class SecretReference(Wire, frozen=True, kw_only=True):
    """Names a Secret."""

    name: Annotated[str, doc("Name of the Secret.")]


class ServiceAccountRef(Wire, frozen=True, kw_only=True):
    """Names a service account for which a short-lived token is requested each time one is needed."""

    name: Annotated[str, doc("Name of the ServiceAccount.")]
    audiences: Annotated[
        list[str] | None,
        doc("Further audiences to put into the token, besides the one that is always there."),
    ] = None
