"""How control of names is proved to an ACME server: solvers, and when each applies. It is not done here."""

# ruff: noqa: RUF012 - msgspec copies empty defaults

from typing import Annotated, Final

from msgspec import field

from certwright.api.dns_providers import DNS01Solver
from certwright.api.pod_template import PodTemplate, TemplateMeta
from certwright.api.wire import Wire, doc

_DNS_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
_SERVICE_TYPE: Final = "Type of the Service in front of the Pod: ClusterIP or NodePort."
_POD_TEMPLATE: Final = "Changes to the Pod that answers the challenge."


class IngressTemplate(Wire, frozen=True, kw_only=True):
    """Changes to the Ingress that leads to the solver."""

    metadata: Annotated[
        TemplateMeta | None,
        doc("Labels and annotations for the Ingress. They win over those that the controller sets."),
    ] = None


class HTTP01Ingress(Wire, frozen=True, kw_only=True):
    """Answers through an Ingress: at most one of class, ingressClassName and name is set."""

    service_type: Annotated[str, doc(_SERVICE_TYPE, unset="NodePort")] = ""
    ingress_class_name: Annotated[
        str | None, doc("The IngressClass that serves the solver's Ingress (its spec.ingressClassName).")
    ] = None
    class_: Annotated[
        str | None,
        doc("Value of the old annotation kubernetes.io/ingress.class on the solver's Ingress."),
    ] = field(default=None, name="class")
    name: Annotated[
        str,
        doc(
            "An existing Ingress that is changed for the time of the challenge, for controllers that give "
            "each Ingress an address of its own."
        ),
    ] = ""
    pod_template: Annotated[PodTemplate | None, doc(_POD_TEMPLATE)] = None
    ingress_template: Annotated[
        IngressTemplate | None, doc("Changes to the Ingress that leads to the solver.")
    ] = None


class ParentReference(Wire, frozen=True, kw_only=True):
    """Names a Gateway, or another kind that routes attach to (Gateway API v1)."""

    group: Annotated[
        str,
        doc(
            "API group of the parent; empty for the core group.",
            default="gateway.networking.k8s.io",
            max_length=253,
            pattern=rf"^$|^{_SUBDOMAIN}$",
        ),
    ] = "gateway.networking.k8s.io"
    kind: Annotated[
        str,
        doc(
            "Kind of the parent.",
            default="Gateway",
            min_length=1,
            max_length=63,
            pattern=r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$",
        ),
    ] = "Gateway"
    namespace: Annotated[
        str | None,
        doc(
            "Namespace of the parent.",
            min_length=1,
            max_length=63,
            pattern=rf"^{_DNS_LABEL}$",
            unset="that of the route",
        ),
    ] = None
    name: Annotated[str, doc("Name of the parent.", min_length=1, max_length=253)]
    section_name: Annotated[
        str | None,
        doc(
            "The one listener or port of the parent to attach to.",
            min_length=1,
            max_length=253,
            pattern=rf"^{_SUBDOMAIN}$",
            unset="all that allow it",
        ),
    ] = None
    port: Annotated[
        int | None,
        doc(
            "The port of the parent to attach to. Prefer sectionName, which survives a change of ports.",
            format="int32",
            minimum=1,
            maximum=65535,
        ),
    ] = None


class HTTP01GatewayHTTPRoute(Wire, frozen=True, kw_only=True):
    """Answers through an HTTPRoute on a Gateway."""

    service_type: Annotated[str, doc(_SERVICE_TYPE, unset="NodePort")] = ""
    labels: Annotated[dict[str, str], doc("Labels for the HTTPRoute, for Gateways that select by them.")] = {}
    parent_refs: Annotated[
        list[ParentReference],
        doc("The Gateways to attach the HTTPRoute to. Annotations of the Certificate can add one."),
    ] = []
    pod_template: Annotated[PodTemplate | None, doc(_POD_TEMPLATE)] = None


class HTTP01Solver(Wire, frozen=True, kw_only=True):
    """Proves control by a file on the web server of the name. Wildcards cannot be proved this way."""

    ingress: Annotated[HTTP01Ingress | None, doc("Answer through an Ingress. Excludes gatewayHTTPRoute.")] = (
        None
    )
    gateway_http_route: Annotated[
        HTTP01GatewayHTTPRoute | None, doc("Answer through an HTTPRoute on a Gateway. Excludes ingress.")
    ] = None


class SolverSelector(Wire, frozen=True, kw_only=True):
    """Which names a solver is for. The most specific solver wins: by dnsNames, dnsZones, then labels."""

    match_labels: Annotated[
        dict[str, str], doc("Labels that the Certificate must have, with these values.")
    ] = {}
    dns_names: Annotated[
        list[str], doc("Names this solver is for, spelled exactly so. Preferred over dnsZones.")
    ] = []
    dns_zones: Annotated[
        list[str],
        doc("Domains whose names, at any depth, this solver is for. The longest match wins."),
    ] = []


class ACMESolver(Wire, frozen=True, kw_only=True):
    """One way to prove control, and for which names; exactly one of http01 and dns01 is set."""

    selector: Annotated[
        SolverSelector | None,
        doc("Which names this solver is for.", unset="every name that no other solver is for"),
    ] = None
    http01: Annotated[HTTP01Solver | None, doc("Prove control by a file on the web server of the name.")] = (
        None
    )
    dns01: Annotated[DNS01Solver | None, doc("Prove control by a TXT record in the zone of the name.")] = None
    wait_instead_of_self_check: Annotated[
        str,
        doc(
            "How long to wait, as 30s or 2m, before the ACME server is told to look, instead of first "
            "checking that the answer can be seen from the cluster.",
        ),
    ] = ""
