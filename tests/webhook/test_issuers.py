"""Issuers and ClusterIssuers: one type each, and what it needs."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from certwright.api.meta import CLUSTER_ISSUERS, ISSUERS
from certwright.testing.builders import ca_secret
from certwright.webhook import issuers
from certwright.webhook.writes import Findings, Gates, Write

REF = {"name": "n", "key": "k"}
VAULT = {"server": "https://v", "path": "pki/sign/a", "auth": {"tokenSecretRef": REF}}
TPP = {"url": "https://t", "credentialsRef": {"name": "n"}}
PEM = base64.b64encode(b"no PEM\n" + ca_secret().data["tls.crt"]).decode()
NO_PEM = base64.b64encode(b"x").decode()


def vault(**more: Any) -> dict[str, Any]:
    return {"vault": VAULT | more}


def logged_in(**auth: Any) -> dict[str, Any]:
    return vault(auth=auth)


CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no type": ({}, ["spec Required"]),
    "self-signed": ({"selfSigned": {}}, []),
    "three types": (
        {"selfSigned": {}, "ca": {"secretName": ""}, "vault": VAULT},
        ["spec.ca.secretName Required", "spec.selfSigned Forbidden", "spec.vault Forbidden"],
    ),
    "a CA without a Secret": ({"ca": {"secretName": ""}}, ["spec.ca.secretName Required"]),
    "empty URLs": (
        {"ca": {"secretName": "s", "ocspServers": ["", "x"], "issuingCertificateURLs": ["x", ""]}},
        ["spec.ca.ocspServers[0] Invalid", "spec.ca.issuingCertificateURLs[1] Invalid"],
    ),
    "empty URLs of revocation lists": ({"ca": {"secretName": "s", "crlDistributionPoints": [""]}}, []),
    "Vault": (vault(), []),
    "Vault nowhere": (vault(server="", path=""), ["spec.vault.server Required", "spec.vault.path Required"]),
    "a path that climbs": (vault(path="pki/../sys"), ["spec.vault.path Invalid"]),
    "a name with two dots": (vault(path="pki/a..b"), []),
    "no way to log in": (logged_in(), ["spec.vault.auth Required"]),
    "two ways to log in": (
        logged_in(tokenSecretRef=REF, appRole={"path": "a", "roleId": "r", "secretRef": REF}),
        [],
    ),
    "an empty AppRole": (
        logged_in(appRole={"path": "../x", "roleId": "", "secretRef": {"name": ""}}),
        [
            "spec.vault.auth.appRole.path Invalid",
            "spec.vault.auth.appRole.roleId Required",
            "spec.vault.auth.appRole.secretRef.name Required",
        ],
    ),
    "a client certificate": (logged_in(clientCertificate={}), []),
    "a climbing client certificate": (
        logged_in(clientCertificate={"mountPath": "/v1/.."}),
        ["spec.vault.auth.clientCertificate.mountPath Invalid"],
    ),
    "Kubernetes without a token": (
        logged_in(kubernetes={"role": "", "mountPath": ".."}),
        [
            "spec.vault.auth.kubernetes.mountPath Invalid",
            "spec.vault.auth.kubernetes.role Required",
            "spec.vault.auth.kubernetes Required",
        ],
    ),
    "Kubernetes with two tokens": (
        logged_in(kubernetes={"role": "r", "secretRef": REF, "serviceAccountRef": {"name": "s"}}),
        ["spec.vault.auth.kubernetes Forbidden"],
    ),
    "AWS": (logged_in(aws={"role": "r"}), []),
    "AWS with an account": (
        logged_in(aws={"role": "", "mountPath": "..", "serviceAccountRef": {"name": ""}}),
        [
            "spec.vault.auth.aws.mountPath Invalid",
            "spec.vault.auth.aws.role Required",
            "spec.vault.auth.aws.serviceAccountRef.name Required",
            "spec.vault.auth.aws.iamRoleArn Required",
        ],
    ),
    "a bundle": (vault(caBundle=PEM), []),
    "a bundle without a certificate": (vault(caBundle=NO_PEM), ["spec.vault.caBundle Invalid"]),
    "two bundles": (
        vault(caBundle=PEM, caBundleSecretRef={"name": "n"}),
        ["spec.vault.caBundle Invalid", "spec.vault.caBundleSecretRef Invalid"],
    ),
    "a certificate without its key": (
        vault(clientCertSecretRef=REF),
        ["spec.vault.clientKeySecretRef Invalid"],
    ),
    "a key without its certificate": (
        vault(clientKeySecretRef=REF),
        ["spec.vault.clientCertSecretRef Invalid"],
    ),
    "Venafi": ({"venafi": {"zone": "z", "tpp": TPP}}, []),
    "Venafi without a product": (
        {"venafi": {"zone": ""}},
        ["spec.venafi.zone Required", "spec.venafi Required"],
    ),
    "Venafi without a URL, and two bundles": (
        {"venafi": {"zone": "z", "tpp": TPP | {"url": "", "caBundle": PEM, "caBundleSecretRef": REF}}},
        ["spec.venafi.tpp.url Required", "spec.venafi.tpp Forbidden"],
    ),
    "an empty NGTS": (
        {"venafi": {"zone": "z", "ngts": {"tsgID": "", "credentialsRef": {"name": ""}}}},
        ["spec.venafi.ngts.tsgID Required", "spec.venafi.ngts.credentialsRef.name Required"],
    ),
    "ACME beside a CA": (
        {
            "acme": {"server": "https://a", "privateKeySecretRef": {"name": "k"}},
            "ca": {"secretName": ""},
        },
        ["spec.ca Forbidden"],
    ),
}


@pytest.mark.parametrize("resource", [ISSUERS, CLUSTER_ISSUERS], ids=lambda resource: resource.kind)
@pytest.mark.parametrize("case", CASES)
def test_an_issuer_has_one_type_and_what_it_needs(
    case: str, resource: Any, write: Callable[..., Write], short: Callable[..., list[str]]
) -> None:
    spec, want = CASES[case]
    assert short(issuers.check(write(resource, {"spec": spec}), Gates()).errors) == want


def test_an_issuer_that_is_stored_is_not_judged_again(write: Callable[..., Write]) -> None:
    stored = {"spec": {}}
    found = issuers.check(write(ISSUERS, stored | {"status": {}}, stored, subresource="status"), Gates())
    assert found == Findings()
