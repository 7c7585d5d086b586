"""Rules for the names of other objects: issuers and Secrets. Whether they exist is not asked."""

from certwright.api.defaults import CLUSTER_ISSUER_KIND, GROUP, ISSUER_KIND
from certwright.api.names import dns_subdomain
from certwright.api.references import IssuerRef
from certwright.webhook.fields import FieldError, invalid, required


def issuer_ref(ref: IssuerRef, field: str) -> list[FieldError]:
    """A reference needs a name; our own group has only two kinds, of other groups we know nothing."""
    errors = [] if ref.name else [required(f"{field}.name")]
    if ref.group in ("", GROUP) and ref.kind not in ("", ISSUER_KIND, CLUSTER_ISSUER_KIND):
        detail = f"{GROUP} has the kinds {ISSUER_KIND} and {CLUSTER_ISSUER_KIND}"
        if not ref.group:
            detail += f"; for a kind of another API group, set {field}.group too"
        errors.append(invalid(f"{field}.kind", ref.kind, detail))
    return errors


def secret_name(name: str, field: str) -> list[FieldError]:
    """The name of a Secret is needed, and must be one that a Secret can have."""
    if not name:
        return [required(field)]
    return [invalid(field, name, why) for why in dns_subdomain(name)]
