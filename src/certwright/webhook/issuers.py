"""Rules for Issuers and ClusterIssuers: exactly one type, and what it needs. ACME's rules are not here."""

from typing import Final

from certwright.api.issuer import CAIssuer, IssuerSpec
from certwright.api.venafi_issuer import VenafiIssuer
from certwright.webhook import vault
from certwright.webhook.fields import FieldError, forbidden, invalid, required
from certwright.webhook.writes import Findings, Gates, Write, part, read, spec_changes

TYPES: Final = {
    "acme": "acme",
    "ca": "ca",
    "selfSigned": "self_signed",
    "vault": "vault",
    "venafi": "venafi",
}
"""Member of the spec, and its name in Python. The first that is set is the one that is judged."""


def check(write: Write, gates: Gates) -> Findings:
    """All that is wrong with an issuer. Raises Unreadable."""
    del gates
    if not spec_changes(write):
        return Findings()
    spec = read(part(write.new, "spec"), IssuerSpec, "spec")
    types = [name for name, attribute in TYPES.items() if getattr(spec, attribute) is not None]
    if not types:
        return Findings([required("spec", f"one of {', '.join(TYPES)} must be set")])
    errors = _of_type(types[0], spec)
    for name in types[1:]:
        errors.append(forbidden(f"spec.{name}", f"an issuer has one type, and {types[0]} is set already"))
    return Findings(errors)


def _of_type(name: str, spec: IssuerSpec) -> list[FieldError]:
    field = f"spec.{name}"
    if name == "ca" and spec.ca is not None:
        return _ca(spec.ca, field)
    if name == "vault" and spec.vault is not None:
        return vault.check(spec.vault, field)
    if name == "venafi" and spec.venafi is not None:
        return _venafi(spec.venafi, field)
    return []


def _ca(ca: CAIssuer, field: str) -> list[FieldError]:
    errors = [] if ca.secret_name else [required(f"{field}.secretName")]
    for name, urls in (
        ("ocspServers", ca.ocsp_servers),
        ("issuingCertificateURLs", ca.issuing_certificate_urls),
    ):
        for number, url in enumerate(urls):
            if not url:
                detail = "must be a URL, such as http://pki.example.com/ca"
                errors.append(invalid(f"{field}.{name}[{number}]", url, detail))
    return errors


def _venafi(venafi: VenafiIssuer, field: str) -> list[FieldError]:
    errors = [] if venafi.zone else [required(f"{field}.zone")]
    products = {"tpp": venafi.tpp, "cloud": venafi.cloud, "ngts": venafi.ngts}
    chosen = [name for name, value in products.items() if value is not None]
    if not chosen:
        errors.append(required(field, f"one of {', '.join(products)} must be set"))
    if len(chosen) > 1:
        errors.append(forbidden(field, f"only one of {', '.join(products)} may be set"))
    if venafi.tpp is not None:
        if not venafi.tpp.url:
            errors.append(required(f"{field}.tpp.url"))
        if venafi.tpp.ca_bundle and venafi.tpp.ca_bundle_secret_ref is not None:
            errors.append(forbidden(f"{field}.tpp", "caBundle and caBundleSecretRef exclude each other"))
    if venafi.ngts is not None:
        errors += [] if venafi.ngts.tsg_id else [required(f"{field}.ngts.tsgID")]
        errors += [] if venafi.ngts.credentials_ref.name else [required(f"{field}.ngts.credentialsRef.name")]
    return errors
