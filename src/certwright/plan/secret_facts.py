"""Reduces a Secret to what plans need to know: no private key survives this function."""

import base64
import hashlib

import msgspec

from certwright.api.foreign import Secret
from certwright.pki.certificate import parse_certificate
from certwright.pki.errors import PKIError
from certwright.pki.keys import public_key_of_private
from certwright.plan.target_secret import FIELD_MANAGER, owned_fields
from certwright.plan.world import OwnedFields, SecretFacts

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
        owned=_owned(secret),
    )


def _owned(secret: Secret) -> OwnedFields:
    ours = [
        (entry.manager, entry.fields_v1)
        for entry in secret.metadata.managed_fields or ()
        if entry.manager == FIELD_MANAGER
    ]
    return owned_fields([(manager, fields) for manager, fields in ours if fields is not None])


def _formats_current(data: dict[str, bytes]) -> frozenset[str]:
    key, certificate = data.get("tls.key", b""), data.get("tls.crt", b"")
    current = set()
    if "tls-combined.pem" in data and data["tls-combined.pem"] == key + b"\n" + certificate:
        current.add("tls-combined.pem")
    if "key.der" in data and data["key.der"] == _der(key):
        current.add("key.der")
    return frozenset(current)


def _der(pem: bytes) -> bytes:
    body = b"".join(line for line in pem.splitlines() if line and not line.startswith(b"-----"))
    try:
        return base64.b64decode(body)
    except ValueError:
        return b""
