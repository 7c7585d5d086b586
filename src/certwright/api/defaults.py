"""Values that apply where a field is unset, and limits of the API. Never written into a stored object."""

from datetime import timedelta
from typing import Final

from certwright.api.meta import ACME_GROUP, CERT_MANAGER_GROUP

GROUP: Final = CERT_MANAGER_GROUP
GROUP_ACME: Final = ACME_GROUP
ISSUER_KIND: Final = "Issuer"
CLUSTER_ISSUER_KIND: Final = "ClusterIssuer"

DEFAULT_DURATION: Final = timedelta(days=90)
MINIMUM_DURATION: Final = timedelta(hours=1)
MINIMUM_RENEW_BEFORE: Final = timedelta(minutes=5)

RSA: Final = "RSA"
ECDSA: Final = "ECDSA"
ED25519: Final = "Ed25519"
ML_DSA: Final = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
DEFAULT_ALGORITHM: Final = RSA
DEFAULT_RSA_SIZE: Final = 2048
DEFAULT_ECDSA_SIZE: Final = 256
DEFAULT_ENCODING: Final = "PKCS1"
DEFAULT_ROTATION_POLICY: Final = "Always"
DEFAULT_REVISION_HISTORY_LIMIT: Final = 1
DEFAULT_USAGES: Final = ("digital signature", "key encipherment")
DEFAULT_KEYSTORE_ALIAS: Final = "certificate"
DEFAULT_PKCS12_PROFILE: Final = "LegacyRC2"

VAULT_TOKEN_KEY: Final = "token"  # noqa: S105 - the name of a data key
VAULT_KUBERNETES_PATH: Final = "/v1/auth/kubernetes"
VAULT_CLIENT_CERTIFICATE_PATH: Final = "/v1/auth/cert"
