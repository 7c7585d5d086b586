"""The rule for CA bundles in issuers: there is a certificate in them. Which ones to trust is not asked."""

from certwright.pki import pem, x509
from certwright.pki.errors import PKIError
from certwright.webhook.fields import FieldError, invalid


def bundle(data: bytes, field: str) -> list[FieldError]:
    """At least one block of a bundle must be a certificate; others do no harm."""
    try:
        found = any(map(_is_certificate, pem.blocks(data, pem.limits().bundle)))
    except PKIError as error:
        return [invalid(field, "<bundle>", str(error))]
    return [] if found else [invalid(field, "<bundle>", "holds no certificate in PEM")]


def _is_certificate(block: pem.Block) -> bool:
    try:
        x509.read_der(block.content)
    except PKIError:
        return False
    return True
