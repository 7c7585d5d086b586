"""Certificate (cert-manager.io/v1): what is wanted, and how far it is. Rules across fields are not here."""

# ruff: noqa: RUF012 - msgspec copies empty defaults

from datetime import datetime
from typing import Annotated, Final

from msgspec import field

from certwright.api.conditions import ObservedCondition
from certwright.api.defaults import ML_DSA
from certwright.api.meta import ObjectMeta
from certwright.api.references import IssuerRef, SecretKeySelector
from certwright.api.wire import Wire, doc

USAGES: Final = (
    "signing",
    "digital signature",
    "content commitment",
    "key encipherment",
    "key agreement",
    "data encipherment",
    "cert sign",
    "crl sign",
    "encipher only",
    "decipher only",
    "any",
    "server auth",
    "client auth",
    "code signing",
    "email protection",
    "s/mime",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "timestamping",
    "ocsp signing",
    "microsoft sgc",
    "netscape sgc",
)
"""Names of X.509 key usages and extended key usages (RFC 5280, sections 4.2.1.3 and 4.2.1.12)."""

KEY_ALGORITHMS: Final = ("RSA", "ECDSA", "Ed25519", *ML_DSA)
"""Algorithms of private keys; those of ML-DSA (FIPS 204) are beyond cert-manager's."""

SIGNATURE_ALGORITHMS: Final = (
    "SHA256WithRSA",
    "SHA384WithRSA",
    "SHA512WithRSA",
    "ECDSAWithSHA256",
    "ECDSAWithSHA384",
    "ECDSAWithSHA512",
    "PureEd25519",
)

Usage = Annotated[str, doc("A key usage or an extended key usage.", enum=USAGES)]


class Subject(Wire, frozen=True, kw_only=True):
    """Parts of the distinguished name besides the common name; each list may hold several values."""

    organizations: Annotated[list[str], doc("Organizations (O).")] = []
    countries: Annotated[list[str], doc("Countries as two-letter codes (C).")] = []
    organizational_units: Annotated[list[str], doc("Organizational units (OU).")] = []
    localities: Annotated[list[str], doc("Cities or other localities (L).")] = []
    provinces: Annotated[list[str], doc("States or provinces (ST).")] = []
    street_addresses: Annotated[list[str], doc("Street addresses (STREET).")] = []
    postal_codes: Annotated[list[str], doc("Postal codes.")] = []
    serial_number: Annotated[
        str,
        doc("Serial number of the subject, such as a company register number. Not that of the certificate."),
    ] = ""


class RenewalWindow(Wire, frozen=True, kw_only=True):
    """A recurring span of time in which renewal may start."""

    cron: Annotated[
        str,
        doc(
            "When the window opens: a cron expression of five fields, or a descriptor as @daily.",
            min_length=1,
        ),
    ]
    timezone: Annotated[
        str,
        doc("IANA time zone in which `cron` is read, such as Europe/Vienna.", min_length=1, unset="UTC"),
    ] = ""
    window_duration: Annotated[
        str,
        doc(
            "How long the window stays open, in hours, minutes and seconds, such as 2h or 1h30m.",
            pattern=r"^([0-9]+(\.[0-9]+)?(s|m|h))+$",
        ),
    ]


class Renewal(Wire, frozen=True, kw_only=True):
    """Whether and when renewal may start."""

    policy: Annotated[
        str,
        doc(
            "RenewBefore renews ahead of expiry, as renewBefore or renewBeforePercentage say. "
            "Disabled never renews because of age.",
            enum=["RenewBefore", "Disabled"],
        ),
    ] = ""
    windows: Annotated[
        list[RenewalWindow],
        doc("Times at which renewal may start. It waits for the next window that opens in time."),
    ] = []


class SecretTemplate(Wire, frozen=True, kw_only=True):
    """Labels and annotations for the target Secret."""

    annotations: Annotated[dict[str, str], doc("Annotations to put on the target Secret.")] = {}
    labels: Annotated[dict[str, str], doc("Labels to put on the target Secret.")] = {}


