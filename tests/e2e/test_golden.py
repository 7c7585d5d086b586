"""What a real cert-manager did with the same objects, recorded, and compared with what we do.

golden/CASE.yaml: what was done (`steps`) and what could be seen in the end (`want`, see
certwright.testing.observation). What differs on purpose is in `DIFFERENCES` here and in docs/differences.md.
"""

import copy
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from certwright.api.certmanager import CAIssuer, Certificate, Issuer, IssuerSpec
from certwright.api.foreign import Event, Secret
from certwright.api.meta import (
    CERTIFICATE_REQUESTS,
    CERTIFICATES,
    SECRETS,
    ManagedObjectMeta,
    ObjectMeta,
    Resource,
)
from certwright.controllers.manager import ControllerConfig
from certwright.pki import sign
from certwright.plan.world import Policy
from certwright.testing import observation
from certwright.testing.builders import authority, ca_issuer, self_signed_issuer, tls_secret
from certwright.testing.checks import openssl_verify
from certwright.testing.cluster import Cluster

CASES = {path.stem: path.read_text() for path in sorted(Path(__file__).parent.glob("golden/*.yaml"))}

PASSWORD = "changeit"  # of all PKCS#12 keystores
REFUSED = "The built-in approver is not allowed to approve requests for this issuer: ..."
"""The event of a refusal, without the words of whoever refuses."""

Want = dict[str, Any]


def keys_of_signers_in_process_are_held_in_memory(want: Want) -> None:
    if any("CertificateIssued" in line for line in want["events"]):
        stored = 'Stored new private key in temporary Secret resource "a-*"'
        held = "Generated new private key, held in memory until it is stored with its certificate"
        want["events"] = [line.replace(stored, held) for line in want["events"]]


def next_key_secrets_get_their_name_from_us(want: Want) -> None:
    for secret in want["secrets"].values():
        for fields in secret["managers"].values():
            if "/metadata/generateName" in fields:
                fields.remove("/metadata/generateName")


def no_signer_tells_that_it_waits_for_our_own_approval(want: Want) -> None:
    want["events"] = [line for line in want["events"] if "WaitingForApproval" not in line]


def one_signer_speaks_for_an_issuer_that_is_missing(want: Want) -> None:
    others = re.compile(r"IssuerNotFound \[certificaterequests-issuer-(acme|selfsigned|vault|venafi)\]")
    want["events"] = [line for line in want["events"] if not others.search(line)]


def a_refused_approval_is_told_once(want: Want) -> None:
    for name in foreign_requests(want):
        about = f"CertificateRequest/{name}"
        want["events"].append(f"{about} Warning ApprovalForbidden [certificaterequests-approver]: {REFUSED}")


def foreign_requests(want: Want) -> list[str]:
    refs = {name: request["spec"]["issuerRef"] for name, request in want["requests"].items()}
    return [name for name, ref in refs.items() if ref.get("group", "cert-manager.io") != "cert-manager.io"]


def approved_by_nobody_but_us(want: Want) -> None:
    """What is to be seen on an API server that has no webhook to forbid the approval."""
    for name in foreign_requests(want):
        request = want["requests"][name]
        text = "Certificate request has been approved by cert-manager.io"
        approved = {"type": "Approved", "status": "True", "reason": "cert-manager.io", "message": text}
        request["conditions"].append(approved)
        about = f"CertificateRequest/{name}"
        want["events"].append(f"{about} Normal cert-manager.io [certificaterequests-approver]: {text}")


def our_own_words(want: Want) -> None:
    never = (
        'The private key in Secret "a-tls" does not fit [spec.privateKey.size], and '
        "spec.privateKey.rotationPolicy Never forbids making another one. Set it to Always, or delete the "
        "Secret, to have a new key made."
    )
    undecodable = "error decoding private key PEM block: no PEM data was found in given input"
    want["events"] = [
        re.sub(r"User intervention required: .*", never, line).replace(
            undecodable, "no PEM block found in the private key"
        )
        for line in want["events"]
    ]


