"""Every setting of the controllers, once: flag, kind of value, default, help, and the field it sets.

The command line, the reference and the configuration come from this table. Flags and defaults are
cert-manager's (a difference is a row of docs/differences.md), and a few are our own. Imports nothing heavy:
`--help` reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from certwright.app import gates

if TYPE_CHECKING:
    from certwright.controllers.manager import ControllerConfig

CONTROLLER: Final = "controller"
UP: Final = "up"
BOTH: Final = (CONTROLLER, UP)

APPROVER: Final = "certificaterequests-approver"

ACTIVE: dict[str, str] = {
    "certificates-trigger": "no issuance is begun; one that somebody else begins is carried out",
    "certificates-readiness": "Ready, notBefore, notAfter and renewalTime are not written",
    "certificates-key-manager": "no next private key is made, adopted or deleted",
    "certificates-request-manager": "no CertificateRequest is made for a Certificate, or deleted as outdated",
    "certificates-issuing": "no target Secret is written, and no issuance ends, well or badly",
    "certificates-revision-manager": "CertificateRequests of old revisions are kept",
    APPROVER: "nothing is approved; requests wait for another approver",
    "certificaterequests-issuer-acme": "requests of ACME issuers are left alone",
    "certificaterequests-issuer-ca": "requests of CA issuers are left alone",
    "certificaterequests-issuer-selfsigned": "requests of SelfSigned issuers are left alone",
    "certificaterequests-issuer-vault": "requests of Vault issuers are left alone",
    "certificaterequests-issuer-venafi": "requests of Venafi issuers are left alone",
    "issuers": "Issuers are not checked; they stay as ready as they are",
    "clusterissuers": "ClusterIssuers are not checked; they stay as ready as they are",
}
"""Names of `--controllers` that switch something here, and what does not happen when one is off."""

IDLE: tuple[str, ...] = (
    "certificates-metrics",
    "certificatesigningrequests-issuer-acme",
    "certificatesigningrequests-issuer-ca",
    "certificatesigningrequests-issuer-selfsigned",
    "certificatesigningrequests-issuer-vault",
    "certificatesigningrequests-issuer-venafi",
    "challenges",
    "gateway-shim",
    "ingress-shim",
    "listenerset",
    "orders",
)
"""Names of cert-manager's that are accepted too, and switch nothing: there is nothing behind them here."""

CONTROLLERS: Final = frozenset((*ACTIVE, *IDLE))


class Kind(Enum):
    """What kind of value a setting has. A LIST is comma-separated, and its flag may be repeated.

    A LIMIT is a whole number, where 0 means that there is none.
    """

    BOOLEAN = "BOOL"
    INTEGER = "N"
    LIMIT = "COUNT"
    PERCENTAGE = "PERCENT"
    DURATION = "DURATION"
    NAME = "NS"
    ADDRESS = "HOST:PORT"
    PREFIXES = "PREFIX,..."
    CONTROLLERS = "NAME,..."
    GATES = "GATE=BOOL,..."


LISTS: Final = frozenset({Kind.PREFIXES, Kind.CONTROLLERS, Kind.GATES})