class JKSKeystore(Wire, frozen=True, kw_only=True):
    """A Java keystore."""

    create: Annotated[
        bool,
        doc(
            "Whether to store `keystore.jks` with key and certificate, and `truststore.jks` with the CA "
            "where the issuer returns one. Both are encrypted with the password."
        ),
    ]
    alias: Annotated[str, doc("Name of the entry for the private key.", unset="certificate")] = ""
    password_secret_ref: Annotated[
        SecretKeySelector | None,
        doc("Where the password is kept. Exactly one of this and `password` must be set."),
    ] = None
    password: Annotated[
        str | None,
        doc(
            "The password itself, for tools that insist on one that is no secret. Excludes passwordSecretRef."
        ),
    ] = None


class PKCS12Keystore(Wire, frozen=True, kw_only=True):
    """A PKCS#12 keystore."""

    create: Annotated[
        bool,
        doc(
            "Whether to store `keystore.p12` with key and certificate, and `truststore.p12` with the CA "
            "where the issuer returns one. Both are encrypted with the password."
        ),
    ]
    profile: Annotated[
        str,
        doc(
            "Which ciphers and digests protect the keystore. The Legacy profiles are weak, but old "
            "software reads them; the Modern ones need OpenSSL 3 or a Java of their year.",
            enum=["LegacyRC2", "LegacyDES", "Modern2023", "Modern2026"],
            unset="LegacyRC2",
        ),
    ] = ""
    password_secret_ref: Annotated[
        SecretKeySelector | None,
        doc("Where the password is kept. Exactly one of this and `password` must be set."),
    ] = None
    password: Annotated[
        str | None,
        doc(
            "The password itself, for tools that insist on one that is no secret. Excludes passwordSecretRef."
        ),
    ] = None


class Keystores(Wire, frozen=True, kw_only=True):
    """Further files in the target Secret, for software that reads neither PEM nor DER."""

    jks: Annotated[JKSKeystore | None, doc("A Java keystore with key and certificate.")] = None
    pkcs12: Annotated[PKCS12Keystore | None, doc("A PKCS#12 file with key and certificate.")] = None


class PrivateKey(Wire, frozen=True, kw_only=True):
    """What kind of private key is made, how it is written, and when it is replaced."""

    rotation_policy: Annotated[
        str,
        doc(
            "Always makes a new key for each issuance. Never keeps the key that is there, and asks for help "
            "when that key does not suit the spec.",
            enum=["Never", "Always"],
            unset="Always",
        ),
    ] = ""
    encoding: Annotated[
        str,
        doc(
            "How the key is written in the target Secret. PKCS1 means the format named after the algorithm; "
            "Ed25519 and ML-DSA keys are always PKCS8.",
            enum=["PKCS1", "PKCS8"],
            unset="PKCS1",
        ),
    ] = ""
    algorithm: Annotated[
        str,
        doc(
            "Algorithm of the key. Those of ML-DSA are post-quantum; definitions installed from cert-manager "
            "refuse them.",
            enum=KEY_ALGORITHMS,
            unset="RSA",
        ),
    ] = ""
    size: Annotated[
        int,
        doc(
            "Size of the key in bits: 2048 to 8192 for RSA; 256, 384 or 521 for ECDSA; not used for Ed25519 "
            "and ML-DSA.",
            unset="2048 for RSA, 256 for ECDSA",
        ),
    ] = 0


class AdditionalOutputFormat(Wire, frozen=True, kw_only=True):
    """One more way in which key or certificate are stored."""

    type: Annotated[
        str,
        doc(
            "DER stores the private key in binary as `key.der`. "
            "CombinedPEM stores key and chain in one file as `tls-combined.pem`.",
            enum=["DER", "CombinedPEM"],
        ),
    ]


class OtherName(Wire, frozen=True, kw_only=True):
    """A subject alternative name of a type of its own (RFC 5280, otherName)."""

    oid: Annotated[str, doc("Object identifier of the name's type, as dotted numbers.")] = ""
    utf8_value: Annotated[str, doc("The name; it is encoded as an ASN.1 UTF8String.")] = field(
        default="", name="utf8Value"
    )


