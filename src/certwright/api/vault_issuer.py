"""The `vault` part of an issuer (cert-manager.io/v1). Talking to Vault is not done here."""

from certwright.api.wire import Wire


class VaultIssuer(Wire, frozen=True, kw_only=True):
    """A PKI secrets engine of HashiCorp Vault."""

    server: str
    path: str
