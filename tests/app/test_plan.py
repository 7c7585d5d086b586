"""What `plan` says is what then happens: each edit is foreseen, then applied, and both are compared."""

from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from certwright.api.annotations import RENEWAL_SPREAD
from certwright.api.certmanager import Certificate, CertificateRequest, IssuerRef
from certwright.api.codec import to_builtins
from certwright.api.foreign import Secret
from certwright.api.meta import (
    CERTIFICATES,
    CLUSTER_ISSUERS,
    CONFIG_MAPS,
    ISSUERS,
    NAMESPACES,
    SECRETS,
    Resource,
)
from certwright.apiserver.wire import AUTHENTICATED, UserInfo
from certwright.app.apply import apply_all
from certwright.app.errors import RunError
from certwright.app.inprocess import InProcess
from certwright.app.manifests import Manifest
from certwright.app.plan import Options, document, preview_manifests
from certwright.app.preview_text import text
from certwright.controllers.manager import ControllerConfig
from certwright.kube.client import Client
from certwright.kube.requests import Request
from certwright.kube.transport import Response
from certwright.plan.effects import CertificateEffect, Preview
from certwright.testing.builders import ca_issuer, ca_secret, certificate, self_signed_issuer
from certwright.testing.cluster import Cluster
from certwright.testing.tap import READS, Tap

SPEC: dict[str, Any] = {
    "secretName": "web-tls",
    "dnsNames": ["web.example"],
    "issuerRef": {"name": "ca"},
    "privateKey": {"algorithm": "ECDSA"},
}
TEMPLATE = {"labels": {"team": "shop"}}
NEVER = {"algorithm": "ECDSA", "rotationPolicy": "Never"}
OTHER_NAMES = [{"oid": "1.3.6.1.4.1.311.20.2.3", "utf8Value": "web@example"}]
CONSTRAINTS = {"permitted": {"dnsDomains": ["example"]}}

# What an edit of the spec leads to: the fields before, the fields after, and the effect.
EDITS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "commonName": ({}, {"commonName": "web.example"}, "reissue"),
    "dnsNames": ({}, {"dnsNames": ["web.example", "www.example"]}, "reissue"),
    "dnsNames in another order": (
        {"dnsNames": ["a.example", "b.example"]},
        {"dnsNames": ["b.example", "a.example"]},
        "update",
    ),
    "ipAddresses": ({}, {"ipAddresses": ["10.0.0.1"]}, "reissue"),
    "uris": ({}, {"uris": ["spiffe://example/web"]}, "reissue"),
    "emailAddresses": ({}, {"emailAddresses": ["web@example.com"]}, "reissue"),
    "subject": ({}, {"subject": {"organizations": ["Shop"]}}, "reissue"),
    "literalSubject": ({}, {"literalSubject": "CN=web.example,O=Shop"}, "reissue"),
    "isCA": ({}, {"isCA": True}, "reissue"),
    "usages": ({}, {"usages": ["server auth"]}, "reissue"),
    "otherNames": ({}, {"otherNames": OTHER_NAMES}, "reissue"),
    "otherNames removed": ({"otherNames": OTHER_NAMES}, {}, "update"),
    "duration": ({"duration": "24h"}, {"duration": "48h"}, "reissue"),
    "duration written otherwise": ({"duration": "24h"}, {"duration": "1440m"}, "update"),
    "duration set": ({}, {"duration": "48h"}, "update"),
    "duration removed": ({"duration": "24h"}, {}, "update"),
    "issuerRef": ({}, {"issuerRef": {"name": "other"}}, "reissue"),
    "issuerRef spelt out": (
        {},
        {"issuerRef": {"name": "ca", "kind": "Issuer", "group": "cert-manager.io"}},
        "update",
    ),
    "an issuer that is not there": ({}, {"issuerRef": {"name": "nowhere"}}, "reissue"),
    "privateKey.size": ({}, {"privateKey": {"algorithm": "ECDSA", "size": 384}}, "reissue"),
    "privateKey.algorithm": ({}, {"privateKey": {"algorithm": "Ed25519"}}, "reissue"),
    "a key that must not be replaced": (
        {"privateKey": NEVER},
        {"privateKey": NEVER | {"size": 384}},
        "block",
    ),
    "a key that is kept": (
        {"privateKey": NEVER},
        {"privateKey": NEVER, "dnsNames": ["a.example"]},
        "reissue",
    ),
    "secretName": ({}, {"secretName": "elsewhere"}, "issue"),
    "secretTemplate": ({}, {"secretTemplate": TEMPLATE}, "rewrite"),
    "secretTemplate removed": ({"secretTemplate": TEMPLATE}, {}, "rewrite"),
    "additionalOutputFormats": ({}, {"additionalOutputFormats": [{"type": "DER"}]}, "rewrite"),
    "additionalOutputFormats removed": ({"additionalOutputFormats": [{"type": "DER"}]}, {}, "rewrite"),
    "renewBefore": ({}, {"renewBefore": "24h"}, "update"),
    "renewBeforePercentage": ({}, {"renewBeforePercentage": 10}, "update"),
    "renewal": ({}, {"renewal": {"policy": "Disabled"}}, "update"),
    "privateKey.encoding": ({}, {"privateKey": {"algorithm": "ECDSA", "encoding": "PKCS8"}}, "update"),
    "privateKey.rotationPolicy": ({}, {"privateKey": NEVER}, "update"),
    "signatureAlgorithm": ({}, {"signatureAlgorithm": "ECDSAWithSHA512"}, "update"),
    "encodeUsagesInRequest": ({}, {"encodeUsagesInRequest": False}, "update"),
    "nameConstraints": ({"isCA": True}, {"isCA": True, "nameConstraints": CONSTRAINTS}, "update"),
    "revisionHistoryLimit": ({}, {"revisionHistoryLimit": 3}, "update"),
    "keystores on": ({}, {"keystores": {"jks": {"create": True, "password": "changeit"}}}, "rewrite"),
    "keystores off": ({"keystores": {"jks": {"create": True, "password": "changeit"}}}, {}, "rewrite"),
    "a keystore's password": (
        {"keystores": {"jks": {"create": True, "password": "changeit"}}},
        {"keystores": {"jks": {"create": True, "password": "changed"}}},
        "update",
    ),
    "a keystore's password that is missing": (
        {},
        {"keystores": {"jks": {"create": True, "passwordSecretRef": {"name": "nowhere", "key": "x"}}}},
        "block",
    ),
    "nothing": ({}, {}, "none"),
}


