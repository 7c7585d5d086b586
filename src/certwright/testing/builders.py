"""Builders of objects for tests: what matters is an argument, the rest has a sensible value. No I/O."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from certwright.api.certmanager import (
    CAIssuer,
    Certificate,
    CertificateSpec,
    ClusterIssuer,
    Issuer,
    IssuerRef,
    IssuerSpec,
    PrivateKey,
    SelfSignedIssuer,
)
from certwright.api.foreign import Secret
from certwright.api.meta import ManagedObjectMeta, ObjectMeta
from certwright.pki import csr, keys, sign

ECDSA = PrivateKey(algorithm="ECDSA")


def certificate(name: str, issuer: str | IssuerRef = "ca", **spec: Any) -> Certificate:
    """A Certificate of `name`.example with a P-256 key, stored in `name`-tls, signed by Issuer `issuer`.

    `spec` are further fields of the spec, or others in place of these; `labels` and `annotations` go into
    the metadata.
    """
    metadata = ObjectMeta(name=name, labels=spec.pop("labels", {}), annotations=spec.pop("annotations", {}))
    ref = IssuerRef(name=issuer) if isinstance(issuer, str) else issuer
    usual: dict[str, Any] = {
        "secret_name": f"{name}-tls",
        "dns_names": [f"{name}.example"],
        "private_key": ECDSA,
        "issuer_ref": ref,
    }
    return Certificate(metadata=metadata, spec=CertificateSpec(**(usual | spec)))


def ca_issuer(name: str = "ca", secret: str | None = None, **spec: Any) -> Issuer:
    """An Issuer that signs with the key pair of a Secret, by default one of the same name."""
    return Issuer(
        metadata=ObjectMeta(name=name), spec=IssuerSpec(ca=CAIssuer(secret_name=secret or name, **spec))
    )


def self_signed_issuer(name: str = "self-signed") -> Issuer:
    """An Issuer whose certificates sign themselves."""
    return Issuer(metadata=ObjectMeta(name=name), spec=IssuerSpec(self_signed=SelfSignedIssuer()))


def cluster_issuer(issuer: Issuer) -> ClusterIssuer:
    """The ClusterIssuer that is configured like an Issuer."""
    return ClusterIssuer(metadata=issuer.metadata, spec=issuer.spec)


def ca_secret(name: str = "ca", generation: int = 1) -> Secret:
    """A Secret with a self-signed CA (P-256, ten years); another `generation` gives another key pair.

    The CA of a name and a generation is the same within a process: making keys takes time.
    """
    return tls_secret(name, *_authority(name, generation))


def authority(
    common_name: str, start: datetime, duration: timedelta, parent: sign.SigningCA | None = None
) -> tuple[bytes, bytes]:
    """A CA (P-256), signed by itself or by `parent`: its certificate with those above, and its key (PEM)."""
    key = keys.generate("ECDSA", 256)
    spec = CertificateSpec(
        common_name=common_name,
        secret_name="none",  # noqa: S106
        issuer_ref=IssuerRef(name="none"),
        is_ca=True,
        private_key=ECDSA,
    )
    request = csr.build_request(spec, key)
    if parent is None:
        bundle = sign.self_sign(request, key, usages=None, is_ca=True, duration=duration, now=start)
        return bundle.chain_pem, key
    bundle = sign.sign_request(request, ca=parent, usages=None, is_ca=True, duration=duration, now=start)
    return bundle.chain_pem + bundle.ca_pem, key


def tls_secret(name: str, chain: bytes, key: bytes) -> Secret:
    """A Secret of type kubernetes.io/tls."""
    return Secret(
        metadata=ManagedObjectMeta(name=name),
        type="kubernetes.io/tls",
        data={"tls.crt": chain, "tls.key": key},
    )


@lru_cache(maxsize=64)
def _authority(name: str, generation: int) -> tuple[bytes, bytes]:
    start = datetime.now(UTC) - timedelta(days=1)
    return authority(f"{name} {generation}", start, timedelta(days=3650))
