"""What becomes of the Secret while its Certificate changes, and of whatever others put into it.

The stories are those of cert-manager's end-to-end tests of Certificates, with an Issuer of type CA.
"""

import base64
from typing import Any, Protocol

import msgspec
import pytest
from cryptography import x509

from certwright.api import annotations
from certwright.api.certmanager import (
    AdditionalOutputFormat,
    Certificate,
    CertificateRequest,
    PrivateKey,
)
from certwright.api.foreign import Secret
from certwright.api.meta import SECRETS
from certwright.testing.builders import certificate
from certwright.testing.checks import is_ready
from certwright.testing.cluster import Cluster

PAIR = ("tls.crt", "tls.key")
COMBINED, DER = "tls-combined.pem", "key.der"
BOTH = [AdditionalOutputFormat(type="CombinedPEM"), AdditionalOutputFormat(type="DER")]


class Server(Protocol):
    collects_garbage: bool


async def issued(cluster: Cluster, **spec: Any) -> Secret:
    """Have `web` issued, and return its Secret."""
    await cluster.create(certificate("web", **spec))
    await cluster.settled()
    assert is_ready(await cluster.certificate("web"))
    return await cluster.secret("web-tls")


async def edit(cluster: Cluster, **spec: Any) -> Secret:
    """Change the spec of `web`, and return its Secret after that."""
    await cluster.patch(Certificate, "web", {"spec": spec})
    await cluster.settled()
    return await cluster.secret("web-tls")


async def put(cluster: Cluster, manager: str, body: dict[str, Any]) -> None:
    """Apply something to the Secret as somebody else."""
    await cluster.client.apply(
        SECRETS, "web-tls", cluster.namespace, body, field_manager=manager, type_=msgspec.json.decode
    )


async def renew(cluster: Cluster) -> None:
    """Ask for another issuance as anybody may, with the condition alone."""
    issuing = {"type": "Issuing", "status": "True", "reason": "Asked", "message": "by hand"}
    others = msgspec.to_builtins((await cluster.certificate("web")).status.conditions)
    kept = [each for each in others if each["type"] != "Issuing"]
    await cluster.patch(Certificate, "web", {"status": {"conditions": [*kept, issuing]}}, "status")
    await cluster.settled()


def combined(secret: Secret) -> bytes:
    return secret.data["tls.key"] + b"\n" + secret.data["tls.crt"]


def private_bytes(secret: Secret) -> bytes:
    """The private key as it is stored, in binary."""
    return base64.b64decode(b"".join(secret.data["tls.key"].splitlines()[1:-1]))


async def test_what_others_put_there_stays_even_under_the_names_of_our_formats(ca: Cluster) -> None:
    await issued(ca)
    foreign = {"random": "aGFuZA==", DER: "aGFuZA==", COMBINED: "aGFuZA=="}
    await ca.patch(Secret, "web-tls", {"data": foreign})
    await ca.settled()
    after = await edit(ca, secretTemplate={"labels": {"a": "b"}})
    assert after.metadata.labels["a"] == "b"
    assert [after.data[name] for name in foreign] == [b"hand"] * 3


async def test_formats_come_and_go_one_by_one_and_nothing_is_issued(ca: Cluster) -> None:
    before = await issued(ca)
    one, other = ({"type": each.type} for each in BOTH)
    for formats, names in (
        ([one], {COMBINED}),
        ([one, other], {COMBINED, DER}),
        ([other], {DER}),
        ([], set()),
    ):
        after = await edit(ca, additionalOutputFormats=formats)
        assert after.data.keys() - before.data.keys() == names
        assert after.data.items() >= before.data.items()
    assert (await ca.certificate("web")).status.revision == 1


async def test_formats_that_somebody_spoils_are_put_right(ca: Cluster) -> None:
    before = await issued(ca, additional_output_formats=BOTH)
    assert before.data[COMBINED] == combined(before)
    assert before.data[DER] == private_bytes(before)
    await ca.patch(Secret, "web-tls", {"data": {DER: "c3BvaWx0", COMBINED: "c3BvaWx0"}})
    await ca.settled()
    assert (await ca.secret("web-tls")).data == before.data
    assert (await ca.certificate("web")).status.revision == 1


async def test_formats_follow_a_renewal_that_was_asked_for(ca: Cluster) -> None:
    before = await issued(ca, additional_output_formats=BOTH)
    await renew(ca)
    after = await ca.secret("web-tls")
    assert (await ca.certificate("web")).status.revision == 2
    assert all(after.data[name] != before.data[name] for name in PAIR)
    assert after.data[COMBINED] == combined(after)
    assert after.data[DER] == private_bytes(after)


async def test_a_format_that_somebody_else_owns_too_outlives_our_part(ca: Cluster) -> None:
    before = await issued(ca, additional_output_formats=BOTH)
    await put(ca, "somebody", {"data": {COMBINED: before.data[COMBINED]}})
    after = await edit(ca, additionalOutputFormats=None)
    assert COMBINED in after.data
    assert DER not in after.data
    await put(ca, "somebody", {})
    await ca.settled()
    assert COMBINED not in (await ca.secret("web-tls")).data


