"""Temporary certificates: a stand-in that serves until the real certificate is there. Nobody trusts it.

Signed by a CA made for it alone; not the decision whether one is wanted.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from certwright.api.certmanager import CertificateSpec, IssuerRef, PrivateKey
from certwright.pki import csr, keys, sign
from certwright.pki.certificate import TEMPORARY_CA

_CA = CertificateSpec(
    common_name=TEMPORARY_CA,
    secret_name="",
    issuer_ref=IssuerRef(name=""),
    is_ca=True,
    private_key=PrivateKey(algorithm="ECDSA", size=521),
)


def temporary_certificate(
    request_pem: bytes, *, usages: Sequence[str] | None, is_ca: bool, duration: timedelta, now: datetime
) -> bytes:
    """A certificate (PEM, without a chain) for a request, by a P-521 CA of its own.

    The arguments are those of the CertificateRequest, so that it has every name and usage that the real one
    is asked to have. Raises `PKIError` for a request that no CA would sign.
    """
    key = keys.generate("ECDSA", 521)
    own = csr.build_request(_CA, key)
    root = sign.self_sign(own, key, usages=None, is_ca=True, duration=duration, now=now)
    ca = sign.read_ca(root.chain_pem, key)
    return sign.sign_request(
        request_pem, ca=ca, usages=usages, is_ca=is_ca, duration=duration, now=now
    ).chain_pem