class NameConstraintItem(Wire, frozen=True, kw_only=True):
    """Subtrees of names, by the type of the name."""

    dns_domains: Annotated[list[str], doc("DNS domains; each covers its subdomains too.")] = []
    ip_ranges: Annotated[list[str], doc("IP ranges in CIDR notation.")] = []
    email_addresses: Annotated[
        list[str], doc("Mail addresses, or domains that stand for all addresses in them.")
    ] = []
    uri_domains: Annotated[list[str], doc("Domains of the hosts in URIs.")] = []


class NameConstraints(Wire, frozen=True, kw_only=True):
    """Which names the certificates below this CA may have (RFC 5280, section 4.2.1.10)."""

    critical: Annotated[bool, doc("Whether software that does not understand the extension must refuse.")] = (
        False
    )
    permitted: Annotated[NameConstraintItem | None, doc("Only names within these subtrees are allowed.")] = (
        None
    )
    excluded: Annotated[
        NameConstraintItem | None,
        doc("Names within these subtrees are not allowed, even if `permitted` has them."),
    ] = None


class CertificateSpec(Wire, frozen=True, kw_only=True):
    """What certificate is wanted, from whom, and where it goes."""

    subject: Annotated[
        Subject | None,
        doc("Parts of the distinguished name besides the common name. Excludes literalSubject."),
    ] = None
    literal_subject: Annotated[
        str,
        doc(
            "The whole distinguished name as text (RFC 4514), where the order of its parts matters. "
            "Excludes subject and commonName."
        ),
    ] = ""
    common_name: Annotated[
        str,
        doc(
            "Common name of the subject, at most 64 characters. TLS clients look at dnsNames instead, "
            "so it need not be set."
        ),
    ] = ""
    duration: Annotated[
        str,
        doc(
            "How long the certificate is to be valid, in hours, minutes and seconds, such as 2160h; at least "
            "1h. The issuer may decide otherwise.",
            unset="2160h",
        ),
    ] = ""
    renew_before: Annotated[
        str,
        doc(
            "How long before expiry renewal starts; at least 5m and less than the lifetime. "
            "Excludes renewBeforePercentage.",
            unset="a third of the lifetime",
        ),
    ] = ""
    renew_before_percentage: Annotated[
        int | None,
        doc(
            "How much of the lifetime, in percent, is left when renewal starts: 25 renews after three "
            "quarters. Excludes renewBefore.",
            format="int32",
        ),
    ] = None
    renewal: Annotated[Renewal | None, doc("Whether and in which time windows renewal may start.")] = None
    dns_names: Annotated[list[str], doc("DNS names to be valid for; wildcards as *.example.com.")] = []
    ip_addresses: Annotated[list[str], doc("IP addresses to be valid for.")] = []
    uris: Annotated[list[str], doc("URIs to be valid for.")] = []
    other_names: Annotated[
        list[OtherName] | None, doc("Names of other types, such as a user principal name.")
    ] = None
    email_addresses: Annotated[list[str], doc("Mail addresses to be valid for, without a display name.")] = []
    secret_name: Annotated[
        str,
        doc(
            "The Secret in the same namespace that gets key and certificate. It is created if missing, "
            "and stays when the Certificate is deleted, unless the controller sets owner references."
        ),
    ]
    secret_template: Annotated[
        SecretTemplate | None,
        doc("Labels and annotations for the target Secret, kept in step with this field."),
    ] = None
    keystores: Annotated[Keystores | None, doc("Further keystore files to put into the target Secret.")] = (
        None
    )
    issuer_ref: Annotated[IssuerRef, doc("Who signs the certificate.")]
    is_ca: Annotated[bool, doc("Whether the certificate may sign others. Adds the usage `cert sign`.")] = (
        False
    )
    usages: Annotated[
        list[Usage] | None,
        doc(
            "What the key may be used for.",
            unset="digital signature, and unless the key is an ML-DSA key, key encipherment",
        ),
    ] = None
    private_key: Annotated[
        PrivateKey | None,
        doc("What kind of private key is made, how it is written, and when it is replaced."),
    ] = None
    signature_algorithm: Annotated[
        str,
        doc(
            "How the signing request is signed; it must suit the algorithm of the key, and has no value for "
            "ML-DSA keys, which sign in one way only. The issuer chooses the signature of the certificate "
            "itself.",
            enum=SIGNATURE_ALGORITHMS,
            unset="chosen by the key",
        ),
    ] = ""
    encode_usages_in_request: Annotated[
        bool | None, doc("Whether the signing request itself lists the usages.", unset="true")
    ] = None
    revision_history_limit: Annotated[
        int | None,
        doc("How many CertificateRequests of past issuances to keep; at least 1.", format="int32", unset="1"),
    ] = None
    additional_output_formats: Annotated[
        list[AdditionalOutputFormat], doc("Further forms of key and certificate in the target Secret.")
    ] = []
    name_constraints: Annotated[
        NameConstraints | None, doc("Which names certificates below this one may have. Only with isCA.")
    ] = None


