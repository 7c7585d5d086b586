"""DNS-01 solvers: which provider holds the zone, with what credentials. Talking to them is not done here."""

# ruff: noqa: RUF012 - msgspec copies empty defaults

from typing import Annotated, Any

from certwright.api.references import SecretKeySelector, ServiceAccountRef
from certwright.api.wire import Wire, doc


class Akamai(Wire, frozen=True, kw_only=True):
    """Akamai Edge DNS."""

    service_consumer_domain: Annotated[str, doc("Host of the API that the credentials are for.")]
    client_token_secret_ref: Annotated[SecretKeySelector, doc("Where the client token is kept.")]
    client_secret_secret_ref: Annotated[SecretKeySelector, doc("Where the client secret is kept.")]
    access_token_secret_ref: Annotated[SecretKeySelector, doc("Where the access token is kept.")]


class CloudDNS(Wire, frozen=True, kw_only=True):
    """Google Cloud DNS."""

    service_account_secret_ref: Annotated[
        SecretKeySelector | None,
        doc(
            "Where the key file of a Google service account is kept.", unset="credentials of the environment"
        ),
    ] = None
    project: Annotated[str, doc("Google Cloud project with the zone.")]
    hosted_zone_name: Annotated[
        str, doc("Name of the managed zone to write to.", unset="looked up by the domain")
    ] = ""


class Cloudflare(Wire, frozen=True, kw_only=True):
    """Cloudflare DNS; exactly one of apiTokenSecretRef and apiKeySecretRef is set."""

    email: Annotated[str, doc("Mail address of the account. Needed with an API key.")] = ""
    api_key_secret_ref: Annotated[
        SecretKeySelector | None,
        doc("Where the account's global API key is kept. Prefer a token, which can be limited to a zone."),
    ] = None
    api_token_secret_ref: Annotated[
        SecretKeySelector | None, doc("Where an API token that may edit the zone is kept.")
    ] = None


class Route53KubernetesAuth(Wire, frozen=True, kw_only=True):
    """Takes on a role with a token of a service account."""

    service_account_ref: Annotated[
        ServiceAccountRef,
        doc("The service account whose token AWS is given; AWS must trust the cluster's issuer."),
    ]


class Route53Auth(Wire, frozen=True, kw_only=True):
    """How to log in to AWS."""

    kubernetes: Annotated[
        Route53KubernetesAuth,
        doc("Take on `role` with a token of a service account (AssumeRoleWithWebIdentity)."),
    ]


class Route53(Wire, frozen=True, kw_only=True):
    """AWS Route 53."""

    auth: Annotated[
        Route53Auth | None, doc("How to log in.", unset="access key, else credentials of the environment")
    ] = None
    access_key_id: Annotated[
        str, doc("The access key id. Excludes accessKeyIDSecretRef.", unset="credentials of the environment")
    ] = ""
    access_key_id_secret_ref: Annotated[
        SecretKeySelector | None, doc("Where the access key id is kept. Excludes accessKeyID.")
    ] = None
    secret_access_key_secret_ref: Annotated[
        SecretKeySelector | None, doc("Where the secret access key is kept.")
    ] = None
    role: Annotated[str, doc("ARN of a role to take on with the credentials.")] = ""
    hosted_zone_id: Annotated[
        str, doc("Id of the hosted zone to write to.", unset="looked up by the domain")
    ] = ""
    region: Annotated[
        str,
        doc(
            "AWS region whose endpoints to use. The variable AWS_REGION wins.",
            unset="found by the SDK's rules",
        ),
    ] = ""


class AzureManagedIdentity(Wire, frozen=True, kw_only=True):
    """Which identity of the environment to use; clientID and resourceID exclude each other."""

    client_id: Annotated[str, doc("Client id of the managed identity.")] = ""
    resource_id: Annotated[str, doc("Resource id of the managed identity. Not with workload identity.")] = ""
    tenant_id: Annotated[str, doc("Tenant of the managed identity. Needs clientID.")] = ""


