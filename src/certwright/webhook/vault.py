"""Rules for the `vault` part of an issuer. Vault itself is not asked."""

from certwright.api.vault_issuer import VaultAuth, VaultAWS, VaultIssuer, VaultKubernetes
from certwright.webhook.bundles import bundle
from certwright.webhook.fields import FieldError, forbidden, invalid, required

_METHODS = "appRole, kubernetes, tokenSecretRef, clientCertificate, aws"
_TOKENS = "secretRef, serviceAccountRef"


def check(vault: VaultIssuer, field: str) -> list[FieldError]:
    """All that is wrong with it."""
    errors = [] if vault.server else [required(f"{field}.server")]
    errors += _path(vault.path, f"{field}.path") if vault.path else [required(f"{field}.path")]
    errors += _ca(vault, field)
    certificate, key = vault.client_cert_secret_ref, vault.client_key_secret_ref
    if certificate is not None and key is None:
        detail = "must be set beside clientCertSecretRef"
        errors.append(invalid(f"{field}.clientKeySecretRef", "", detail))
    if key is not None and certificate is None:
        detail = "must be set beside clientKeySecretRef"
        errors.append(invalid(f"{field}.clientCertSecretRef", "", detail))
    return errors + _auth(vault.auth, f"{field}.auth")


def _ca(vault: VaultIssuer, field: str) -> list[FieldError]:
    if not vault.ca_bundle:
        return []
    errors = bundle(vault.ca_bundle, f"{field}.caBundle")
    if vault.ca_bundle_secret_ref is not None:
        detail = "caBundle and caBundleSecretRef exclude each other"
        errors.append(invalid(f"{field}.caBundle", "<bundle>", detail))
        errors.append(invalid(f"{field}.caBundleSecretRef", vault.ca_bundle_secret_ref.name, detail))
    return errors


def _auth(auth: VaultAuth, field: str) -> list[FieldError]:
    """At least one way to log in; of several, each must be right."""
    errors: list[FieldError] = []
    role = auth.app_role
    if role is not None:
        errors += _path(role.path, f"{field}.appRole.path")
        errors += [] if role.role_id else [required(f"{field}.appRole.roleId")]
        errors += [] if role.secret_ref.name else [required(f"{field}.appRole.secretRef.name")]
    if auth.client_certificate is not None:
        errors += _path(auth.client_certificate.mount_path, f"{field}.clientCertificate.mountPath")
    if auth.kubernetes is not None:
        errors += _kubernetes(auth.kubernetes, f"{field}.kubernetes")
    if auth.aws is not None:
        errors += _aws(auth.aws, f"{field}.aws")
    methods = (role, auth.client_certificate, auth.kubernetes, auth.aws, auth.token_secret_ref)
    if all(method is None for method in methods):
        errors.append(required(field, f"one of {_METHODS} must be set"))
    return errors


def _kubernetes(method: VaultKubernetes, field: str) -> list[FieldError]:
    errors = _path(method.mount_path, f"{field}.mountPath")
    if not method.role:
        errors.append(required(f"{field}.role"))
    by_secret = method.secret_ref is not None and bool(method.secret_ref.name)
    by_account = method.service_account_ref is not None and bool(method.service_account_ref.name)
    if not by_secret and not by_account:
        errors.append(required(field, f"one of {_TOKENS} must be set"))
    if by_secret and by_account:
        errors.append(forbidden(field, f"only one of {_TOKENS} may be set"))
    return errors


def _aws(method: VaultAWS, field: str) -> list[FieldError]:
    errors = _path(method.mount_path, f"{field}.mountPath")
    if not method.role:
        errors.append(required(f"{field}.role"))
    if method.service_account_ref is not None:
        if not method.service_account_ref.name:
            errors.append(required(f"{field}.serviceAccountRef.name"))
        if not method.iam_role_arn:
            errors.append(required(f"{field}.iamRoleArn", "must be set beside serviceAccountRef"))
    return errors


def _path(path: str, field: str) -> list[FieldError]:
    """A path into Vault's API that does not climb out of what it names."""
    return [invalid(field, path, "must not contain `..`")] if ".." in path.split("/") else []
