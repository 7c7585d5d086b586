"""CertificateRequests: who asks is known, what is asked for is a good request, and neither changes later."""

import base64
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.api.certmanager import CertificateSpec, IssuerRef, PrivateKey
from certwright.api.meta import CERTIFICATE_REQUESTS
from certwright.pki import csr, keys, pem
from certwright.webhook import requests, rules
from certwright.webhook.writes import CREATE, Findings, Gates, Object, Requester, Unreadable, Write

KEY = keys.generate("ECDSA", 256)
IDENTITY = {"username": "alice", "uid": "7", "groups": ["b", "a"], "extra": {"k": ["2", "1"]}}
"""That of `conftest.ALICE`, in another order."""

Writer = Callable[..., Write]
Short = Callable[..., list[str]]


def signed(*, with_constraints: bool = False, **spec: Any) -> str:
    """A signing request in base64, as spec.request has it."""
    spec = {"dns_names": ["a.example"], "private_key": PrivateKey(algorithm="ECDSA")} | spec
    asked = CertificateSpec(secret_name="s", issuer_ref=IssuerRef(name="i"), **spec)
    text = csr.build_request(asked, KEY, encode_basic_constraints=with_constraints)
    return base64.b64encode(text).decode()


PLAIN = signed(encode_usages_in_request=False)


def request(**spec: Any) -> Object:
    """A CertificateRequest as alice's API server would store it; None removes a member."""
    merged = {"issuerRef": {"name": "i"}, "request": PLAIN} | IDENTITY | spec
    return {"metadata": {"name": "r"}, "spec": {k: v for k, v in merged.items() if v is not None}}


def decided(*conditions: tuple[str, str]) -> Object:
    time = "2026-01-01T00:00:00Z"
    listed = [{"type": type_, "status": status, "lastTransitionTime": time} for type_, status in conditions]
    return request() | {"status": {"conditions": listed}}


def create(write: Writer, new: Object) -> Findings:
    return requests.check(write(CERTIFICATE_REQUESTS, new), Gates())


def update(write: Writer, old: Object, new: Object) -> Findings:
    return requests.check(write(CERTIFICATE_REQUESTS, new, old), Gates())


@pytest.mark.parametrize(
    ("spec", "want"),
    [
        ({}, []),
        ({"issuerRef": {"name": ""}}, ["spec.issuerRef.name Required"]),
        ({"issuerRef": {"name": "i", "kind": "Robot"}}, ["spec.issuerRef.kind Invalid"]),
        ({"issuerRef": {"name": "i", "kind": "Robot", "group": "x.example"}}, []),
        ({"request": None}, ["spec.request Required"]),
        ({"request": base64.b64encode(b"hello").decode()}, ["spec.request Invalid"]),
        ({"usages": ["flying"]}, ["spec.usages[0] NotSupported"]),
        ({"duration": "1s"}, []),
        ({"username": "mallory"}, ["spec.username Forbidden"]),
        ({"uid": "8"}, ["spec.uid Forbidden"]),
        ({"groups": ["a"]}, ["spec.groups Forbidden"]),
        ({"extra": {"k": ["1"]}}, ["spec.extra Forbidden"]),
        ({"extra": None, "groups": None}, ["spec.groups Forbidden", "spec.extra Forbidden"]),
    ],
)
def test_what_may_be_created(spec: dict[str, Any], want: list[str], write: Writer, short: Short) -> None:
    assert short(create(write, request(**spec)).errors) == want


@pytest.mark.parametrize(
    ("encoded", "asked", "is_good"),
    [
        (signed(usages=["server auth"]), {"usages": ["server auth"]}, True),
        (signed(usages=["server auth"]), {"usages": ["client auth"]}, False),
        (signed(usages=["server auth", "client auth"]), {"usages": ["client auth", "server auth"]}, False),
        (signed(usages=["digital signature"]), {"usages": ["signing"]}, True),
        (signed(), {}, True),
        (signed(), {"isCA": True}, False),
        (PLAIN, {"isCA": True, "usages": ["ocsp signing"]}, True),
        (signed(with_constraints=True, encode_usages_in_request=False), {"isCA": True}, False),
        (signed(with_constraints=True, is_ca=True), {"isCA": True}, True),
    ],
    ids=[
        "the same",
        "another",
        "another order",
        "another word for the same",
        "the defaults",
        "one more for a CA",
        "none in the request",
        "a CA and no CA",
        "a CA twice",
    ],
)
def test_usages_in_the_signing_request_are_those_of_the_spec(
    encoded: str, asked: dict[str, Any], is_good: bool, write: Writer, short: Short
) -> None:
    found = short(create(write, request(request=encoded, **asked)).errors)
    assert found == ([] if is_good else ["spec.request Invalid"])


def test_a_request_with_a_wrong_signature_is_refused(write: Writer, short: Short) -> None:
    block = pem.first(base64.b64decode(PLAIN), 10_000)
    assert block is not None
    broken = pem.encode(block.label, block.content[:-1] + bytes([block.content[-1] ^ 1]))
    found = create(write, request(request=base64.b64encode(broken).decode()))
    assert short(found.errors) == ["spec.request Invalid"]


def test_at_most_a_hundred_characters_of_the_request_are_quoted(write: Writer) -> None:
    text = b"x" * 1000
    (error,) = create(write, request(request=base64.b64encode(text).decode())).errors
    assert "x" * 100 + "..." in error.message
    assert "x" * 101 not in error.message


