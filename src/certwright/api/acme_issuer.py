"""The `acme` part of an issuer (cert-manager.io/v1). Solvers are in `solvers`; the protocol is not here."""

# ruff: noqa: RUF012 - msgspec copies empty defaults

from typing import Annotated

from certwright.api.references import SecretKeySelector
from certwright.api.solvers import ACMESolver
from certwright.api.wire import Wire, doc


class ExternalAccountBinding(Wire, frozen=True, kw_only=True):
    """Ties the ACME account to an account that exists already (RFC 8555, section 7.3.4)."""

    key_id: Annotated[str, doc("Id of the key, from the certificate authority.")]
    key_secret_ref: Annotated[
        SecretKeySelector, doc("Where the MAC key is kept, in unpadded base64url as the authority gives it.")
    ]
    key_algorithm: Annotated[
        str,
        doc("Deprecated and without effect: the MAC is always HS256.", enum=["HS256", "HS384", "HS512"]),
    ] = ""


class ACMEIssuer(Wire, frozen=True, kw_only=True):
    """An ACME server (RFC 8555), the account there, and how to prove control of names to it."""

    email: Annotated[
        str, doc("Contact address of the account, for mail from the authority. It can be changed later.")
    ] = ""
    server: Annotated[str, doc("URL of the server's directory.")]
    preferred_chain: Annotated[
        str,
        doc(
            "Common name of the issuer that the topmost certificate should have, where the server offers "
            "several chains. Without a match the server's first chain is used.",
            max_length=64,
        ),
    ] = ""
    ca_bundle: Annotated[
        bytes,
        doc(
            "CA certificates as PEM to verify the server's own TLS certificate with. Excludes skipTLSVerify.",
            unset="those of the system",
        ),
    ] = b""
    skip_tls_verify: Annotated[
        bool, doc("Whether to trust any TLS certificate of the server. For tests only. Excludes caBundle.")
    ] = False
    external_account_binding: Annotated[
        ExternalAccountBinding | None, doc("An account at the authority to tie the ACME account to.")
    ] = None
    private_key_secret_ref: Annotated[
        SecretKeySelector,
        doc("Where the account's private key is kept. It is made if missing. `key` defaults to tls.key."),
    ]
    solvers: Annotated[
        list[ACMESolver],
        doc("How to prove control of names; for each name the most specific solver is used."),
    ] = []
    disable_account_key_generation: Annotated[
        bool, doc("Whether the account key must exist already, and is never made.")
    ] = False
    enable_duration_feature: Annotated[
        bool,
        doc("Whether to ask the server for the Certificate's duration. Not every server can do that."),
    ] = False
    profile: Annotated[
        str, doc("Profile of certificates to ask the server for, where it offers a choice.")
    ] = ""
    renewal_information_source: Annotated[
        str,
        doc(
            "Whether the server is asked when to renew (ARI, RFC 9773) or not (None). "
            "Has an effect only where the controller has ARI switched on.",
            enum=["ARI", "None"],
            default="ARI",
        ),
    ] = "ARI"