def a_duplicate_secret_name_is_a_condition(want: Want) -> None:
    for name, certificate in want["certificates"].items():
        ready = next(each for each in certificate["conditions"] if each["type"] == "Ready")
        if ready["reason"] != "IncorrectCertificate":
            continue
        text = (
            'spec.secretName "same" belongs to Certificate "a", so nothing is issued for this one. Give each '
            "of them a secretName of its own."
        )
        conflict = {"type": "SecretConflict", "status": "True", "reason": "DuplicateSecretName"}
        certificate["conditions"].append(conflict | {"message": text, "observedGeneration": 1})
        event = f"Certificate/{name} Warning DuplicateSecretName [certificates-trigger]: {text}"
        want["events"].append(event)


DIFFERENCES: tuple[Callable[[Want], None], ...] = (
    keys_of_signers_in_process_are_held_in_memory,
    next_key_secrets_get_their_name_from_us,
    no_signer_tells_that_it_waits_for_our_own_approval,
    one_signer_speaks_for_an_issuer_that_is_missing,
    a_refused_approval_is_told_once,
    our_own_words,
    a_duplicate_secret_name_is_a_condition,
)
"""What differs on purpose: each makes of the recording what we do. The reasons are in docs/differences.md."""


def requests_tell_of_those_before_them(got: Want) -> None:
    """The times differ from run to run."""
    for request in got["requests"].values():
        request["annotations"].pop("certwright.dev/recent-requests", None)


