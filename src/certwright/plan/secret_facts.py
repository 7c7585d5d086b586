"""Reduces a Secret to what plans need to know: no private key survives this function."""

import hashlib
from contextlib import suppress

import msgspec

from certwright.api import annotations as ann
from certwright.api.foreign import Secret
from certwright.pki.certificate import parse_certificate
from certwright.pki.errors import PKIError
from certwright.pki.keys import public_key_of_private
from certwright.pki.secret import combined_pem, key_der
from certwright.plan.target_secret import owned_fields
from certwright.plan.world import SecretFacts

_NO_DIGEST = b""


def secret_facts(secret: Secret) -> SecretFacts:
    """The digest of a Secret: key and certificate facts, data-key digests, metadata, ownership."""
    data = secret.data or {}
    key, key_error, certificate, certificate_error = None, "", None, ""
    if data.get("tls.key"):
        try:
            key = public_key_of_private(data["tls.key"])
        except PKIError as error:
            key_error = str(error)
    if data.get("tls.crt"):
        try:
            certificate = parse_certificate(data["tls.crt"])
        except PKIError as error:
            certificate_error = str(error)
    return SecretFacts(
        metadata=msgspec.structs.replace(secret.metadata, managed_fields=[]),
        type=secret.type or "",
        digests={k: hashlib.sha256(v).digest() if v else _NO_DIGEST for k, v in data.items()},
        key=key,
        key_error=key_error,
        certificate=certificate,
        certificate_error=certificate_error,
        formats_current=_formats_current(data),
        owned=owned_fields(secret.metadata.managed_fields),
    )


def _formats_current(data: dict[str, bytes]) -> frozenset[str]:
    private, chain = data.get(ann.TLS_KEY, b""), data.get(ann.TLS_CRT, b"")
    current = set()
    if ann.TLS_COMBINED in data and data[ann.TLS_COMBINED] == combined_pem(private, chain):
        current.add(ann.TLS_COMBINED)
    if ann.KEY_DER in data:
        with suppress(PKIError):
            if data[ann.KEY_DER] == key_der(private):
                current.add(ann.KEY_DER)
    return frozenset(current)
