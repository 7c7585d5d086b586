"""Certificates in any order made into one chain and its CA; not path validation: no clock, no trust, no
names.

The split is what lands in tls.crt and ca.crt: leaf first, a self-signed root only as the CA, and the topmost
certificate as the CA as well where no root is known.
"""

from collections.abc import Sequence

from msgspec import Struct

from certwright.pki import pem, x509
from certwright.pki.errors import ChainError
from certwright.pki.x509 import X509

MAX_CERTIFICATES = 1000

# Certificates with one name and many keys could ask for a million verifications; real chains need one or
# two each.
_MAX_VERIFICATIONS = 5 * MAX_CERTIFICATES


class Bundle(Struct, frozen=True, gc=False):
    """A chain, leaf first, and at most one CA certificate, both PEM; `ca_pem` may be empty."""

    chain_pem: bytes
    ca_pem: bytes


def build_chain(*certificates_pem: bytes) -> Bundle:
    """Order the certificates of all arguments into one linear chain.

    Byte-equal duplicates count once. Raises `CertificateDecodeError`, or `ChainError` for a gap, a branch,
    a stray certificate, or more than 1000 of them.
    """
    limit = pem.limits().chain
    return bundle_of([found for data in certificates_pem for found in x509.read_pem(data, limit)])


def bundle_of(certificates: Sequence[X509]) -> Bundle:
    """`build_chain` for certificates already taken apart."""
    chain = linear_chain(certificates)
    root = chain[-1]
    ca_pem = x509.to_pem(root)
    if len(chain) == 1:
        return Bundle(ca_pem, ca_pem if root.is_self_signed else b"")
    return Bundle(x509.to_pem(chain[0]) + above_leaf(chain[1:]), ca_pem)


def above_leaf(ordered: Sequence[X509]) -> bytes:
    """What is shown of the certificates above a leaf: those not self-signed, be they one root or several."""
    return b"".join(x509.to_pem(certificate) for certificate in ordered if not certificate.is_self_signed)


def linear_chain(certificates: Sequence[X509]) -> list[X509]:
    """The certificates from leaf to top, each signed by the next.

    Raises `ChainError` unless all fit into one chain.

    Pieces are joined greedily from the end of the list sorted by DER: with cross-signed certificates of one
    key, the order of joining decides whether a chain is found, and it should not decide differently here
    than elsewhere.
    """
    unique = {certificate.der: certificate for certificate in certificates}
    if len(unique) > MAX_CERTIFICATES:
        raise ChainError(f"a chain may have at most {MAX_CERTIFICATES} certificates")
    if not unique:
        raise ChainError("a chain needs at least one certificate")
    verifier = _Verifier()
    pieces = [[unique[content]] for content in sorted(unique)]
    while len(pieces) > 1:
        last = pieces.pop()
        for position, piece in enumerate(pieces):
            if verifier.signed(piece[-1], last[0]):
                pieces[position] = piece + last
                break
            if verifier.signed(last[-1], piece[0]):
                pieces[position] = last + piece
                break
        else:
            raise ChainError(
                "the certificates do not form one chain: one is missing or does not belong to it"
            )
    return pieces[0]


class _Verifier:
    """Who signed whom, by name first and by signature then, with a limit on the number of signatures
    tried.
    """

    def __init__(self) -> None:
        self._tried = 0

    def signed(self, child: X509, parent: X509) -> bool:
        if child.issuer != parent.subject:
            return False
        self._tried += 1
        if self._tried > _MAX_VERIFICATIONS:
            raise ChainError("too many certificates of the same name")
        return child.is_signed_by(parent)