def manifest(resource: Resource, name: str, cluster: Cluster, **fields: Any) -> Manifest:
    metadata = {"name": name, "namespace": cluster.namespace} | fields.pop("metadata", {})
    obj = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata} | fields
    return Manifest(source="test.yaml", document=1, object=obj)


def web(cluster: Cluster, name: str = "web", metadata: dict[str, Any] | None = None, **spec: Any) -> Manifest:
    """A Certificate that is renewed at the exact time, unless `metadata` has annotations of its own."""
    usual = {"annotations": {RENEWAL_SPREAD: "off"}}
    return manifest(CERTIFICATES, name, cluster, metadata=usual | (metadata or {}), spec=SPEC | spec)


async def foreseen(cluster: Cluster, *manifests: Manifest, client: Client | None = None) -> Preview:
    options = Options(paths=(), namespace=cluster.namespace)
    return await preview_manifests(client or cluster.client, manifests, options, cluster.clock.now())


async def foreseen_one(cluster: Cluster, *manifests: Manifest) -> CertificateEffect:
    (effect,) = (await foreseen(cluster, *manifests)).certificates
    return effect


async def apply(cluster: Cluster, *manifests: Manifest) -> None:
    await apply_all(cluster.client, manifests, pytest.fail)
    await cluster.settled()


@pytest_asyncio.fixture(loop_scope="session")
async def ca(cluster: Cluster) -> Cluster:
    """A cluster with the CA Issuers `ca` and `other`, and controllers at work."""
    await cluster.create(ca_secret(), ca_issuer(), ca_secret("other"), ca_issuer("other"))
    await cluster.start(ControllerConfig(namespace=cluster.namespace))
    return cluster


class Seen:
    """What there is of the Certificate `web` at one moment."""

    def __init__(self, found: Certificate, secrets: list[Secret], requests: list[CertificateRequest]) -> None:
        self.revision = found.status.revision
        self.renewal = found.status.renewal_time
        self.secret = next((s for s in secrets if s.metadata.name == found.spec.secret_name), None)
        self.requests = {f"CertificateRequest {r.metadata.name}" for r in requests}