@pytest.mark.parametrize(
    ("change", "want"),
    [
        ({}, []),
        ({"duration": "60m", "usages": None}, []),  # another way to write the same
        ({"isCA": True}, ["spec Forbidden"]),
        ({"issuerRef": {"name": "j"}}, ["spec Forbidden"]),
        ({"username": "mallory"}, ["spec Forbidden", "spec.username Forbidden"]),
    ],
)
def test_a_spec_cannot_be_changed(
    change: dict[str, Any], want: list[str], write: Writer, short: Short
) -> None:
    old, new = request(duration="1h", usages=[]), request(**({"duration": "1h", "usages": []} | change))
    assert short(update(write, old, new).errors) == want


def test_somebody_else_may_update_a_request(write: Writer) -> None:
    found = requests.check(
        write(CERTIFICATE_REQUESTS, request(), request(), user=Requester(username="bob")), Gates()
    )
    assert found == Findings()


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ({}, {"cert-manager.io/x": "1"}, "cert-manager.io/x"),
        ({"cert-manager.io/x": "1"}, {}, "cert-manager.io/x"),
        ({"acme.cert-manager.io/x": "1"}, {"acme.cert-manager.io/x": "2"}, "acme.cert-manager.io/x"),
        ({}, {"cert-manager.ioX": "1"}, "cert-manager.ioX"),
        ({"cert-manager.io/x": "1"}, {"cert-manager.io/x": "1", "a": "b"}, None),
        ({}, {"venafi.cert-manager.io/pickup-id": "1"}, None),
    ],
)
def test_annotations_of_ours_cannot_be_changed(
    before: dict[str, str], after: dict[str, str], refused: str | None, write: Writer, short: Short
) -> None:
    old, new = (request() | {"metadata": {"annotations": each}} for each in (before, after))
    want = [f"metadata.annotations.{refused} Forbidden"] if refused else []
    assert short(update(write, old, new).errors) == want


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        ([], [("Approved", "True")], []),
        ([], [("Denied", "True"), ("Ready", "False")], []),
        ([], [("Approved", "False")], ["status.conditions.Approved Invalid"]),
        ([], [("Approved", "True"), ("Denied", "True")], ["status.conditions Forbidden"]),
        ([], [("Approved", "True")] * 2, ["status.conditions Forbidden"]),
        ([("Approved", "True")], [], ["status.conditions Forbidden"]),
        ([("Denied", "True")], [("Approved", "True")], ["status.conditions Forbidden"]),
        ([("Approved", "True")], [("Approved", "True"), ("Ready", "True")], []),
    ],
)
def test_a_decision_is_one_and_final(
    old: list[tuple[str, str]], new: list[tuple[str, str]], want: list[str], write: Writer, short: Short
) -> None:
    assert short(update(write, decided(*old), decided(*new)).errors) == want


def test_the_words_of_a_decision_cannot_be_changed(write: Writer, short: Short) -> None:
    new = decided(("Approved", "True"))
    new["status"]["conditions"][0]["message"] = "because"
    found = update(write, decided(("Approved", "True")), new)
    assert short(found.errors) == ["status.conditions Forbidden"]


def test_the_requester_is_written_into_what_is_created(write: Writer) -> None:
    sent = request(username="mallory", uid=None, groups=["admins"], extra={"evil": ["1"]})
    spec = rules.mutate(write(CERTIFICATE_REQUESTS, sent))["spec"]
    assert {name: spec[name] for name in IDENTITY} == {
        "username": "alice",
        "uid": "7",
        "groups": ["a", "b"],
        "extra": {"k": ["1", "2"]},
    }
    assert sent["spec"]["username"] == "mallory"  # what was sent is left alone
    assert create(write, {"spec": spec}) == Findings()


def test_a_requester_without_extra_has_none(write: Writer) -> None:
    sent = write(CERTIFICATE_REQUESTS, request(), user=Requester(username="bob"))
    spec = rules.mutate(sent)["spec"]
    assert (spec["username"], spec["uid"], spec["groups"]) == ("bob", "", [])
    assert "extra" not in spec


def test_an_update_is_not_changed(write: Writer) -> None:
    sent = write(CERTIFICATE_REQUESTS, request(username="x"), request(username="x"))
    assert rules.mutate(sent) == request(username="x")


@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda content: pem.encode(csr.LABEL, content)))
def test_no_bytes_crash_the_rules(data: bytes) -> None:
    spec = {"issuerRef": {"name": "i"}, "request": base64.b64encode(data).decode(), "groups": []}
    found = requests.check(_write({"spec": spec}), Gates())
    assert [error.field for error in found.errors] == ["spec.request"]


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["spec", "status", "metadata", "conditions", "request", "type", "groups", "issuerRef"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["spec", "status", "metadata"]), JSON), JSON)
def test_no_object_crashes_the_rules(new: Object, old: Any) -> None:
    rules.mutate(_write(new))
    with suppress(Unreadable):
        requests.check(_write(new, old if isinstance(old, dict) else None), Gates())


def _write(new: Object, old: Object | None = None) -> Write:
    resource = CERTIFICATE_REQUESTS
    return Write(operation=CREATE, group=resource.group, plural=resource.plural, new=new, old=old)
