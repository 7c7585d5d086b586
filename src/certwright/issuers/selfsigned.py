"""Signs a request with its own private key: `spec.selfSigned`."""

from certwright.api import annotations as ann
from certwright.api.certmanager import CertificateRequest
from certwright.api.outcomes import Checked, Outcome, Pending, Permanent, Signed
from certwright.issuers.ca import requested_duration
from certwright.issuers.contract import IssuerType, ReadError, Site
from certwright.pki import csr
from certwright.pki import sign as signing
from certwright.pki.errors import PKIError, RequestDecodeError, TemplateError
from certwright.pki.keys import public_key_of_private

_EMPTY_SUBJECT = b"\x30\x00"


async def check(site: Site) -> Checked:
    """Always ready: everything needed comes with the request."""
    del site
    return Checked(ready=True, reason="IsReady")


async def sign(request: CertificateRequest, site: Site) -> Outcome:
    """Self-sign with the key whose Secret the request names in an annotation."""
    name = request.metadata.annotations.get(ann.PRIVATE_KEY_SECRET_NAME)
    if not name:
        missing = (
            f'Annotation "{ann.PRIVATE_KEY_SECRET_NAME}" missing or reference empty: secret name missing'
        )
        return Permanent("MissingAnnotation", missing)
    where = f"{request.metadata.namespace}/{name}"
    try:
        key = await site.reader.private_key(request.metadata.namespace or "", name)
    except ReadError as error:
        text = f"Failed to get key {name} referenced by secret {where}: {error}"
        return Pending("ErrorGettingSecret", text, retry=True)
    if key is None:  # nobody tells when a Secret appears that is not labelled as ours: ask again
        text = f'Referenced secret {where} not found: secrets "{name}" not found'
        return Pending("MissingSecret", text, retry=True)
    try:
        public = public_key_of_private(key)
    except PKIError as error:
        text = f"Failed to get key {name} referenced by secret {where}: {error}"
        return Pending("ErrorParsingKey", text, retry=True)
    try:
        asked = csr.parse_request(request.spec.request)
    except PKIError as error:
        return Permanent("ErrorGenerating", f"Error generating certificate template: {error}")
    if asked.public_key.spki_sha256 != public.spki_sha256:
        text = "Error generating certificate template: CSR not signed by referenced private key"
        return Permanent("ErrorKeyMatch", text)
    spec = site.issuer.spec.self_signed
    try:
        bundle = signing.self_sign(
            request.spec.request,
            key,
            usages=request.spec.usages,
            is_ca=bool(request.spec.is_ca),
            duration=requested_duration(request),
            now=site.now,
            crl=tuple((spec.crl_distribution_points if spec else None) or ()),
        )
    except (RequestDecodeError, TemplateError) as error:
        return Permanent("ErrorGenerating", f"Error generating certificate template: {error}")
    except PKIError as error:
        return Permanent("ErrorSigning", f"Error signing certificate: {error}")
    warnings = []
    if asked.subject_der == _EMPTY_SUBJECT:
        text = (
            "Certificate will be issued with an empty Issuer DN, which contravenes RFC 5280 and "
            "could break some strict clients"
        )
        warnings.append(("BadConfig", text))
    return Signed(bundle.chain_pem, bundle.ca_pem, tuple(warnings))


SELF_SIGNED = IssuerType("selfsigned", check, sign)
