"""The `vault` part of an issuer (cert-manager.io/v1). Talking to Vault is not done here."""

from typing import Annotated

from msgspec import field

from certwright.api.references import SecretKeySelector, ServiceAccountRef
from certwright.api.wire import Wire, doc


class VaultAppRole(Wire, frozen=True, kw_only=True):
    """Logs in by role id and secret id."""

    path: Annotated[str, doc("Where the AppRole method is mounted, such as approle.")]
    role_id: Annotated[str, doc("The role id.")] = field(name="roleId")
    secret_ref: Annotated[SecretKeySelector, doc("Where the secret id is kept.")]


class VaultClientCertificate(Wire, frozen=True, kw_only=True):
    """Logs in by a TLS client certificate."""

    mount_path: Annotated[
        str, doc("Where the method is mounted, with /v1 in front.", unset="/v1/auth/cert")
    ] = ""
    secret_name: Annotated[
        str,
        doc(
            "Secret with the client certificate in tls.crt and tls.key.", unset="that of clientCertSecretRef"
        ),
    ] = ""
    name: Annotated[
        str, doc("The certificate role to log in as.", unset="the first that the certificate matches")
    ] = ""


class VaultKubernetes(Wire, frozen=True, kw_only=True):
    """Logs in by a service account token; exactly one of secretRef and serviceAccountRef is set."""

    mount_path: Annotated[
        str, doc("Where the method is mounted, with /v1 in front.", unset="/v1/auth/kubernetes")
    ] = ""
    secret_ref: Annotated[
        SecretKeySelector | None,
        doc("Where a long-lived token is kept. `key` defaults to token. Prefer serviceAccountRef."),
    ] = None
    service_account_ref: Annotated[
        ServiceAccountRef | None, doc("The service account to request a short-lived token for.")
    ] = None
    role: Annotated[str, doc("The Vault role to log in as.")]


class VaultAWS(Wire, frozen=True, kw_only=True):
    """Logs in by an AWS identity."""

    role: Annotated[str, doc("The Vault role to log in as.", min_length=1)]
    region: Annotated[
        str, doc("AWS region whose token service signs.", unset="taken from the environment")
    ] = ""
    mount_path: Annotated[
        str, doc("Where the method is mounted, with /v1 in front.", unset="/v1/auth/aws")
    ] = ""
    vault_header_value: Annotated[
        str, doc("Value that Vault expects in X-Vault-AWS-IAM-Server-ID, against replay elsewhere.")
    ] = ""
    iam_role_arn: Annotated[str, doc("ARN of the IAM role to take on. Needed with serviceAccountRef.")] = ""
    service_account_ref: Annotated[
        ServiceAccountRef | None,
        doc("The service account whose token AWS is given.", unset="credentials of the environment"),
    ] = None


class VaultAuth(Wire, frozen=True, kw_only=True):
    """How to log in; one of the members is set."""

    token_secret_ref: Annotated[
        SecretKeySelector | None, doc("Where a Vault token is kept. `key` defaults to token.")
    ] = None
    app_role: Annotated[VaultAppRole | None, doc("Log in by role id and secret id.")] = None
    client_certificate: Annotated[
        VaultClientCertificate | None, doc("Log in by a TLS client certificate.")
    ] = None
    kubernetes: Annotated[VaultKubernetes | None, doc("Log in by a service account token.")] = None
    aws: Annotated[VaultAWS | None, doc("Log in by an AWS identity.")] = None


class VaultIssuer(Wire, frozen=True, kw_only=True):
    """A PKI secrets engine of HashiCorp Vault."""

    auth: Annotated[VaultAuth, doc("How to log in.")]
    server: Annotated[str, doc("URL of the Vault server, such as https://vault.example.com:8200.")]
    server_name: Annotated[
        str, doc("Host name to expect in Vault's TLS certificate.", unset="the host of `server`")
    ] = ""
    path: Annotated[str, doc("Where requests are signed, such as pki_int/sign/web.")]
    namespace: Annotated[str, doc("Vault namespace (Vault Enterprise).")] = ""
    ca_bundle: Annotated[
        bytes,
        doc(
            "CA certificates as PEM to verify Vault's TLS certificate with. Excludes caBundleSecretRef.",
            unset="those of the system",
        ),
    ] = b""
    ca_bundle_secret_ref: Annotated[
        SecretKeySelector | None,
        doc("Where such CA certificates are kept. `key` defaults to ca.crt. Excludes caBundle."),
    ] = None
    client_cert_secret_ref: Annotated[
        SecretKeySelector | None,
        doc("Where the certificate for mutual TLS is kept, by default in tls.crt. Needs clientKeySecretRef."),
    ] = None
    client_key_secret_ref: Annotated[
        SecretKeySelector | None,
        doc("Where the key for mutual TLS is kept, by default in tls.key. Needs clientCertSecretRef."),
    ] = None
