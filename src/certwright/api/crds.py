"""The CustomResourceDefinitions that this project serves, as documents and as YAML. Nothing is installed."""

from typing import Any, Final

import yaml

from certwright.api.certmanager import Certificate, CertificateRequest, ClusterIssuer, Issuer
from certwright.api.meta import (
    CERTIFICATE_REQUESTS,
    CERTIFICATES,
    CHALLENGES,
    CLUSTER_ISSUERS,
    ISSUERS,
    ORDERS,
)
from certwright.api.orders import Challenge, Order
from certwright.api.schema import Column, Definition, crd

_CATEGORIES: Final = ("cert-manager",)
_ACME_CATEGORIES: Final = ("cert-manager", "cert-manager-acme")
_BY_ISSUER: Final = (".spec.issuerRef.group", ".spec.issuerRef.kind", ".spec.issuerRef.name")
_AGE: Final = Column(
    "Age", ".metadata.creationTimestamp", "date", description="Time since the object was created."
)


def _condition(name: str, type_: str, member: str = "status", priority: int = 0) -> Column:
    return Column(name, f'.status.conditions[?(@.type == "{type_}")].{member}', priority=priority)


_READY: Final = _condition("Ready", "Ready")
_READY_MESSAGE: Final = _condition("Status", "Ready", "message", priority=1)

DEFINITIONS: Final = (
    Definition(
        resource=CERTIFICATES,
        type=Certificate,
        short_names=("cert", "certs"),
        categories=_CATEGORIES,
        columns=(
            _READY,
            Column("Secret", ".spec.secretName"),
            Column("Issuer", ".spec.issuerRef.name", priority=1),
            _READY_MESSAGE,
            Column("Expiration", ".status.notAfter", priority=1),
            _AGE,
        ),
        selectable=_BY_ISSUER,
    ),
    Definition(
        resource=CERTIFICATE_REQUESTS,
        type=CertificateRequest,
        short_names=("cr", "crs"),
        categories=_CATEGORIES,
        columns=(
            _condition("Approved", "Approved"),
            _condition("Denied", "Denied"),
            _READY,
            Column("Issuer", ".spec.issuerRef.name"),
            Column("Requester", ".spec.username"),
            _READY_MESSAGE,
            _AGE,
        ),
        selectable=_BY_ISSUER,
    ),
    Definition(
        resource=ISSUERS,
        type=Issuer,
        short_names=("iss",),
        categories=_CATEGORIES,
        columns=(_READY, _READY_MESSAGE, _AGE),
    ),
    Definition(
        resource=CLUSTER_ISSUERS,
        type=ClusterIssuer,
        short_names=("ciss",),
        categories=_CATEGORIES,
        columns=(_READY, _READY_MESSAGE, _AGE),
    ),
    Definition(
        resource=ORDERS,
        type=Order,
        categories=_ACME_CATEGORIES,
        columns=(
            Column("State", ".status.state"),
            Column("Issuer", ".spec.issuerRef.name", priority=1),
            Column("Reason", ".status.reason", priority=1),
            _AGE,
        ),
        selectable=_BY_ISSUER,
    ),
    Definition(
        resource=CHALLENGES,
        type=Challenge,
        categories=_ACME_CATEGORIES,
        columns=(
            Column("State", ".status.state"),
            Column("Domain", ".spec.dnsName"),
            Column("Reason", ".status.reason", priority=1),
            _AGE,
        ),
        selectable=_BY_ISSUER,
    ),
)


def all_crds() -> list[dict[str, Any]]:
    """Make every CustomResourceDefinition as plain dicts."""
    return [crd(definition) for definition in DEFINITIONS]


def crds_yaml() -> str:
    """Write every CustomResourceDefinition into one YAML stream, the same bytes each time."""
    return "".join("---\n" + dump_yaml(document) for document in all_crds())


def dump_yaml(document: object) -> str:
    """Write a document as YAML in the order of its keys, without anchors."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key and repeats what occurs twice."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Never put a list at the indentation of its key, whatever the emitter asks for."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write shared parts in full, since not every reader takes anchors."""
        return True
