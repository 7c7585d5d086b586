"""What feature gates that are off hide of a spec. Pure; what a gate that is on adds is decided where it acts.

A field that is hidden counts as not set everywhere: in the request, and wherever a request or a
certificate is compared with the spec. Otherwise the request would never fit, and be made for ever.
"""

from typing import Any

import msgspec

from certwright.api.certmanager import CertificateSpec
from certwright.plan.world import CertificateWorld, Policy


def spec_through_gates(spec: CertificateSpec, policy: Policy) -> CertificateSpec:
    """The spec without the fields whose gates are off; the very same where nothing is hidden."""
    hidden: dict[str, Any] = {}
    if spec.literal_subject and not policy.literal_subject:
        hidden["literal_subject"] = ""
    if spec.name_constraints is not None and not policy.name_constraints:
        hidden["name_constraints"] = None
    if spec.other_names is not None and not policy.other_names:
        hidden["other_names"] = None
    return msgspec.structs.replace(spec, **hidden) if hidden else spec


def seen_through_gates(world: CertificateWorld, policy: Policy) -> CertificateWorld:
    """The world with the Certificate's spec as the gates leave it."""
    certificate = world.certificate
    spec = spec_through_gates(certificate.spec, policy)
    if spec is certificate.spec:
        return world
    return msgspec.structs.replace(world, certificate=msgspec.structs.replace(certificate, spec=spec))