class CertificateCondition(ObservedCondition, frozen=True, kw_only=True):
    """One observation about a Certificate; the types are Ready and Issuing."""


class ARIWindow(Wire, frozen=True, kw_only=True):
    """The span of time in which the ACME server wants the renewal."""

    start: Annotated[datetime, doc("When the window opens.")]
    end: Annotated[datetime, doc("When the window closes.")]


class ARIStatus(Wire, frozen=True, kw_only=True):
    """What the ACME server last said about when to renew (RFC 9773)."""

    suggested_window: Annotated[ARIWindow | None, doc("When the server wants the renewal.")] = None
    explanation_url: Annotated[str, doc("Where the server explains the window.")] = ""
    last_checked: Annotated[datetime | None, doc("When the server was last asked.")] = None
    next_check: Annotated[datetime | None, doc("When the server will be asked again.")] = None
    last_error: Annotated[str, doc("Why the last question failed; empty if it did not.")] = ""


class CertificateACMEStatus(Wire, frozen=True, kw_only=True):
    """What an ACME server said about this certificate."""

    ari: Annotated[ARIStatus | None, doc("The server's renewal information.")] = None


class CertificateStatus(Wire, frozen=True, kw_only=True):
    """How far the Certificate is. Controllers write this."""

    conditions: Annotated[
        list[CertificateCondition],
        doc(
            "Ready tells whether the target Secret holds what the spec asks for. "
            "Issuing is True while a new certificate is being obtained.",
            map_key="type",
        ),
    ] = []
    last_failure_time: Annotated[
        datetime | None, doc("When the last issuance failed; absent after a success.")
    ] = None
    not_before: Annotated[datetime | None, doc("Start of the validity of the stored certificate.")] = None
    not_after: Annotated[datetime | None, doc("End of the validity of the stored certificate.")] = None
    renewal_time: Annotated[datetime | None, doc("When the stored certificate is due for renewal.")] = None
    revision: Annotated[int | None, doc("How many times this Certificate was issued, counting from 1.")] = (
        None
    )
    next_private_key_secret_name: Annotated[
        str, doc("The Secret that holds the private key of the issuance in progress.")
    ] = ""
    failed_issuance_attempts: Annotated[
        int | None,
        doc("How many issuances failed since the last success. The wait before the next grows with it."),
    ] = None
    acme: Annotated[CertificateACMEStatus | None, doc("What an ACME server said about this certificate.")] = (
        None
    )


class Certificate(Wire, frozen=True, kw_only=True):
    """Keeps a signed certificate and its private key in a Secret, and renews it in time."""

    api_version: str = field(default_factory=lambda: "cert-manager.io/v1")
    kind: str = field(default_factory=lambda: "Certificate")
    metadata: ObjectMeta = ObjectMeta()
    spec: Annotated[
        CertificateSpec, doc("What certificate is wanted, from whom, and where it goes.", required=False)
    ]
    status: Annotated[CertificateStatus, doc("How far it is. Controllers write this.")] = CertificateStatus()