async def look(cluster: Cluster) -> Seen:
    certificate_ = await cluster.certificate("web")
    return Seen(certificate_, await cluster.objects(Secret), await cluster.objects(CertificateRequest))


@pytest.mark.parametrize("edit", EDITS)
async def test_what_is_foreseen_for_an_edit_comes_true(ca: Cluster, edit: str) -> None:
    first, then, action = EDITS[edit]
    await apply(ca, web(ca, **first))
    before, version = await look(ca), await ca.resource_version()
    effect = await foreseen_one(ca, web(ca, **then))
    assert await ca.resource_version() == version
    assert effect.action == action

    await apply(ca, web(ca, **then))
    after = await look(ca)
    if edit == "an issuer that is not there":
        assert effect.notes == ("waits for Issuer nowhere, which is not ready: it does not exist",)
        assert after.revision == before.revision
        return
    if effect.revision is not None:
        assert (effect.revision.from_, effect.revision.to) == (before.revision, after.revision)
    assert (after.revision != before.revision) == (action in ("reissue", "issue"))
    assert before.requests - after.requests == set(effect.deletes)
    assert after.secret is not None
    compare_secrets(effect, before, after)
    compare_renewal(effect, before, after)


def compare_secrets(effect: CertificateEffect, before: Seen, after: Seen) -> None:
    assert after.secret is not None
    assert before.secret is not None
    if effect.secret_change == "created":
        assert before.secret.metadata.name != after.secret.metadata.name
        assert effect.notes == ("Secret web-tls is left behind",)
        return
    written = before.secret.metadata.resource_version != after.secret.metadata.resource_version
    same_certificate = before.secret.data["tls.crt"] == after.secret.data["tls.crt"]
    same_key = before.secret.data["tls.key"] == after.secret.data["tls.key"]
    assert written == (effect.secret_change != "")
    assert same_certificate == (effect.secret_change != "issued")
    assert same_key == (effect.key != "new")


def compare_renewal(effect: CertificateEffect, before: Seen, after: Seen) -> None:
    if effect.renewal is None:
        assert after.renewal == before.renewal
    elif effect.renewal.estimated:
        assert effect.renewal.to is not None
        assert after.renewal is not None
        assert abs((effect.renewal.to - after.renewal).total_seconds()) < 60
    else:
        assert (effect.renewal.from_, effect.renewal.to) == (before.renewal, after.renewal)
        assert before.renewal != after.renewal


async def test_an_estimate_is_the_latest_moment_and_the_spread_takes_something_off(ca: Cluster) -> None:
    spread: dict[str, Any] = {"annotations": {}}
    await apply(ca, web(ca, metadata=spread))
    edited = web(ca, metadata=spread, dnsNames=["other.example"])
    effect = await foreseen_one(ca, edited)
    await apply(ca, edited)
    after = await look(ca)
    assert effect.renewal is not None
    assert effect.renewal.to is not None
    assert after.renewal is not None
    assert timedelta(minutes=-1) < effect.renewal.to - after.renewal <= timedelta(days=1, minutes=1)


async def test_labels_and_annotations_of_a_certificate_issue_nothing(ca: Cluster) -> None:
    await apply(ca, web(ca))
    before = await look(ca)
    edited = web(ca, metadata={"labels": {"a": "b"}, "annotations": {RENEWAL_SPREAD: "off", "c": "d"}})
    effect = await foreseen_one(ca, edited)
    assert effect.action == "update"
    assert effect.fields == ("metadata.annotations.c", "metadata.labels.a")
    await apply(ca, edited)
    assert (await look(ca)).revision == before.revision


async def test_a_renewal_time_that_is_past_re_issues_at_once(ca: Cluster) -> None:
    await apply(ca, web(ca, duration="2h"))
    ca.clock.jump(by=timedelta(minutes=30))
    edited = web(ca, duration="2h", renewBefore="1h59m")
    effect = await foreseen_one(ca, edited)
    assert (effect.action, effect.reason) == ("reissue", "Renewing")
    await apply(ca, edited)
    assert (await look(ca)).revision != 1


