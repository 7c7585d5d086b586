"""A Certificate's world put together from objects that were read live. It reads nothing itself.

The controllers keep indexes for this (`controllers.certificates`); here are whole lists, read once.
"""

from collections.abc import Iterable

from certwright.api import annotations as ann
from certwright.api.certmanager import Certificate, CertificateRequest
from certwright.api.meta import controlled_by
from certwright.controllers.certificates import owner_index
from certwright.plan.world import CertificateWorld, KeystorePassword, SecretFacts


def assemble(
    certificate: Certificate,
    secret: SecretFacts | None,
    *,
    requests: Iterable[CertificateRequest],
    labelled: Iterable[SecretFacts],
    siblings: Iterable[Certificate],
    signs: bool,
    passwords: Iterable[KeystorePassword] = (),
) -> CertificateWorld:
    """The world of a Certificate, from the requests, labelled Secrets and Certificates of its namespace.

    `secret` is its target Secret; `signs` says whether an issuer of this process would sign at once,
    `passwords` what was seen of those of its keystores.
    """
    uid, name = certificate.metadata.uid, certificate.spec.secret_name
    return CertificateWorld(
        certificate=certificate,
        secret=secret,
        requests=tuple(request for request in requests if uid in owner_index(request)),
        next_keys=tuple(
            each
            for each in labelled
            if each.metadata.labels.get(ann.NEXT_PRIVATE_KEY) == "true" and controlled_by(each.metadata, uid)
        ),
        rivals=tuple(c for c in siblings if c.spec.secret_name == name and c.metadata.uid != uid),
        signs_in_process=signs,
        passwords=tuple(passwords),
    )
