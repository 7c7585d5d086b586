"""The data of a target Secret: key, chain, CA and the further formats a spec asks for; not its labels
or type.
"""

from collections.abc import Mapping

from certwright.api import annotations
from certwright.api.certmanager import CertificateSpec
from certwright.pki import keystores, pem
from certwright.pki.errors import KeyDecodeError, TemplateError
from certwright.pki.keystores import Passwords, Source

_DER = "DER"
_COMBINED_PEM = "CombinedPEM"


def target_data(
    private_pem: bytes,
    chain: bytes,
    ca: bytes,
    spec: CertificateSpec,
    passwords: Passwords,
    source: Source,
    stored: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Entries of the Secret for a key, a chain and a CA (may be empty), all PEM and stored as they are.

    `private_pem` is already in the encoding the spec asks for (`keys.encode`). `stored` is the data of the
    Secret as it is: keystores are taken from there if nothing in them has changed. Raises `TemplateError`
    for an unknown additional output format, `KeyDecodeError` if the key is no PEM, and what
    `keystores.entries` raises.
    """
    data = {annotations.TLS_CRT: chain, annotations.TLS_KEY: private_pem}
    if ca:
        data[annotations.CA_CRT] = ca
    for wanted in spec.additional_output_formats:
        if wanted.type == _DER:
            data[annotations.KEY_DER] = key_der(private_pem)
        elif wanted.type == _COMBINED_PEM:
            data[annotations.TLS_COMBINED] = combined_pem(private_pem, chain)
        else:
            raise TemplateError(f"additional output format {wanted.type!r} is not supported")
    return data | keystores.entries(spec, private_pem, chain, ca, passwords, source, stored)


def key_der(private_pem: bytes) -> bytes:
    """What the PEM of a key encloses, in whichever encoding that is; raises `KeyDecodeError`."""
    block = pem.first(private_pem, pem.limits().private_key, KeyDecodeError)
    if block is None:
        raise KeyDecodeError("no PEM block found in the private key")
    return block.content


def combined_pem(private_pem: bytes, chain: bytes) -> bytes:
    """Key and chain in one file, with an empty line between them."""
    return private_pem + b"\n" + chain
