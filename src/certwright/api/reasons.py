"""Types and reasons of conditions, as plain words. What sets them is decided elsewhere."""

# ruff: noqa: S105 - names with "secret" in them, no secrets

from typing import Final

# Condition types.
READY: Final = "Ready"
ISSUING: Final = "Issuing"
APPROVED: Final = "Approved"
DENIED: Final = "Denied"
INVALID_REQUEST: Final = "InvalidRequest"
RATE_LIMITED: Final = "RateLimited"
SECRET_CONFLICT: Final = "SecretConflict"

# Reasons of a Certificate's Ready and Issuing conditions.
DOES_NOT_EXIST: Final = "DoesNotExist"
MISSING_DATA: Final = "MissingData"
INVALID_KEY_PAIR: Final = "InvalidKeyPair"
INVALID_CERTIFICATE: Final = "InvalidCertificate"
INVALID_CERTIFICATE_REQUEST: Final = "InvalidCertificateRequest"
INCORRECT_ISSUER: Final = "IncorrectIssuer"
INCORRECT_CERTIFICATE: Final = "IncorrectCertificate"
SECRET_MISMATCH: Final = "SecretMismatch"
REQUEST_CHANGED: Final = "RequestChanged"
RENEWING: Final = "Renewing"
EXPIRED: Final = "Expired"
WINDOW_ERROR: Final = "WindowError"
MANUALLY_TRIGGERED: Final = "ManuallyTriggered"

# Reasons that only the upkeep of a target Secret knows; they never reach a condition.
SECRET_TEMPLATE_MISMATCH: Final = "SecretTemplateMismatch"
SECRET_MANAGED_METADATA_MISMATCH: Final = "SecretManagedMetadataMismatch"
ADDITIONAL_OUTPUT_FORMATS_MISMATCH: Final = "AdditionalOutputFormatsMismatch"
MANAGED_FIELDS_PARSE_ERROR: Final = "ManagedFieldsParseError"
SECRET_OWNER_REF_MISMATCH: Final = "SecretOwnerRefMismatch"

# Reasons of a Certificate's RateLimited and SecretConflict conditions, which are our own.
TOO_MANY_REQUESTS: Final = "TooManyRequests"
DUPLICATE_SECRET_NAME: Final = "DuplicateSecretName"
OUTSIDE_WRITER: Final = "OutsideWriter"

# Reasons of a CertificateRequest's Ready condition.
PENDING: Final = "Pending"
FAILED: Final = "Failed"
ISSUED: Final = "Issued"

# The reason the built-in approver gives.
APPROVED_BY_DEFAULT: Final = "cert-manager.io"