def renewals_are_spread(want: Want, got: Want) -> None:
    """Up to 5 % of the time up to renewal, and up to a day, earlier than recorded; never later."""
    for name, certificate in want["certificates"].items():
        recorded, seen = certificate.get("renewedAfter"), got["certificates"][name].get("renewedAfter")
        if recorded is not None and seen is not None:
            assert recorded - min(recorded // 20, 86_400) <= seen <= recorded
            certificate["renewedAfter"] = seen


async def issuers(cluster: Cluster) -> bytes:
    """The five Issuers that every recording had; returns the root of their CAs."""
    start = datetime.now(UTC) - timedelta(minutes=5)
    root, root_key = authority("golden ca", start, timedelta(days=3650))
    parent = sign.load_ca(root, root_key, None)
    chain, key = authority("golden inter", start, timedelta(days=1000), parent)
    urls = {
        "crl_distribution_points": ["http://crl.example/a"],
        "issuing_certificate_urls": ["http://aia.example/ca"],
        "ocsp_servers": ["http://ocsp.example"],
    }
    await cluster.create(
        tls_secret("ca", root, root_key),
        tls_secret("inter", chain, key),
        ca_issuer("ca"),
        ca_issuer("inter"),
        ca_issuer("nosecret", "nope"),
        self_signed_issuer("ss"),
        Issuer(metadata=ObjectMeta(name="urls"), spec=IssuerSpec(ca=CAIssuer(secret_name="ca", **urls))),
    )
    return root


async def do(cluster: Cluster, step: dict[str, Any]) -> None:
    """Do what was done when it was recorded."""
    name = step.get("name", "")
    match step["do"]:
        case "create":
            await cluster.client.create(CERTIFICATES, step["object"], cluster.namespace)
        case "create-secret":
            data = {key: text.encode() for key, text in step["data"].items()}
            await cluster.create(Secret(metadata=ManagedObjectMeta(name=name), data=data))
        case "patch":
            await cluster.patch(Certificate, name, step["body"])
        case "patch-secret":
            await cluster.patch(Secret, name, step["body"])
        case "delete":
            await cluster.delete(Certificate, name)
        case "delete-secret":
            await cluster.delete(Secret, name)
        case "issuing":
            await renew_by_hand(cluster, name)
        case unknown:
            raise AssertionError(f"the recording has an unknown step: {unknown}")


async def renew_by_hand(cluster: Cluster, name: str) -> None:
    """Set the condition that `cmctl renew` sets."""
    seen = await cluster.client.get(CERTIFICATES, name, cluster.namespace, type_=dict)
    issuing = {
        "type": "Issuing",
        "status": "True",
        "reason": "ManuallyTriggered",
        "message": "Certificate re-issuance manually triggered",
        "observedGeneration": seen["metadata"]["generation"],
        "lastTransitionTime": cluster.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    others = [c for c in seen["status"]["conditions"] if c["type"] != "Issuing"]
    status = {"conditions": [*others, issuing]}
    await cluster.patch(Certificate, name, {"status": status}, "status")


async def observed(cluster: Cluster) -> Want:
    """What can be seen now."""

    async def objects(resource: Resource) -> list[dict[str, Any]]:
        return await cluster.client.list_(resource, cluster.namespace, type_=msgspec.json.decode)

    events = {
        observation.event(
            e.involved_object.kind, e.involved_object.name, e.type, e.reason, e.message, e.source.component
        )
        for e in await cluster.objects(Event)
        if e.involved_object.kind != "Issuer"
    }
    return {
        "events": sorted(re.sub(f"(?<={REFUSED[:-3]}).*", "...", event) for event in events),
        "certificates": {
            o["metadata"]["name"]: observation.certificate(o) for o in await objects(CERTIFICATES)
        },
        "requests": {
            o["metadata"]["name"]: observation.request(o) for o in await objects(CERTIFICATE_REQUESTS)
        },
        "secrets": {
            observation.without_random(o["metadata"]["name"]): observation.secret(o, PASSWORD)
            for o in await objects(SECRETS)
            if observation.is_ours(o)
        },
    }


def approves(cluster: Cluster, got: Want) -> bool:
    """Whether nobody forbids an approval. In our own server our rules do; another may have no webhook."""
    approved = [line for line in got["events"] if "Normal cert-manager.io [certificaterequests-app" in line]
    return cluster.server is None and any(
        f"/{name} " in line for name in foreign_requests(got) for line in approved
    )


def without_issuing_that_is_over(got: Want) -> None:
    """Take away the one thing that the gate ServerSideApply adds: Issuing=False after a success."""
    for certificate in got["certificates"].values():
        found = [c for c in certificate["conditions"] if c["type"] == "Issuing"]
        if "revision" in certificate:
            assert len(found) == 1
        certificate["conditions"] = [
            c
            for c in certificate["conditions"]
            if (c["type"], c["status"], c["reason"]) != ("Issuing", "False", "Issued")
        ]


@pytest.mark.parametrize("by_apply", [False, True], ids=["by-patch", "by-apply"])
@pytest.mark.parametrize("name", CASES)
async def test_we_do_what_cert_manager_did(any_cluster: Cluster, name: str, by_apply: bool) -> None:
    cluster = any_cluster
    case = yaml.safe_load(CASES[name])
    root = await issuers(cluster)
    policy = Policy(server_side_apply=by_apply)
    await cluster.start(ControllerConfig(namespace=cluster.namespace, policy=policy))
    await cluster.settled()
    for step in case["steps"]:
        await do(cluster, step)
        await cluster.settled()
    got = await observed(cluster)
    if by_apply:
        without_issuing_that_is_over(got)
    want = copy.deepcopy(case["want"])
    for difference in DIFFERENCES:
        is_approved = difference is a_refused_approval_is_told_once and approves(cluster, got)
        (approved_by_nobody_but_us if is_approved else difference)(want)
    want["events"] = sorted(set(want["events"]))
    requests_tell_of_those_before_them(got)
    renewals_are_spread(want, got)
    assert got["events"] == want["events"]
    assert got["certificates"] == want["certificates"]
    assert got["requests"] == want["requests"]
    assert got["secrets"] == want["secrets"]
    for stored, seen in got["secrets"].items():
        if "certificate" in seen:
            secret = await cluster.secret(stored)
            signed_itself = seen["certificate"]["subject"] == seen["certificate"]["issuer"]
            assert openssl_verify(secret, secret.data["tls.crt"] if signed_itself else root) == ""
