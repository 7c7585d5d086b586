"""The `venafi` part of an issuer (cert-manager.io/v1). Talking to Venafi is not done here."""

from certwright.api.wire import Wire


class VenafiIssuer(Wire, frozen=True, kw_only=True):
    """A policy zone of CyberArk Certificate Manager (formerly Venafi)."""

    zone: str
