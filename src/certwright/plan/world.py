"""What a plan may look at: immutable observations, gathered by the shell. No behaviour beyond look-ups."""

from datetime import datetime, timedelta

from msgspec import Struct

from certwright.api.certmanager import Certificate, CertificateRequest, Issuer
from certwright.api.meta import ObjectMeta
from certwright.api.outcomes import Checked
from certwright.pki.certificate import CertificateFacts
from certwright.pki.keys import PublicKey


class OwnedFields(Struct, frozen=True, gc=False):
    """What our field manager owns of a Secret, read from metadata.managedFields.

    `pair_writers` are the other managers that own tls.crt or tls.key, `others` all other managers; sorted.
    `error` says why none of it could be read.
    """

    labels: frozenset[str] = frozenset()
    annotations: frozenset[str] = frozenset()
    data: frozenset[str] = frozenset()
    owner_uids: frozenset[str] = frozenset()
    pair_writers: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    error: str = ""


class SecretFacts(Struct, frozen=True):
    """A Secret without its bytes: what the checks need to know of it, and no private key.

    `digests` maps each data key to the SHA-256 of its value (empty bytes for an empty value).
    `formats_current` tells for key.der and tls-combined.pem whether they match tls.key and tls.crt.
    """

    metadata: ObjectMeta
    type: str = ""
    digests: dict[str, bytes] = {}
    key: PublicKey | None = None
    key_error: str = ""
    certificate: CertificateFacts | None = None
    certificate_error: str = ""
    formats_current: frozenset[str] = frozenset()
    owned: OwnedFields = OwnedFields()

    def filled(self, key: str) -> bool:
        """Whether the data key is there and not empty."""
        return bool(self.digests.get(key))

    @property
    def serves(self) -> bool:
        """Whether it holds a certificate together with its key, whatever they are worth."""
        if self.key is None or self.certificate is None:
            return False
        return self.key.spki_sha256 == self.certificate.public_key.spki_sha256


class HeldKey(Struct, frozen=True):
    """A private key that this process holds in memory for a Certificate; the bytes are elsewhere."""

    name: str
    public: PublicKey


class KeystorePassword(Struct, frozen=True):
    """A Secret that a keystore ("jks" or "pkcs12") names for its password, and what was seen of it.

    `usable` says that the Secret exists and has text that is not empty under the key.
    """

    keystore: str
    exists: bool
    usable: bool


class Recent(Struct, frozen=True):
    """What this process itself did for a Certificate not long ago: when it made requests, and for which
    generation and when it repaired the Secret. Empty after a restart.
    """

    requests: tuple[datetime, ...] = ()
    repairs: tuple[tuple[int, datetime], ...] = ()


class Policy(Struct, frozen=True):
    """Settings of the controllers that change decisions (upstream's flags and gates of the same meaning).

    `inactive` names the controllers that are switched off, as `--controllers` does. `literal_subject`,
    `name_constraints` and `other_names` tell whether the fields of these names count;
    `stable_request_names` and `request_basic_constraints` are the gates StableCertificateRequestName and
    UseCertificateRequestBasicConstraints.
    Beyond upstream: `requests_per_hour` and `repairs_per_hour` bound what is done for one Certificate (0: not
    at all), `renewal_spread` is the part of the time up to its renewal that a certificate may give away.
    """

    minimum_backoff: timedelta = timedelta(hours=1)
    maximum_backoff: timedelta = timedelta(hours=32)
    copied_annotation_prefixes: tuple[str, ...] = (
        "*",
        "-kubectl.kubernetes.io/",
        "-fluxcd.io/",
        "-argocd.argoproj.io/",
    )
    owner_references: bool = False
    approve: bool = True
    inactive: frozenset[str] = frozenset()
    server_side_apply: bool = False
    stable_request_names: bool = True
    request_basic_constraints: bool = False
    literal_subject: bool = True
    name_constraints: bool = True
    other_names: bool = True
    requests_per_hour: int = 20
    repairs_per_hour: int = 10
    renewal_spread: float = 0.05

    def runs(self, controller: str) -> bool:
        """Whether the controller of this name is on."""
        return controller not in self.inactive


class CertificateWorld(Struct, frozen=True):
    """Everything `plan_certificate` may look at.

    `requests` and `next_keys` are those whose controller owner is this Certificate, by uid.
    `rivals` are the other Certificates of the namespace with the same spec.secretName.
    `signs_in_process` says that an issuer of this process, ready now, will sign the request at once.
    `passwords` are those that were looked at, because they were not there when they were needed.
    """

    certificate: Certificate
    secret: SecretFacts | None = None
    requests: tuple[CertificateRequest, ...] = ()
    next_keys: tuple[SecretFacts, ...] = ()
    held_key: HeldKey | None = None
    rivals: tuple[Certificate, ...] = ()
    signs_in_process: bool = False
    passwords: tuple[KeystorePassword, ...] = ()
    recent: Recent = Recent()

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name of the Certificate."""
        return self.certificate.metadata.namespace or "", self.certificate.metadata.name


class RequestWorld(Struct, frozen=True):
    """Everything `plan_request` may look at.

    `issuer` is None when it does not exist, or is of a kind that is not served here. `approval_refused` says
    that a write with our approval in it was forbidden: the approval is then tried alone, so that nothing is
    signed in vain, and nothing else is taken for the reason. Until `held_until` no approval is tried, because
    others of the same signer have none; `refusal` is what was said to them, if anything.
    """

    request: CertificateRequest
    issuer: Issuer | None = None
    issuer_kind: str = "Issuer"
    kind_served: bool = True
    approval_refused: bool = False
    held_until: datetime | None = None
    refusal: str = ""


class IssuerWorld(Struct, frozen=True):
    """Everything `plan_issuer` may look at: the issuer, and what checking it has shown."""

    issuer: Issuer
    checked: Checked
    kind: str = "Issuer"