async def test_requests_beyond_the_history_limit_go(ca: Cluster) -> None:
    for number in range(3):
        await apply(ca, web(ca, revisionHistoryLimit=3, dnsNames=[f"{number}.example"]))
    edited = web(ca, revisionHistoryLimit=1, dnsNames=["2.example"])
    effect = await foreseen_one(ca, edited)
    assert effect.action == "update"
    assert set(effect.deletes) == {"CertificateRequest web-1", "CertificateRequest web-2"}
    await apply(ca, edited)
    assert (await look(ca)).requests == {"CertificateRequest web-3"}


async def test_an_edit_in_the_middle_of_an_issuance_exchanges_the_request(ca: Cluster) -> None:
    foreign = {"name": "x", "kind": "Y", "group": "z.example"}
    await apply(ca, web(ca, issuerRef=foreign))
    first = await ca.get(CertificateRequest, "web-1")
    edited = web(ca, issuerRef=foreign, dnsNames=["other.example"])
    effect = await foreseen_one(ca, edited)
    assert effect.action == "issue"
    assert effect.deletes == ("CertificateRequest web-1",)
    assert effect.request == "web-1"
    assert "[spec.dnsNames]" in effect.message
    assert effect.notes == ("Y x is left to the controller of z.example",)
    await apply(ca, edited)
    assert (await ca.get(CertificateRequest, "web-1")).metadata.uid != first.metadata.uid


async def test_a_certificate_made_anew_takes_over_its_secret(ca: Cluster) -> None:
    await apply(ca, web(ca))
    before = await look(ca)
    await ca.delete(Certificate, "web")
    await ca.settled()
    effect = await foreseen_one(ca, web(ca))
    assert (effect.action, effect.object) == ("adopt", "created")
    await apply(ca, web(ca))
    after = await look(ca)
    assert after.revision is None
    assert before.secret is not None
    assert after.secret is not None
    assert after.secret.metadata.resource_version == before.secret.metadata.resource_version


async def test_a_second_certificate_for_a_secret_is_not_issued(ca: Cluster) -> None:
    await apply(ca, web(ca))
    late = web(ca, name="late")
    (effect,) = (e for e in (await foreseen(ca, late)).certificates if e.action != "none")
    assert (effect.name, effect.action) == ("late", "block")
    assert '"web-tls" belongs to Certificate "web"' in effect.message
    await apply(ca, late)
    assert (await ca.certificate("late")).status.revision is None


async def test_a_certificate_that_is_not_in_the_manifests_is_affected_too(ca: Cluster) -> None:
    await apply(ca, web(ca))
    secret = manifest(SECRETS, "web-tls", ca, type="kubernetes.io/tls", data={"tls.crt": "", "tls.key": ""})
    found = await foreseen(ca, secret)
    (effect,) = found.certificates
    assert (effect.action, effect.object, effect.reason) == ("issue", "unchanged", "MissingData")
    assert [(o.kind, o.object) for o in found.objects] == [("Secret", "changed")]
    (note,) = found.notes
    assert note.endswith("web-tls: tls: failed to find any PEM data in certificate input")
    await apply_all(ca.client, [secret], lambda _: None)
    await ca.settled()
    assert (await look(ca)).revision == 2


async def test_freeing_a_secret_name_issues_the_certificate_that_waited_for_it(ca: Cluster) -> None:
    await apply(ca, web(ca))
    await apply(ca, web(ca, name="late"))
    moved = web(ca, secretName="elsewhere")
    found = {e.name: e for e in (await foreseen(ca, moved)).certificates}
    assert found["web"].action == "issue"
    assert (found["late"].action, found["late"].reason) == ("reissue", "IncorrectCertificate")


async def test_an_issuer_edit_re_issues_nothing_and_names_whom_it_signs_next(ca: Cluster) -> None:
    await apply(ca, web(ca))
    edited = manifest(ISSUERS, "ca", ca, spec={"ca": {"secretName": "other"}})
    found = await foreseen(ca, edited)
    assert [e.action for e in found.certificates] == ["none"]
    (issuer,) = found.issuers
    assert (issuer.object, issuer.fields, issuer.ready) == ("changed", ("spec.ca.secretName",), True)
    assert issuer.signs_later == (f"{ca.namespace}/web",)
    assert found.changes
    await apply(ca, edited)
    assert (await look(ca)).revision == 1


