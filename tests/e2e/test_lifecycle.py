"""A few stories from beginning to end, on whatever API server the tests were given."""

from collections import Counter
from datetime import timedelta
from typing import Protocol
from uuid import uuid4

import pytest

from certwright.api.certmanager import (
    Certificate,
    CertificateRequest,
    ClusterIssuer,
    IssuerRef,
    PrivateKey,
    Subject,
)
from certwright.api.foreign import Secret
from certwright.controllers.manager import ControllerConfig
from certwright.testing.builders import ca_issuer, ca_secret, certificate, cluster_issuer, self_signed_issuer
from certwright.testing.checks import is_ready, keys_match, openssl_verify
from certwright.testing.cluster import Cluster


class Server(Protocol):
    collects_garbage: bool
    is_shared: bool


async def test_a_root_an_intermediate_and_leaves_of_every_kind(any_cluster: Cluster) -> None:
    cluster = any_cluster
    name = Subject(organizations=["Example"])
    leaves = {
        "rsa": PrivateKey(algorithm="RSA"),
        "p256": PrivateKey(algorithm="ECDSA"),
        "p384": PrivateKey(algorithm="ECDSA", size=384, encoding="PKCS8"),
        "ed25519": PrivateKey(algorithm="Ed25519"),
    }
    await cluster.start()
    await cluster.create(
        self_signed_issuer("ss"),
        certificate("root", "ss", is_ca=True, common_name="root", subject=name, dns_names=[]),
        ca_issuer("root", "root-tls"),
        certificate("sub", "root", is_ca=True, common_name="sub", subject=name, dns_names=[]),
        ca_issuer("sub", "sub-tls"),
    )
    for leaf, key in leaves.items():
        more = {"ip_addresses": ["10.0.0.1"], "uris": ["spiffe://a/b"], "email_addresses": ["me@x.example"]}
        await cluster.create(certificate(leaf, "sub", private_key=key, **more))
    await cluster.settled()
    await cluster.advance(timedelta(minutes=5))  # whoever met an issuer that was not ready yet, tries again
    root = (await cluster.secret("root-tls")).data["tls.crt"]
    for each in ("root", "sub", *leaves):
        assert is_ready(await cluster.certificate(each)), each
        secret = await cluster.secret(f"{each}-tls")
        assert keys_match(secret)
        assert openssl_verify(secret, root, cluster.clock.now()) == ""
    chain = (await cluster.secret("rsa-tls")).data
    assert chain["tls.crt"].count(b"BEGIN CERTIFICATE") == 2
    assert chain["ca.crt"] == root


async def test_many_certificates_cost_what_they_may_and_meet_no_conflict(any_cluster: Cluster) -> None:
    cluster, count = any_cluster, 30
    await cluster.create(ca_secret(), ca_issuer())
    running = await cluster.start()
    await cluster.settled()
    running.tap.calls.clear()
    await cluster.create(*(certificate(f"c{number}") for number in range(count)))
    await cluster.settled()
    assert all(is_ready(found) for found in await cluster.objects(Certificate))
    assert len(running.tap.calls) <= 12 * count
    assert len(running.tap.writes) == 5 * count
    assert Counter(call.code for call in running.tap.calls)[409] == 0
    for secret in await cluster.objects(Secret):
        if secret.metadata.name != "ca":
            assert keys_match(secret)


async def test_a_certificate_through_kills_and_renewals(any_cluster: Cluster) -> None:
    cluster = any_cluster
    await cluster.create(ca_secret(), ca_issuer())
    await cluster.create(certificate("web"))
    for revision in range(1, 4):
        running = await cluster.start()
        await cluster.settled()
        found = await cluster.certificate("web")
        assert is_ready(found)
        assert found.status.revision == revision
        secret = await cluster.secret("web-tls")
        assert openssl_verify(secret, secret.data["ca.crt"], cluster.clock.now()) == ""
        await cluster.kill(running)
        cluster.clock.jump(timedelta(days=61))


async def test_a_cluster_issuer_with_a_name_of_its_own(any_cluster: Cluster, any_server: Server) -> None:
    if any_server.is_shared:
        pytest.skip("controllers that see ClusterIssuers would see what belongs to others")
    cluster, name = any_cluster, f"certwright-test-{uuid4().hex[:8]}"
    await cluster.create(ca_secret(), cluster_issuer(ca_issuer(name, "ca")))
    try:
        await cluster.start(ControllerConfig(cluster_resource_namespace=cluster.namespace))
        await cluster.create(certificate("web", IssuerRef(name=name, kind="ClusterIssuer")))
        await cluster.until_ready("web")
        assert openssl_verify(await cluster.secret("web-tls"), ca_secret().data["tls.crt"]) == ""
    finally:
        await cluster.delete(ClusterIssuer, name)


async def test_deleting_a_certificate_leaves_its_secret_and_nothing_else(
    any_cluster: Cluster, any_server: Server
) -> None:
    if not any_server.collects_garbage:
        pytest.skip("this API server has nobody who collects garbage")
    cluster = any_cluster
    await cluster.create(ca_secret(), ca_issuer())
    running = await cluster.start()
    await cluster.create(certificate("web"))
    await cluster.settled()
    before = len(running.tap.writes)
    await cluster.delete(Certificate, "web", "Foreground")
    await cluster.until_gone(Certificate, "web")
    assert await cluster.objects(CertificateRequest) == []
    assert keys_match(await cluster.secret("web-tls"))
    await cluster.settled()
    assert running.tap.writes[before:] == []