class Setting(NamedTuple):
    """One setting. `default` is as the command line writes it.

    `field` is a path in `ControllerConfig` (`policy.minimum_backoff`) or, after `limits.`, in
    `pki.pem.Limits`; empty where the value is not handed on as it is.
    """

    flag: str
    kind: Kind
    default: str
    help: str
    field: str = ""
    roles: tuple[str, ...] = BOTH

    @property
    def parameter(self) -> str:
        """The flag as a Python name."""
        return self.flag.replace("-", "_")


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "namespace",
        Kind.NAME,
        "",
        "Serve this namespace only, and no ClusterIssuers.",
        "namespace",
        (CONTROLLER,),
    ),
    Setting(
        "cluster-resource-namespace",
        Kind.NAME,
        "kube-system",
        "Where the Secrets of ClusterIssuers are.",
        "cluster_resource_namespace",
        (CONTROLLER,),
    ),
    Setting(
        "metrics-listen-address",
        Kind.ADDRESS,
        "0.0.0.0:9402",
        "Where /metrics is served; 0 turns it off.",
        "",
        (CONTROLLER,),
    ),
    Setting(
        "controllers",
        Kind.CONTROLLERS,
        "*",
        "Parts to switch on: * for all, NAME, or -NAME to switch one off.",
    ),
    Setting("feature-gates", Kind.GATES, "", "Features to switch on or off."),
    Setting(
        "enable-certificate-owner-ref",
        Kind.BOOLEAN,
        "false",
        "Let a Certificate own its Secret, so that both are deleted together.",
        "policy.owner_references",
    ),
    Setting(
        "certificate-request-minimum-backoff-duration",
        Kind.DURATION,
        "1h",
        "How long to wait after a failed issuance; doubles with each further failure.",
        "policy.minimum_backoff",
    ),
    Setting(
        "certificate-request-maximum-backoff-duration",
        Kind.DURATION,
        "32h",
        "The longest wait after failed issuances.",
        "policy.maximum_backoff",
    ),
    Setting(
        "copied-annotation-prefixes",
        Kind.PREFIXES,
        "*,-kubectl.kubernetes.io/,-fluxcd.io/,-argocd.argoproj.io/",
        "Which annotations a request takes over from its Certificate: PREFIX, * for all, -PREFIX for none.",
        "policy.copied_annotation_prefixes",
    ),
    Setting(
        "renewal-spread",
        Kind.PERCENTAGE,
        "5%",
        "How much of the time up to its renewal a certificate may give away, at most 24h, so that a fleet "
        "does not renew at once. 0% renews at the exact time.",
        "policy.renewal_spread",
    ),
    Setting(
        "requests-per-hour",
        Kind.LIMIT,
        "20",
        "How many CertificateRequests are made for one Certificate within an hour; 0 is any number.",
        "policy.requests_per_hour",
    ),
    Setting(
        "concurrent-workers",
        Kind.INTEGER,
        "16",
        "How many objects of a kind are worked on at once.",
        "concurrency",
    ),
    Setting(
        "max-certificate-size",
        Kind.INTEGER,
        "36500",
        "The longest PEM of one certificate that is read, in bytes.",
        "limits.certificate",
    ),
    Setting(
        "max-private-key-size",
        Kind.INTEGER,
        "13000",
        "The longest PEM of a private key that is read, in bytes.",
        "limits.private_key",
    ),
    Setting(
        "max-certificate-chain-length",
        Kind.INTEGER,
        "95000",
        "The longest PEM of a certificate chain that is read, in bytes.",
        "limits.chain",
    ),
    Setting(
        "max-certificate-bundle-size",
        Kind.INTEGER,
        "330000",
        "The longest PEM of a bundle of certificates that is read, in bytes.",
        "limits.bundle",
    ),
)

Scalar = bool | int | float | str | timedelta | None
Value = Scalar | tuple[str, int] | tuple[str, ...] | frozenset[str] | dict[str, bool]


def settings_of(role: str) -> list[Setting]:
    """The settings that a role has, in the order of its help."""
    return [setting for setting in SETTINGS if role in setting.roles]


def parse_controllers(entries: Iterable[str]) -> frozenset[str]:
    """Which parts are switched off by `--controllers`. Raises ValueError naming those that do not exist.

    Names switch on, `*` switches on everything, and so does a list of nothing but `-NAME`; `-NAME` is
    heeded last, wherever it stands.
    """
    names = [name for entry in entries if (name := entry.strip())]
    off = {name[1:] for name in names if name.startswith("-")}
    on = {name for name in names if not name.startswith("-")}
    unknown = sorted((off | on - {"*"}) - CONTROLLERS)
    if unknown:
        raise ValueError(
            f"no such controller: {', '.join(unknown)}; there are {', '.join(sorted(CONTROLLERS))}"
        )
    chosen = CONTROLLERS if "*" in on or not on else frozenset(on)
    return CONTROLLERS - chosen | off


def configure(values: Mapping[str, Value], **more: Any) -> ControllerConfig:
    """The configuration of the controllers from parsed values by parameter name; `more` are fields of it.

    Sets the size limits of the process as well. What is missing in `values` has its default.
    """
    from certwright.controllers.manager import ControllerConfig
    from certwright.pki import pem
    from certwright.plan.world import Policy

    config: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    groups = {"policy": policy, "limits": limits, "": config}
    for setting in SETTINGS:
        if setting.field and setting.parameter in values:
            group, _, field = setting.field.rpartition(".")
            groups[group][field] = values[setting.parameter]
    config["namespace"] = config.get("namespace") or None
    chosen = values.get("feature_gates")
    if isinstance(chosen, dict):
        policy |= gates.policy_fields(chosen)
    inactive = values.get("controllers")
    if isinstance(inactive, frozenset):
        policy |= {"inactive": inactive, "approve": APPROVER not in inactive}
    pem.set_limits(pem.Limits(**limits))
    return ControllerConfig(**config, policy=Policy(**policy), **more)
