"""A post-quantum hierarchy from its root to renewed leaves, on any API server that knows of ML-DSA."""

from datetime import timedelta

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from certwright.api.certmanager import AdditionalOutputFormat, Certificate, CertificateRequest, PrivateKey
from certwright.api.foreign import Event, Secret
from certwright.api.meta import CERTIFICATES, ObjectMeta
from certwright.controllers.explain import explain
from certwright.kube.errors import Invalid
from certwright.pki import sign
from certwright.pki.certificate import parse_certificate
from certwright.testing.builders import ca_issuer, ca_secret, certificate, self_signed_issuer
from certwright.testing.checks import is_ready, keys_match
from certwright.testing.cluster import Cluster

ML_DSA_44, ML_DSA_65 = PrivateKey(algorithm="ML-DSA-44"), PrivateKey(algorithm="ML-DSA-65")
FORMATS = [AdditionalOutputFormat(type="DER"), AdditionalOutputFormat(type="CombinedPEM")]


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(any_cluster: Cluster) -> Cluster:
    """A namespace on the API server that was asked for, if our definitions are installed there."""
    try:
        wanted = certificate("web", private_key=ML_DSA_44)
        await any_cluster.client.create(CERTIFICATES, wanted, any_cluster.namespace, dry_run=True)
    except Invalid:
        pytest.skip("the CustomResourceDefinitions of this API server know no ML-DSA")
    return any_cluster


async def hierarchy(cluster: Cluster) -> bytes:
    """Have a root of ML-DSA-65 issued and made the CA Issuer `root`; returns its certificate."""
    await cluster.start()
    wanted = {"is_ca": True, "common_name": "root", "dns_names": [], "duration": "87600h"}
    root = certificate("root", "ss", private_key=ML_DSA_65, **wanted)
    await cluster.create(self_signed_issuer("ss"), root, ca_issuer("root", "root-tls"))
    await cluster.settled()
    await cluster.advance(timedelta(minutes=5))
    assert is_ready(await cluster.certificate("root"))
    return (await cluster.secret("root-tls")).data["tls.crt"]


def check(secret: Secret, root: bytes) -> x509.Certificate:
    """The leaf of a Secret, after another library has found key, signature and CA to be right."""
    leaf = x509.load_pem_x509_certificate(secret.data["tls.crt"])
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(root))
    key = serialization.load_pem_private_key(secret.data["tls.key"], None)
    assert key.public_key() == leaf.public_key()
    assert secret.data["ca.crt"] == root
    assert keys_match(secret)
    return leaf


async def test_a_post_quantum_root_signs_leaves_of_both_kinds_and_renews_them(cluster: Cluster) -> None:
    root = await hierarchy(cluster)
    await cluster.create(
        certificate("pq", "root", private_key=ML_DSA_44, additional_output_formats=FORMATS),
        certificate("classic", "root"),
    )
    await cluster.settled()
    first = {}
    for name, algorithm in (("pq", "ML-DSA-44"), ("classic", "ECDSA")):
        assert is_ready(await cluster.certificate(name)), name
        first[name] = await cluster.secret(f"{name}-tls")
        leaf = check(first[name], root)
        assert leaf.signature_algorithm_oid.dotted_string == "2.16.840.1.101.3.4.3.18"
        assert parse_certificate(first[name].data["tls.crt"]).public_key.algorithm == algorithm
    data = first["pq"].data
    assert data["tls.key"].startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert serialization.load_der_private_key(data["key.der"], None)
    assert data["tls-combined.pem"] == data["tls.key"] + b"\n" + data["tls.crt"]
    await cluster.advance(timedelta(days=61))
    for name, before in first.items():
        renewed = await cluster.secret(f"{name}-tls")
        assert (await cluster.certificate(name)).status.revision == 2
        assert renewed.data["tls.key"] != before.data["tls.key"]
        check(renewed, root)


async def test_an_algorithm_that_changes_is_a_mismatch_and_issued_again(cluster: Cluster) -> None:
    root = await hierarchy(cluster)
    await cluster.create(certificate("web", "root"))
    await cluster.settled()
    await cluster.patch(Certificate, "web", {"spec": {"privateKey": {"algorithm": "ML-DSA-87"}}})
    await cluster.settled()
    assert is_ready(await cluster.certificate("web"))
    events = [(e.reason, e.message) for e in await cluster.objects(Event) if e.involved_object.name == "web"]
    mismatch = [message for _, message in events if "spec.privateKey.algorithm" in message]
    assert mismatch, events
    leaf = check(await cluster.secret("web-tls"), root)
    assert (
        parse_certificate((await cluster.secret("web-tls")).data["tls.crt"]).public_key.algorithm
        == "ML-DSA-87"
    )
    assert leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment is False
    found = await explain(cluster.client, CERTIFICATES, "web", cluster.namespace, cluster.clock.now())
    assert found.ready


async def test_never_keeps_the_key_and_asks_for_help_when_another_algorithm_is_wanted(
    cluster: Cluster,
) -> None:
    await cluster.create(ca_secret(), ca_issuer())
    await cluster.start()
    never = PrivateKey(algorithm="ML-DSA-44", rotation_policy="Never")
    await cluster.create(certificate("web", private_key=never))
    await cluster.settled()
    first = await cluster.secret("web-tls")
    await cluster.advance(timedelta(days=61))
    second = await cluster.secret("web-tls")
    assert second.data["tls.key"] == first.data["tls.key"]
    assert second.data["tls.crt"] != first.data["tls.crt"]
    await cluster.patch(Certificate, "web", {"spec": {"privateKey": {"algorithm": "ML-DSA-65"}}})
    await cluster.settled()
    assert (await cluster.secret("web-tls")).data == second.data
    reasons = {e.reason for e in await cluster.objects(Event)}
    assert "CannotRegenerateKey" in reasons
    found = await explain(cluster.client, CERTIFICATES, "web", cluster.namespace, cluster.clock.now())
    assert "its private key does not fit and must not be replaced" in found.sentence


async def test_the_next_key_is_stored_while_somebody_else_signs(cluster: Cluster) -> None:
    await cluster.start()
    await cluster.create(certificate("web", "later", private_key=ML_DSA_65))
    await cluster.settled()
    name = (await cluster.certificate("web")).status.next_private_key_secret_name
    stored = await cluster.secret(name)
    assert len(stored.data["tls.key"]) == 128
    request = await cluster.get(CertificateRequest, "web-1")
    facts = sign.check_request(request.spec.request, usages=None, is_ca=False)
    assert facts.public_key.algorithm == "ML-DSA-65"
    secret = Secret(metadata=ObjectMeta(name="later"), data=ca_secret().data, type="kubernetes.io/tls")
    await cluster.create(secret, ca_issuer("later"))
    await cluster.settled()
    await cluster.advance(timedelta(minutes=5))
    assert is_ready(await cluster.certificate("web"))
    assert (await cluster.secret("web-tls")).data["tls.key"] == stored.data["tls.key"]
