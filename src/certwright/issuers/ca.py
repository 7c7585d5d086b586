"""Signs with a key pair kept in a Secret: `spec.ca`. Holds no key; the parsed CA is memoised by pki."""

from datetime import timedelta

from certwright.api.certmanager import CertificateRequest
from certwright.api.defaults import DEFAULT_DURATION
from certwright.api.duration import DurationError, parse_duration
from certwright.api.foreign import Secret
from certwright.api.outcomes import Checked, Outcome, Pending, Permanent, Signed
from certwright.issuers.contract import IssuerType, ReadError, Site
from certwright.pki import sign as signing
from certwright.pki.certificate import parse_certificate
from certwright.pki.errors import PKIError, RequestDecodeError, TemplateError
from certwright.pki.keys import public_key_of_private


async def check(site: Site) -> Checked:
    """Ready once the Secret holds a key and a CA certificate, as the contract asks and no more."""
    name = _secret_name(site)
    try:
        secret = await site.reader.secret(site.namespace, name)
    except ReadError as error:
        return _broken(str(error))
    if secret is None:
        return _broken(f'secrets "{name}" not found')
    try:
        facts = parse_certificate(_data(secret, "tls.crt"))
        public_key_of_private(_data(secret, "tls.key"))
    except PKIError as error:
        return _broken(str(error))
    if not facts.is_ca:
        text = "Error getting keypair for CA issuer: certificate is not a CA"
        return Checked(ready=False, reason="ErrInvalidKeyPair", message=text, event="ErrInvalidKeyPair")
    return Checked(
        ready=True, reason="KeyPairVerified", message="Signing CA verified", event="KeyPairVerified"
    )


async def sign(request: CertificateRequest, site: Site) -> Outcome:
    """Sign with the CA of the Secret; the issued chain ends below the root, which comes back as `ca`."""
    name = _secret_name(site)
    where = f"{site.namespace}/{name}"
    try:
        secret = await site.reader.secret(site.namespace, name)
    except ReadError as error:
        text = f"Failed to get certificate key pair from secret {where}: {error}"
        return Pending("SecretGetError", text, retry=True)
    if secret is None:
        return Pending("SecretMissing", f'Referenced secret {where} not found: secrets "{name}" not found')
    try:
        authority = signing.load_ca(
            _data(secret, "tls.crt"), _data(secret, "tls.key"), secret.data.get("ca.crt") or None
        )
    except PKIError as error:
        return Pending(
            "SecretInvalidData", f"Failed to parse signing CA keypair from secret {where}: {error}"
        )
    spec = site.issuer.spec.ca
    assert spec is not None  # noqa: S101  # the registry chose this signer by this member
    try:
        bundle = signing.sign_request(
            request.spec.request,
            ca=authority,
            usages=request.spec.usages,
            is_ca=bool(request.spec.is_ca),
            duration=requested_duration(request),
            now=site.now,
            crl=tuple(spec.crl_distribution_points or ()),
            ocsp=tuple(spec.ocsp_servers or ()),
            aia=tuple(spec.issuing_certificate_urls or ()),
        )
    except (RequestDecodeError, TemplateError) as error:
        return Permanent("SigningError", f"Error generating certificate template: {error}")
    except PKIError as error:
        return Permanent("SigningError", f"Error signing certificate: {error}")
    return Signed(bundle.chain_pem, bundle.ca_pem)


def requested_duration(request: CertificateRequest) -> timedelta:
    """spec.duration of the request, or 90 days. Raises TemplateError if it cannot be read."""
    text = request.spec.duration
    try:
        return parse_duration(text) if text else DEFAULT_DURATION
    except DurationError as error:
        raise TemplateError(f"spec.duration: {error}") from None


def _secret_name(site: Site) -> str:
    spec = site.issuer.spec.ca
    return spec.secret_name if spec is not None else ""


def _data(secret: Secret, key: str) -> bytes:
    value = secret.data.get(key)
    if not value:
        raise PKIError(f'no data for "{key}" in secret "{secret.metadata.namespace}/{secret.metadata.name}"')
    return value


def _broken(why: str) -> Checked:
    return Checked(
        ready=False,
        reason="ErrGetKeyPair",
        message=f"Error getting keypair for CA issuer: {why}",
        event="ErrGetKeyPair",
        retry=True,
    )


CA = IssuerType("ca", check, sign)