async def test_an_issuer_whose_secret_will_be_missing_says_so(ca: Cluster) -> None:
    edited = manifest(ISSUERS, "ca", ca, spec={"ca": {"secretName": "nowhere"}})
    found = await foreseen(ca, edited, web(ca))
    (issuer,) = found.issuers
    assert not issuer.ready
    assert 'secrets "nowhere" not found' in issuer.detail
    (effect,) = found.certificates
    assert effect.action == "issue"
    assert "waits for Issuer ca, which is not ready" in effect.notes[0]


async def test_a_new_key_pair_of_a_ca_is_told_with_its_issuer(ca: Cluster) -> None:
    await apply(ca, web(ca))
    renewed = to_builtins(ca_secret("ca", generation=2).data)
    found = await foreseen(ca, manifest(SECRETS, "ca", ca, type="kubernetes.io/tls", data=renewed))
    (issuer,) = found.issuers
    assert (issuer.object, issuer.new_ca, issuer.ready) == ("unchanged", "its Secret", True)
    assert issuer.signs_later == (f"{ca.namespace}/web",)


async def test_an_authority_that_is_issued_first_is_waited_for(cluster: Cluster) -> None:
    root = web(cluster, name="root", isCA=True, secretName="root", issuerRef={"name": "self-signed"})
    issuers = [
        manifest(ISSUERS, "self-signed", cluster, spec={"selfSigned": {}}),
        manifest(ISSUERS, "root", cluster, spec={"ca": {"secretName": "root"}}),
    ]
    leaf = web(cluster, issuerRef={"name": "root"})
    found = await foreseen(cluster, *issuers, root, leaf)
    effects = {e.name: e for e in found.certificates}
    assert effects["root"].notes == ()
    (note,) = effects["web"].notes
    assert note.endswith("until Certificate root is issued, which makes its Secret")
    assert {e.action for e in found.certificates} == {"issue"}
    await cluster.start()
    await apply(cluster, *issuers, root, leaf)
    assert (await cluster.certificate("web")).status.revision == 1


async def test_what_was_due_before_is_not_put_down_to_the_change(ca: Cluster) -> None:
    await ca.kill(ca.running[0])
    await ca.create(certificate("due"), self_signed_issuer())
    found = await foreseen(ca, web(ca, name="late", secretName="late"))
    assert {e.name: e.action for e in found.certificates} == {"due": "none", "late": "issue"}


async def test_edits_of_a_due_certificate_say_that_it_is_due_anyway(ca: Cluster) -> None:
    await ca.kill(ca.running[0])
    await ca.create(certificate("web", IssuerRef(name="ca")))
    effect = await foreseen_one(ca, web(ca, dnsNames=["b.example"]))
    assert effect.action == "issue"
    assert "would happen without this change as well" in effect.notes


async def test_nothing_is_written_and_little_is_read(ca: Cluster, server: Any) -> None:
    for number in range(5):
        await ca.create(certificate(f"other-{number}"))
    await apply(ca, web(ca))
    seen: list[Request] = []

    async def note(request: Request) -> None:
        seen.append(request)

    client = Client(Tap(server.connect(), note))
    version = await ca.resource_version()
    found = await foreseen(ca, web(ca, dnsNames=["b.example"]), client=client)
    assert found.counts()["reissue"] == 1
    assert await ca.resource_version() == version
    assert Counter((r.verb, r.resource) for r in seen) == {
        ("get", "certificates"): 1,
        ("apply", "certificates"): 1,
        ("list", "certificates"): 1,
        ("list", "certificaterequests"): 1,
        ("list", "secrets"): 1,
        ("list", "issuers"): 1,
        ("list", "clusterissuers"): 1,
    }
    for request in seen:
        assert request.verb in READS or request.query.get("dryRun") == "All"


class ReadOnly:
    """A line to the server on which somebody may read everything and write nothing."""

    def __init__(self, server: Any) -> None:
        self.reads = server.connect()
        self.writes = InProcess(server.embedded, UserInfo("viewer", groups=(AUTHENTICATED,)))

    async def send(self, request: Request) -> Response:
        return await (self.reads if request.verb in READS else self.writes).send(request)

    def stream(self, request: Request) -> Any:
        return self.reads.stream(request)

    async def close(self) -> None:
        await self.reads.close()


