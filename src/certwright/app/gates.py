"""Feature gates: which there are, their defaults, what each changes; not what reads them.

Names, stages and defaults are cert-manager's, so that an existing `--feature-gates` is understood. Nothing
heavy is imported: `--help` reads this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

ALPHA: Final = "alpha"
BETA: Final = "beta"
GA: Final = "GA"
REMOVED: Final = "removed"

_ALL: Final = {"AllAlpha": ALPHA, "AllBeta": BETA}


class Gate(NamedTuple):
    """One gate. `field` is the member of `plan.world.Policy` it sets, empty where nothing asks for it."""

    name: str
    stage: str
    default: bool
    about: str
    field: str = ""


GATES: tuple[Gate, ...] = (
    Gate("AdditionalCertificateOutputFormats", GA, True, "Always on."),
    Gate("ACMEHTTP01IngressPathTypeExact", BETA, True, "No effect: there is no ACME issuer."),
    Gate("ACMEUseARI", ALPHA, False, "No effect: there is no ACME issuer."),
    Gate("DefaultPrivateKeyRotationPolicyAlways", GA, True, "Always on."),
    Gate("DisallowInsecureCSRUsageDefinition", GA, True, "Always on."),
    Gate(
        "ExperimentalCertificateSigningRequestControllers",
        ALPHA,
        False,
        "No effect: Kubernetes CertificateSigningRequests are not signed.",
    ),
    Gate("ExperimentalGatewayAPISupport", BETA, True, "No effect: Gateways are not watched."),
    Gate("ListenerSets", ALPHA, False, "No effect: ListenerSets are not watched."),
    Gate(
        "LiteralCertificateSubject",
        BETA,
        True,
        "Off: spec.literalSubject counts as not set.",
        "literal_subject",
    ),
    Gate("NameConstraints", BETA, True, "Off: spec.nameConstraints counts as not set.", "name_constraints"),
    Gate("OtherNames", BETA, True, "Off: spec.otherNames counts as not set.", "other_names"),
    Gate(
        "SecretsFilteredCaching",
        BETA,
        True,
        "No effect: caches are always filtered, foreign Secrets are never held.",
    ),
    Gate(
        "ServerSideApply",
        ALPHA,
        False,
        "On: status is written by server-side apply, and a finished issuance leaves Issuing=False "
        "with reason Issued.",
        "server_side_apply",
    ),
    Gate(
        "StableCertificateRequestName",
        BETA,
        True,
        "Off: CertificateRequests get a generated name.",
        "stable_request_names",
    ),
    Gate(
        "UseCertificateRequestBasicConstraints",
        ALPHA,
        False,
        "On: signing requests carry basic constraints.",
        "request_basic_constraints",
    ),
    Gate("ValidateCAA", REMOVED, False, "No effect: removed upstream, still accepted."),
)

_BY_NAME: Final = {gate.name: gate for gate in GATES}
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def parse_boolean(text: str) -> bool:
    """Read a boolean as Go's flags do. Raises ValueError."""
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError(f"{text!r} is neither true nor false")


def parse_gates(entries: Iterable[str]) -> dict[str, bool]:
    """Read `Name=true` entries; a later one wins. Raises ValueError naming the first that is wrong."""
    chosen: dict[str, bool] = {}
    for entry in entries:
        name, equals, value = (part.strip() for part in entry.partition("="))
        if name not in _BY_NAME and name not in _ALL:
            known = ", ".join(sorted({*_BY_NAME, *_ALL}))
            raise ValueError(f"unrecognized feature gate: {name}; there are {known}")
        if not equals:
            raise ValueError(f"missing bool value for {name}")
        try:
            chosen[name] = parse_boolean(value)
        except ValueError as error:
            raise ValueError(f"invalid value of {name}: {error}") from None
    return chosen


def resolve(chosen: Mapping[str, bool]) -> dict[str, bool]:
    """The state of every gate. AllAlpha and AllBeta decide for those of their stage that are not named."""
    by_stage = {_ALL[name]: value for name, value in chosen.items() if name in _ALL}
    return {
        gate.name: gate.default
        if gate.stage in (GA, REMOVED)
        else chosen.get(gate.name, by_stage.get(gate.stage, gate.default))
        for gate in GATES
    }


def policy_fields(chosen: Mapping[str, bool]) -> dict[str, bool]:
    """What the gates set in `plan.world.Policy`, by field."""
    states = resolve(chosen)
    return {gate.field: states[gate.name] for gate in GATES if gate.field}


def warnings(chosen: Mapping[str, bool]) -> list[str]:
    """What to say of gates that were set and change nothing here; empty for those set to what they are."""
    said = []
    for name, value in chosen.items():
        gate = _BY_NAME.get(name)
        if gate is not None and not gate.field and value != gate.default:
            said.append(f"feature gate {name}={str(value).lower()} changes nothing. {gate.about}")
    return said