class AzureDNS(Wire, frozen=True, kw_only=True):
    """Azure DNS; clientID, clientSecretSecretRef and tenantID go together and exclude managedIdentity."""

    client_id: Annotated[
        str, doc("Client id of a service principal.", unset="an identity of the environment")
    ] = ""
    client_secret_secret_ref: Annotated[
        SecretKeySelector | None, doc("Where the client secret of the service principal is kept.")
    ] = None
    subscription_id: Annotated[str, doc("Id of the subscription with the zone.")]
    tenant_id: Annotated[str, doc("Tenant of the service principal.")] = ""
    resource_group_name: Annotated[str, doc("Resource group with the zone.")]
    hosted_zone_name: Annotated[
        str, doc("Name of the zone to write to.", unset="looked up by the domain")
    ] = ""
    environment: Annotated[
        str,
        doc(
            "Which Azure cloud it is.",
            enum=["AzurePublicCloud", "AzureChinaCloud", "AzureGermanCloud", "AzureUSGovernmentCloud"],
            unset="AzurePublicCloud",
        ),
    ] = ""
    managed_identity: Annotated[
        AzureManagedIdentity | None, doc("Which identity of the environment to use. Excludes clientID.")
    ] = None
    zone_type: Annotated[
        str,
        doc(
            "Whether the zone is public or private.",
            enum=["AzurePublicZone", "AzurePrivateZone"],
            unset="AzurePublicZone",
        ),
    ] = ""


class DigitalOcean(Wire, frozen=True, kw_only=True):
    """DigitalOcean DNS."""

    token_secret_ref: Annotated[SecretKeySelector, doc("Where an access token that may write is kept.")]


class AcmeDNS(Wire, frozen=True, kw_only=True):
    """An acme-dns server, which holds nothing but answers to challenges."""

    host: Annotated[str, doc("Address of the acme-dns API.")]
    account_secret_ref: Annotated[
        SecretKeySelector, doc("Where the accounts are kept: a JSON object of registrations by domain.")
    ]


class RFC2136(Wire, frozen=True, kw_only=True):
    """Any name server that takes dynamic updates (RFC 2136)."""

    nameserver: Annotated[
        str, doc("Address of the name server as host or host:port, IPv6 in brackets.", unset="port 53")
    ]
    tsig_secret_secret_ref: Annotated[
        SecretKeySelector | None, doc("Where the TSIG key is kept. Needs tsigKeyName.")
    ] = None
    tsig_key_name: Annotated[str, doc("Name of the TSIG key. Needs tsigSecretSecretRef.")] = ""
    tsig_algorithm: Annotated[
        str,
        doc("Algorithm of the TSIG key: HMACMD5, HMACSHA1, HMACSHA256 or HMACSHA512.", unset="HMACMD5"),
    ] = ""
    protocol: Annotated[str, doc("Transport of the updates.", enum=["TCP", "UDP"], unset="UDP")] = ""


class WebhookSolver(Wire, frozen=True, kw_only=True):
    """A provider that somebody else serves as an aggregated API."""

    group_name: Annotated[str, doc("API group under which the provider is served.")]
    solver_name: Annotated[str, doc("Name of the provider within the group.")]
    config: Annotated[
        Any,
        doc("Whatever the provider wants to know, handed on as it is. Nothing secret belongs here."),
    ] = None


class DNS01Solver(Wire, frozen=True, kw_only=True):
    """Proves control by a TXT record; exactly one provider is set."""

    cname_strategy: Annotated[
        str,
        doc(
            "Whether a CNAME at the record's name is followed to the zone that it points to.",
            enum=["None", "Follow"],
            unset="None",
        ),
    ] = ""
    nameservers: Annotated[
        list[str],
        doc(
            "Name servers to ask for zones and for the record: host:port, or the https:// URL of one.",
            unset="those the controller is set to",
        ),
    ] = []
    akamai: Annotated[Akamai | None, doc("The zone is at Akamai Edge DNS.")] = None
    cloud_dns: Annotated[CloudDNS | None, doc("The zone is at Google Cloud DNS.")] = None
    cloudflare: Annotated[Cloudflare | None, doc("The zone is at Cloudflare.")] = None
    route53: Annotated[Route53 | None, doc("The zone is at AWS Route 53.")] = None
    azure_dns: Annotated[AzureDNS | None, doc("The zone is at Azure DNS.")] = None
    digitalocean: Annotated[DigitalOcean | None, doc("The zone is at DigitalOcean.")] = None
    acme_dns: Annotated[AcmeDNS | None, doc("The record is delegated to an acme-dns server.")] = None
    rfc2136: Annotated[RFC2136 | None, doc("The zone is at a name server that takes dynamic updates.")] = None
    webhook: Annotated[
        WebhookSolver | None, doc("A provider that somebody else serves writes the record.")
    ] = None
