"""The `acme` part of an issuer (cert-manager.io/v1). Solvers are in their own modules."""

from certwright.api.wire import Wire


class ACMEIssuer(Wire, frozen=True, kw_only=True):
    """An ACME server (RFC 8555) and how to prove control of names to it."""

    server: str