async def test_of_three_with_one_secret_none_asks_twice_and_names_of_their_own_settle_it(
    ca: Cluster,
) -> None:
    keys = {"a": "ECDSA", "b": "RSA", "c": "ECDSA"}
    await ca.create(
        *(certificate(n, secret_name="same", private_key=PrivateKey(algorithm=k)) for n, k in keys.items())
    )
    await ca.settled()
    owners = [request.metadata.owner_references[0].name for request in await ca.objects(CertificateRequest)]
    assert len(owners) == len(set(owners))
    assert sum(map(is_ready, await ca.objects(Certificate))) == 1
    for name in keys:
        await ca.patch(Certificate, name, {"spec": {"secretName": f"{name}-tls"}})
    await ca.settled()
    assert all(map(is_ready, await ca.objects(Certificate)))
    assert {(await ca.secret(f"{name}-tls")).type for name in keys} == {"kubernetes.io/tls"}


async def test_what_is_going_away_in_the_foreground_gets_nothing_new(ca: Cluster, any_server: Server) -> None:
    if not any_server.collects_garbage:
        pytest.skip("this API server has nobody who collects garbage")
    await issued(ca)
    await ca.patch(Certificate, "web", {"metadata": {"finalizers": ["conformance.example/held"]}})
    try:
        await ca.delete(Certificate, "web", "Foreground")
        await ca.delete(Secret, "web-tls")
        await ca.until_gone(CertificateRequest, "web-1")
        await ca.settled()
        assert (await ca.certificate("web")).metadata.deletion_timestamp is not None
        assert await ca.objects(CertificateRequest) == []
        assert not await ca.exists(Secret, "web-tls")
    finally:
        await ca.patch(Certificate, "web", {"metadata": {"finalizers": None}})


async def test_a_literal_subject_keeps_its_escapes_and_its_order_from_the_end(ca: Cluster) -> None:
    text = (
        r"CN=Jo \"Joe\" Doe\, III,UID=jodoe,SERIALNUMBER=12345,OU=One,OU=Two,DC=example,DC=corp,O=Acme\+Co,"
        "STREET=The Street,L=Wien,C=AT"
    )
    secret = await issued(ca, dns_names=[], literal_subject=text)
    found = x509.load_pem_x509_certificate(secret.data["tls.crt"]).subject
    assert [(each.oid.dotted_string, each.value) for each in found] == [
        ("2.5.4.6", "AT"),
        ("2.5.4.7", "Wien"),
        ("2.5.4.9", "The Street"),
        ("2.5.4.10", "Acme+Co"),
        ("0.9.2342.19200300.100.1.25", "corp"),
        ("0.9.2342.19200300.100.1.25", "example"),
        ("2.5.4.11", "Two"),
        ("2.5.4.11", "One"),
        ("2.5.4.5", "12345"),
        ("0.9.2342.19200300.100.1.1", "jodoe"),
        ("2.5.4.3", 'Jo "Joe" Doe, III'),
    ]


async def test_a_template_is_mirrored_beside_what_others_put_there(ca: Cluster) -> None:
    await issued(ca)
    theirs = {"labels": {"theirs": "l"}, "annotations": {"theirs.example/x": "a"}}
    await ca.patch(Secret, "web-tls", {"metadata": theirs, "data": {"random": "aGFuZA=="}})
    before = (await ca.secret("web-tls")).metadata
    after = await edit(ca, secretTemplate={"labels": {"abc": "1"}, "annotations": {"foo": "1", "bar": "2"}})
    assert after.metadata.labels == before.labels | {"abc": "1"}
    assert after.metadata.annotations == before.annotations | {"foo": "1", "bar": "2"}
    after = await edit(ca, secretTemplate={"labels": {"abc": "2"}, "annotations": {"foo": None}})
    assert after.metadata.labels == before.labels | {"abc": "2"}
    assert after.metadata.annotations == before.annotations | {"bar": "2"}
    after = await edit(ca, secretTemplate=None)
    assert after.metadata.labels == before.labels
    assert after.metadata.annotations == before.annotations
    assert after.data["random"] == b"hand"
    assert (await ca.certificate("web")).status.revision == 1


async def test_what_a_template_shares_with_somebody_else_outlives_either_of_them(ca: Cluster) -> None:
    metadata: dict[str, Any] = {"labels": {"abc": "123"}, "annotations": {"an-annotation": "bar"}}
    await issued(ca)
    await put(ca, "somebody", {"metadata": metadata})
    await edit(ca, secretTemplate=metadata)
    fields = [
        each.fields_v1
        for each in (await ca.secret("web-tls")).metadata.managed_fields
        if each.manager == annotations.TARGET_SECRET_MANAGER
    ]
    assert any(b"f:an-annotation" in msgspec.json.encode(each) for each in fields)
    await put(ca, "somebody", {})
    await ca.settled()
    assert (await ca.secret("web-tls")).metadata.labels["abc"] == "123"
    assert (await ca.secret("web-tls")).metadata.annotations["an-annotation"] == "bar"
    await put(ca, "somebody", {"metadata": metadata})
    after = await edit(ca, secretTemplate=None)
    assert after.metadata.labels["abc"] == "123"
    await put(ca, "somebody", {})
    await ca.settled()
    assert "abc" not in (await ca.secret("web-tls")).metadata.labels
