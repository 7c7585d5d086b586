"""Keys of annotations, labels and Secret data, and field managers: names that are contract. No logic."""

# ruff: noqa: S105 - names with "secret" in them, no secrets

from typing import Final

# Labels on Secrets.
PART_OF: Final = "controller.cert-manager.io/fao"
"""Label, value `true`, on every Secret the certificate controllers write; Secrets are watched by it."""
NEXT_PRIVATE_KEY: Final = "cert-manager.io/next-private-key"
"""Label, value `true`, on the Secret that holds the key of an issuance in progress."""

# Annotations on target Secrets and CertificateRequests.
CERTIFICATE_NAME: Final = "cert-manager.io/certificate-name"
ISSUER_NAME: Final = "cert-manager.io/issuer-name"
ISSUER_KIND: Final = "cert-manager.io/issuer-kind"
ISSUER_GROUP: Final = "cert-manager.io/issuer-group"
REVISION: Final = "cert-manager.io/certificate-revision"
PRIVATE_KEY_SECRET_NAME: Final = "cert-manager.io/private-key-secret-name"

# Annotations on target Secrets that repeat what the stored certificate says.
COMMON_NAME: Final = "cert-manager.io/common-name"
ALT_NAMES: Final = "cert-manager.io/alt-names"
IP_SANS: Final = "cert-manager.io/ip-sans"
URI_SANS: Final = "cert-manager.io/uri-sans"
EMAIL_SANS: Final = "cert-manager.io/email-sans"
SUBJECT_ORGANIZATIONS: Final = "cert-manager.io/subject-organizations"
SUBJECT_ORGANIZATIONAL_UNITS: Final = "cert-manager.io/subject-organizationalunits"
SUBJECT_COUNTRIES: Final = "cert-manager.io/subject-countries"
SUBJECT_PROVINCES: Final = "cert-manager.io/subject-provinces"
SUBJECT_LOCALITIES: Final = "cert-manager.io/subject-localities"
SUBJECT_POSTAL_CODES: Final = "cert-manager.io/subject-postalcodes"
SUBJECT_STREET_ADDRESSES: Final = "cert-manager.io/subject-streetaddresses"
SUBJECT_SERIAL_NUMBER: Final = "cert-manager.io/subject-serialnumber"

# Annotations that people set.
ISSUE_TEMPORARY_CERTIFICATE: Final = "cert-manager.io/issue-temporary-certificate"
"""On a Certificate, `true`: store a self-signed certificate until the real one is there."""
ALLOW_DIRECT_INJECTION: Final = "cert-manager.io/allow-direct-injection"
"""On a Secret, `true`: its CA may be injected by `inject-ca-from-secret`."""
INJECT_CA_FROM: Final = "cert-manager.io/inject-ca-from"
INJECT_CA_FROM_SECRET: Final = "cert-manager.io/inject-ca-from-secret"
INJECT_APISERVER_CA: Final = "cert-manager.io/inject-apiserver-ca"
VENAFI_CUSTOM_FIELDS: Final = "venafi.cert-manager.io/custom-fields"
VENAFI_PICKUP_ID: Final = "venafi.cert-manager.io/pickup-id"

# Our own, beyond upstream's.
RENEWAL_SPREAD: Final = "certwright.dev/renewal-spread"
"""On a Certificate: `off`, or how much earlier than it must it may be renewed, such as `10%`."""
REQUESTS_PER_HOUR: Final = "certwright.dev/requests-per-hour"
"""On a Certificate: how many requests may be made for it within an hour; `0` for any number."""
RECENT_REQUESTS: Final = "certwright.dev/recent-requests"
"""On a CertificateRequest: when requests before this one were made for the same Certificate."""

# Annotations on Ingresses and Gateways that become fields of a Certificate.
SHIM_ISSUER: Final = "cert-manager.io/issuer"
SHIM_CLUSTER_ISSUER: Final = "cert-manager.io/cluster-issuer"
SHIM_DURATION: Final = "cert-manager.io/duration"
SHIM_RENEW_BEFORE: Final = "cert-manager.io/renew-before"
SHIM_RENEW_BEFORE_PERCENTAGE: Final = "cert-manager.io/renew-before-percentage"
SHIM_USAGES: Final = "cert-manager.io/usages"
SHIM_REVISION_HISTORY_LIMIT: Final = "cert-manager.io/revision-history-limit"
SHIM_PRIVATE_KEY_ALGORITHM: Final = "cert-manager.io/private-key-algorithm"
SHIM_PRIVATE_KEY_ENCODING: Final = "cert-manager.io/private-key-encoding"
SHIM_PRIVATE_KEY_SIZE: Final = "cert-manager.io/private-key-size"
SHIM_PRIVATE_KEY_ROTATION_POLICY: Final = "cert-manager.io/private-key-rotation-policy"
SHIM_SECRET_TEMPLATE: Final = "cert-manager.io/secret-template"
SHIM_IGNORE_TLS_LISTENERS: Final = "cert-manager.io/ignore-tls-listeners"

# Keys of the target Secret's data.
TLS_CRT: Final = "tls.crt"
TLS_KEY: Final = "tls.key"
CA_CRT: Final = "ca.crt"
KEY_DER: Final = "key.der"
TLS_COMBINED: Final = "tls-combined.pem"
KEYSTORE_JKS: Final = "keystore.jks"
TRUSTSTORE_JKS: Final = "truststore.jks"
KEYSTORE_PKCS12: Final = "keystore.p12"
TRUSTSTORE_PKCS12: Final = "truststore.p12"
TLS_SECRET_TYPE: Final = "kubernetes.io/tls"

# Field managers. Checks read metadata.managedFields, so these are contract too.
TARGET_SECRET_MANAGER: Final = "cert-manager-certificates-issuing"