async def test_who_may_only_read_gets_the_same_answer_with_a_note(ca: Cluster, server: Any) -> None:
    await apply(ca, web(ca))
    edited = (web(ca, dnsNames=["b.example"]), web(ca, name="new", secretName="new"))
    allowed = await foreseen(ca, *edited)
    found = await foreseen(ca, *edited, client=Client(ReadOnly(server)))
    assert [(e.name, e.action, e.message) for e in found.certificates] == [
        (e.name, e.action, e.message) for e in allowed.certificates
    ]
    assert len(found.notes) == 2
    assert all("you may not write it" in note for note in found.notes)


async def test_objects_of_a_namespace_that_comes_along_are_new(cluster: Cluster) -> None:
    new = manifest(NAMESPACES, "brand-new", cluster)
    elsewhere = web(cluster, metadata={"namespace": "brand-new"})
    found = await foreseen(cluster, new, elsewhere)
    (effect,) = found.certificates
    assert (effect.namespace, effect.action) == ("brand-new", "issue")
    assert any("namespace brand-new is not there yet" in note for note in found.notes)
    with pytest.raises(RunError, match='namespaces "brand-new" not found'):
        await foreseen(cluster, elsewhere)


async def test_all_mistakes_are_told_at_once_and_nothing_else(cluster: Cluster) -> None:
    wrong = web(cluster, dnsNames="none", issuerRef={})
    other = manifest(ISSUERS, "ca", cluster, spec={"ca": {}})
    with pytest.raises(RunError) as caught:
        await foreseen(cluster, wrong, other)
    lines = "\n".join(caught.value.lines)
    for path in ("spec.dnsNames", "spec.issuerRef.name", "spec.ca.secretName"):
        assert path in lines


async def test_a_kind_of_our_group_that_is_none_is_a_mistake(cluster: Cluster) -> None:
    wrong = manifest(Resource("cert-manager.io", "v1", "certs", "Cert"), "web", cluster)
    with pytest.raises(RunError, match=r"no Cert in cert-manager\.io/v1; the kinds are: Certificate"):
        await foreseen(cluster, wrong)


async def test_other_kinds_are_counted_and_left_out(cluster: Cluster) -> None:
    found = await foreseen(cluster, manifest(CONFIG_MAPS, "x", cluster, data={}))
    assert not found.changes
    assert found.notes == ("1 object of other kinds left out: certificates do not depend on them",)


async def test_fields_that_kubectl_would_remove_are_named(ca: Cluster) -> None:
    last = msgspec.json.encode({"spec": SPEC | {"duration": "24h"}}).decode()
    annotation = {"kubectl.kubernetes.io/last-applied-configuration": last}
    await apply(ca, web(ca, metadata={"annotations": annotation}, duration="24h"))
    (note,) = (await foreseen(ca, web(ca))).notes
    assert note.endswith("kubectl apply without --server-side would remove spec.duration; here it stays")


async def test_a_preview_shows_no_value_of_a_secret(ca: Cluster) -> None:
    secret = manifest(SECRETS, "ca", ca, type="kubernetes.io/tls", stringData={"password": "hunter2"})
    found = await foreseen(ca, secret)
    (shown,) = found.objects
    assert shown.fields == ("data.password",)
    printed = repr(found) + text(found) + str(document(found, show_all=True))
    assert "hunter2" not in printed
    assert "aHVudGVyMg" not in printed


async def test_a_cluster_issuer_names_the_certificates_of_all_namespaces(cluster: Cluster) -> None:
    name = f"{cluster.namespace}-everywhere"
    ref = {"name": name, "kind": "ClusterIssuer"}
    issuer = manifest(CLUSTER_ISSUERS, name, cluster, metadata={"namespace": ""}, spec={"selfSigned": {}})
    await apply(cluster, issuer, web(cluster, issuerRef=ref))
    crl = {"crlDistributionPoints": ["http://crl.example"]}
    edited = manifest(CLUSTER_ISSUERS, name, cluster, metadata={"namespace": ""}, spec={"selfSigned": crl})
    (found,) = (await foreseen(cluster, edited)).issuers
    assert (found.kind, found.object, found.ready) == ("ClusterIssuer", "changed", True)
    assert found.signs_later == (f"{cluster.namespace}/web",)
    await cluster.client.delete(CLUSTER_ISSUERS, name)
