"""The data of a target Secret: key, chain, CA and the further formats a spec asks for; not its labels
or type.
"""

from certwright.api import annotations
from certwright.api.certmanager import CertificateSpec
from certwright.pki import pem
from certwright.pki.errors import KeyDecodeError, KeystoreUnsupportedError, TemplateError

_DER = "DER"
_COMBINED_PEM = "CombinedPEM"


def target_data(private_pem: bytes, chain: bytes, ca: bytes, spec: CertificateSpec) -> dict[str, bytes]:
    """Entries of the Secret for a key, a chain and a CA (may be empty), all PEM and stored as they are.

    `private_pem` is already in the encoding the spec asks for (`keys.encode`). Raises `TemplateError` for
    an unknown additional output format, `KeyDecodeError` if the key is no PEM, and
    `KeystoreUnsupportedError` if a keystore is to be created.
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
    data.update(_keystores(spec))
    return data


def key_der(private_pem: bytes) -> bytes:
    """What the PEM of a key encloses, in whichever encoding that is; raises `KeyDecodeError`."""
    block = pem.first(private_pem, pem.limits().private_key, KeyDecodeError)
    if block is None:
        raise KeyDecodeError("no PEM block found in the private key")
    return block.content


def combined_pem(private_pem: bytes, chain: bytes) -> bytes:
    """Key and chain in one file, with an empty line between them."""
    return private_pem + b"\n" + chain


def _keystores(spec: CertificateSpec) -> dict[str, bytes]:
    """Entries for spec.keystores: none yet, so asking for one is refused by name."""
    wanted = spec.keystores
    for name in ("jks", "pkcs12"):
        keystore = getattr(wanted, name, None)
        if keystore is not None and keystore.create:
            raise KeystoreUnsupportedError(f"spec.keystores.{name} is not supported yet")
    return {}
