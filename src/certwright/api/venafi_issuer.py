"""The `venafi` part of an issuer (cert-manager.io/v1). Talking to the service is not done here."""

from typing import Annotated, Any, ClassVar

from certwright.api.references import SecretKeySelector, SecretReference
from certwright.api.wire import Wire, doc


class VenafiTPP(Wire, frozen=True, kw_only=True):
    """CyberArk Certificate Manager, self-hosted (formerly Trust Protection Platform)."""

    url: Annotated[str, doc("URL of the vedsdk endpoint, such as https://tpp.example.com/vedsdk.")]
    credentials_ref: Annotated[
        SecretReference, doc("Secret with an access-token, or with username and password.")
    ]
    ca_bundle: Annotated[
        bytes,
        doc(
            "CA certificates as PEM to verify the server's TLS certificate with. Excludes caBundleSecretRef.",
            unset="those of the system",
        ),
    ] = b""
    ca_bundle_secret_ref: Annotated[
        SecretKeySelector | None,
        doc("Where such CA certificates are kept. `key` defaults to ca.crt. Excludes caBundle."),
    ] = None


class VenafiCloud(Wire, frozen=True, kw_only=True):
    """CyberArk Certificate Manager, SaaS."""

    url: Annotated[str, doc("URL of the service.", unset="https://api.venafi.cloud/")] = ""
    api_token_secret_ref: Annotated[
        SecretKeySelector, doc("Where the API key is kept. `key` defaults to api-key.")
    ]


class VenafiNGTS(Wire, frozen=True, kw_only=True):
    """Next-Generation Trust Security of Palo Alto Networks."""

    tsg_id: Annotated[str, doc("Id of the tenant service group.")]
    credentials_ref: Annotated[SecretReference, doc("Secret with client-id and client-secret.")]
    url: Annotated[str, doc("URL of the service.", unset="https://api.strata.paloaltonetworks.com/ngts")] = ""
    token_endpoint: Annotated[
        str,
        doc(
            "URL where access tokens are requested.",
            unset="https://auth.apps.paloaltonetworks.com/oauth2/access_token",
        ),
    ] = ""


class VenafiIssuer(Wire, frozen=True, kw_only=True):
    """A policy zone of CyberArk Certificate Manager (formerly Venafi)."""

    schema_extra: ClassVar[dict[str, Any]] = {
        "x-kubernetes-validations": [
            {
                "rule": "(has(self.tpp) ? 1 : 0) + (has(self.cloud) ? 1 : 0) + (has(self.ngts) ? 1 : 0) == 1",
                "message": "exactly one of tpp, cloud, or ngts must be configured",
            }
        ]
    }

    zone: Annotated[
        str,
        doc(
            "Which policy applies: a folder below \\VED\\Policy for tpp, `application\\issuing template` for "
            "cloud, the issuing template for ngts."
        ),
    ]
    tpp: Annotated[VenafiTPP | None, doc("The self-hosted product. Excludes cloud and ngts.")] = None
    cloud: Annotated[VenafiCloud | None, doc("The hosted service. Excludes tpp and ngts.")] = None
    ngts: Annotated[VenafiNGTS | None, doc("The service of Palo Alto Networks. Excludes tpp and cloud.")] = (
        None
    )
