"""What a Certificate may ask for: each rule as a sentence, accepted or refused."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from certwright.api.certificate import (
    CertificateSpec,
    JKSKeystore,
    Keystores,
    OtherName,
    Renewal,
    RenewalWindow,
    SecretTemplate,
)
from certwright.api.meta import CERTIFICATES
from certwright.api.references import IssuerRef
from certwright.webhook import certificates
from certwright.webhook.writes import CREATE, Findings, Gates, Unreadable, Write

GOOD: dict[str, Any] = {"secretName": "s", "issuerRef": {"name": "i"}, "dnsNames": ["a.example"]}
WINDOW = {"cron": "0 2 * * *", "windowDuration": "1h"}


def judged(spec: dict[str, Any], gates: Gates | None = None) -> Findings:
    """Findings about a new Certificate; None in `spec` removes a member of the good one."""
    merged = {name: value for name, value in (GOOD | spec).items() if value is not None}
    new = {"metadata": {"name": "web"}, "spec": merged}
    write = Write(operation=CREATE, group=CERTIFICATES.group, plural=CERTIFICATES.plural, new=new)
    return certificates.check(write, gates or Gates())


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "secretName is needed": ({"secretName": ""}, ["spec.secretName Required"]),
    "secretName is a DNS name": ({"secretName": "A_b"}, ["spec.secretName Invalid"]),
    "the issuer has a name": ({"issuerRef": {"name": ""}}, ["spec.issuerRef.name Required"]),
    "our group has two kinds": (
        {"issuerRef": {"name": "i", "kind": "Robot", "group": "cert-manager.io"}},
        ["spec.issuerRef.kind Invalid"],
    ),
    "literalSubject excludes commonName": (
        {"literalSubject": "CN=a", "commonName": "a"},
        ["spec.commonName Invalid"],
    ),
    "literalSubject excludes subject": (
        {"literalSubject": "CN=a", "subject": {"serialNumber": "1"}},
        ["spec.subject Invalid"],
    ),
    "literalSubject can be parsed": ({"literalSubject": "CN=a,,"}, ["spec.literalSubject Invalid"]),
    "literalSubject has known attributes": (
        {"literalSubject": "CN=a,XX=b,YY=c"},
        ["spec.literalSubject Invalid"] * 2,
    ),
    "the CN of literalSubject is short": (
        {"literalSubject": "CN=" + "a" * 65},
        ["spec.commonName TooLong"],
    ),
    "there is some name": ({"dnsNames": None}, ["spec Invalid"]),
    "a literalSubject without CN is no name": (
        {"dnsNames": None, "literalSubject": "O=a"},
        ["spec Invalid"],
    ),
    "commonName is counted in bytes": ({"commonName": "ä" * 33}, ["spec.commonName TooLong"]),
    "an address has no zone": ({"ipAddresses": ["1.2.3.4", "::1%eth0"]}, ["spec.ipAddresses[1] Invalid"]),
    "a mail address has no display name": (
        {"emailAddresses": ["Me <a@b>", "mailto:a@b", "a", "a@", "@b", "a@b c", ".a@b", '"a b"@c']},
        [f"spec.emailAddresses[{number}] Invalid" for number in range(8)],
    ),
    "the oid of an otherName is dotted": (
        {"otherNames": [{"oid": "1..2", "utf8Value": "x"}]},
        ["spec.otherNames[0].oid Invalid"],
    ),
    "an otherName has a value": (
        {"otherNames": [{"oid": "1.2.3"}]},
        ["spec.otherNames[0].utf8Value Required"],
    ),
    "an RSA key is large enough": (
        {"privateKey": {"size": 1024}},
        ["spec.privateKey.size Invalid"],
    ),
    "an RSA key is not too large": (
        {"privateKey": {"algorithm": "RSA", "size": 8193}},
        ["spec.privateKey.size Invalid"],
    ),
    "an ECDSA key has one of three sizes": (
        {"privateKey": {"algorithm": "ECDSA", "size": 255}},
        ["spec.privateKey.size NotSupported"],
    ),
    "the algorithm is known": (
        {"privateKey": {"algorithm": "DSA"}},
        ["spec.privateKey.algorithm NotSupported"],
    ),
    "the signature suits the key": (
        {"signatureAlgorithm": "PureEd25519", "privateKey": {"algorithm": "ECDSA"}},
        ["spec.signatureAlgorithm Invalid"],
    ),
    "an ML-DSA key signs in one way": (
        {"signatureAlgorithm": "PureEd25519", "privateKey": {"algorithm": "ML-DSA-65"}},
        ["spec.signatureAlgorithm Invalid"],
    ),
    "without an algorithm the key is RSA": (
        {"signatureAlgorithm": "ECDSAWithSHA256"},
        ["spec.signatureAlgorithm Invalid"],
    ),
    "duration is an hour or more": ({"duration": "59m"}, ["spec.duration Invalid"]),
    "renewBefore is five minutes or more": ({"renewBefore": "4m"}, ["spec.renewBefore Invalid"]),
    "renewBefore is less than the duration": (
        {"duration": "2h", "renewBefore": "2h"},
        ["spec.renewBefore Invalid"],
    ),
    "renewBefore is less than the default duration": (
        {"renewBefore": "2160h"},
        ["spec.renewBefore Invalid"],
    ),
    "renewBefore excludes the percentage": (
        {"renewBefore": "1h", "renewBeforePercentage": 10},
        ["spec.renewBefore Invalid", "spec.renewBeforePercentage Invalid"],
    ),
    "a percentage beside a duration is above 0": (
        {"duration": "2h", "renewBeforePercentage": 0},
        ["spec.renewBeforePercentage Invalid"],
    ),
    "a percentage beside a duration is below 100": (
        {"duration": "2h", "renewBeforePercentage": 100},
        ["spec.renewBeforePercentage Invalid"],
    ),
    "usages are known": ({"usages": ["signing", "flying"]}, ["spec.usages[1] NotSupported"]),
    "one request is kept at least": ({"revisionHistoryLimit": 0}, ["spec.revisionHistoryLimit Invalid"]),
    "output formats are there once": (
        {"additionalOutputFormats": [{"type": "DER"}, {"type": "CombinedPEM"}, {"type": "DER"}]},
        ["spec.additionalOutputFormats[type] Duplicate"],
    ),
    "labels are labels": (
        {"secretTemplate": {"labels": {"a b": "c d"}}},
        ["spec.secretTemplate.labels Invalid"] * 2,
    ),
    "annotations have keys": (
        {"secretTemplate": {"annotations": {"a b": "anything at all"}}},
        ["spec.secretTemplate.annotations Invalid"],
    ),
    "our annotations are ours": (
        {"secretTemplate": {"annotations": {"cert-manager.io/x": "1"}}},
        ["spec.secretTemplate.annotations Invalid"],
    ),
    "annotations have a limit": (
        {"secretTemplate": {"annotations": {"a": "x" * (256 * 1024)}}},
        ["spec.secretTemplate.annotations TooLong"],
    ),
    "name constraints are for a CA": (
        {"nameConstraints": {"permitted": {}}},
        ["spec.nameConstraints Invalid"],
    ),
    "name constraints constrain": (
        {"isCA": True, "nameConstraints": {"critical": True}},
        ["spec.nameConstraints Invalid"],
    ),
    "ranges are CIDR": (
        {
            "isCA": True,
            "nameConstraints": {"excluded": {"ipRanges": ["10.0.0.0/8", "10.0.0.0", "1/255.0.0.0"]}},
        },
        [f"spec.nameConstraints.excluded.ipRanges[{number}] Invalid" for number in (1, 2)],
    ),
    "a keystore has a password": ({"keystores": {"jks": {"create": True}}}, ["spec.keystores.jks Forbidden"]),
    "a keystore has a password, even one that is not made": (
        {"keystores": {"pkcs12": {"create": False, "passwordSecretRef": {"name": ""}}}},
        ["spec.keystores.pkcs12 Forbidden"],
    ),
    "a keystore has one password": (
        {"keystores": {"jks": {"create": True, "password": "a", "passwordSecretRef": {"name": "n"}}}},
        ["spec.keystores.jks Forbidden"],
    ),
    "a password is not empty": (
        {"keystores": {"jks": {"create": True, "password": ""}}},
        ["spec.keystores.jks.password Forbidden"],
    ),
    "renewal has a policy": ({"renewal": {"windows": [WINDOW]}}, ["spec.renewal.policy NotSupported"]),
    "who never renews has no windows": (
        {"renewal": {"policy": "Disabled", "windows": [WINDOW]}},
        ["spec.renewal.windows Forbidden"],
    ),
    "a window has a duration": (
        {"renewal": {"policy": "RenewBefore", "windows": [WINDOW | {"windowDuration": ""}]}},
        ["spec.renewal.windows[0].windowDuration Required"],
    ),
    "a window has a time zone that exists": (
        {"renewal": {"policy": "RenewBefore", "windows": [WINDOW, WINDOW | {"timezone": "Mars/Base"}]}},
        ["spec.renewal.windows[1].timezone Invalid", "spec.renewal.windows[1].cron Invalid"],
    ),
    "a window opens at some time": (
        {"renewal": {"policy": "RenewBefore", "windows": [WINDOW | {"cron": "* * * *"}]}},
        ["spec.renewal.windows[0].cron Invalid"],
    ),
    "everything is said at once": (
        {"secretName": "", "duration": "1s", "ipAddresses": ["x"], "revisionHistoryLimit": 0},
        [
            "spec.secretName Required",
            "spec.ipAddresses[0] Invalid",
            "spec.duration Invalid",
            "spec.revisionHistoryLimit Invalid",
        ],
    ),
}

ACCEPTED: dict[str, dict[str, Any]] = {
    "kinds of other groups are not ours to know": {
        "issuerRef": {"name": "i", "kind": "Robot", "group": "x.example"}
    },
    "a name may be of any kind": {"dnsNames": None, "uris": ["%%"]},
    "a literalSubject alone": {"dnsNames": None, "literalSubject": "CN=a,1.2.3=b"},
    "64 bytes of commonName": {"commonName": "a" * 64},
    "mail addresses": {
        "emailAddresses": ["a@b", "a.b+c@example.com", "jürgen@bücher.example", "a@[1.2.3.4]"]
    },
    "an Ed25519 key of any size": {"privateKey": {"algorithm": "Ed25519", "size": 100}},
    "an ML-DSA key": {"privateKey": {"algorithm": "ML-DSA-44"}},
    "odd RSA sizes": {"privateKey": {"size": 3000}},
    "an hour": {"duration": "1h", "renewBefore": "5m"},
    "a late renewal of a short certificate": {"duration": "1h", "renewBeforePercentage": 1},
    "an early renewal of a short certificate": {"duration": "1h", "renewBeforePercentage": 99},
    "the one annotation of ours that is the user's": {
        "secretTemplate": {"annotations": {"cert-manager.io/allow-direct-injection": "true"}}
    },
    "an empty constraint": {"isCA": True, "nameConstraints": {"permitted": {}}},
    "a keystore with its password elsewhere": {
        "keystores": {"jks": {"create": True, "passwordSecretRef": {"name": "n", "key": "k"}}}
    },
    "a window that never closes before it opens": {
        "renewal": {"policy": "RenewBefore", "windows": [WINDOW | {"windowDuration": "0h", "cron": "@daily"}]}
    },
}


@pytest.mark.parametrize("rule", REFUSED)
def test_refused_because(rule: str, short: Callable[..., list[str]]) -> None:
    spec, want = REFUSED[rule]
    assert short(judged(spec).errors) == want


@pytest.mark.parametrize("what", ACCEPTED)
def test_accepted(what: str) -> None:
    assert judged(ACCEPTED[what]) == Findings()


@pytest.mark.parametrize(
    ("gates", "spec", "field"),
    [
        (Gates(literal_certificate_subject=False), {"literalSubject": "CN=a"}, "spec.literalSubject"),
        (Gates(other_names=False), {"otherNames": [{"oid": "1.2", "utf8Value": "a"}]}, "spec.otherNames"),
        (
            Gates(name_constraints=False),
            {"isCA": True, "nameConstraints": {"permitted": {}}},
            "spec.nameConstraints",
        ),
    ],
)
def test_what_a_gate_turns_off_is_forbidden(
    gates: Gates, spec: dict[str, Any], field: str, short: Callable[..., list[str]]
) -> None:
    assert short(judged(spec, gates).errors) == [f"{field} Forbidden"]
    assert judged(spec).errors == []


def test_a_percentage_alone_that_means_nothing_is_warned_about() -> None:
    found = judged({"renewBeforePercentage": 200})
    assert found.errors == []
    assert found.warnings == ["spec.renewBeforePercentage: has no effect, since it is not between 1 and 99"]
    assert judged({"renewBeforePercentage": 30}).warnings == []


def test_a_kind_without_a_group_is_asked_for_the_group() -> None:
    (error,) = judged({"issuerRef": {"name": "i", "kind": "Robot"}}).errors
    assert "set spec.issuerRef.group too" in error.message


def test_an_unknown_attribute_is_named_with_its_value() -> None:
    (error,) = judged({"literalSubject": "CN=a,XX=b"}).errors
    assert "unrecognized key with value [b]" in error.message


@pytest.mark.parametrize("name", ["duration", "renewBefore"])
def test_a_duration_that_is_none_cannot_be_read(name: str) -> None:
    with pytest.raises(Unreadable, match=rf'spec\.{name}: unknown unit "d" in duration "90d"'):
        judged({name: "90d"})


def test_passwords_are_not_repeated() -> None:
    both = {"create": True, "password": "hunter2", "passwordSecretRef": {"name": "n"}}
    assert "hunter2" not in str(judged({"keystores": {"jks": both}}).errors)


def test_a_spec_that_is_stored_is_not_judged_again(write: Callable[..., Write]) -> None:
    old = {"metadata": {}, "spec": {"secretName": "A_b"}}
    status = old | {"status": {"revision": 1}}
    assert certificates.check(write(CERTIFICATES, status, old, subresource="status"), Gates()) == Findings()
    changed = {"metadata": {}, "spec": {"secretName": "A_c"}}
    assert certificates.check(write(CERTIFICATES, changed, old), Gates()).errors


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TYPES = (
    CertificateSpec,
    IssuerRef,
    OtherName,
    Keystores,
    JKSKeystore,
    Renewal,
    RenewalWindow,
    SecretTemplate,
)
MEMBERS = st.sampled_from([field.encode_name for type_ in TYPES for field in fields(type_)])
SPECS = st.recursive(
    ANYTHING,
    lambda inner: st.dictionaries(MEMBERS, inner, max_size=8) | st.lists(inner, max_size=2),
    max_leaves=30,
)


@given(SPECS)
def test_no_spec_crashes_the_rules(spec: Any) -> None:
    write = Write(operation=CREATE, group=CERTIFICATES.group, plural=CERTIFICATES.plural, new={"spec": spec})
    try:
        found = certificates.check(write, Gates())
    except Unreadable:
        return
    assert all(error.field and error.message for error in found.errors)


TEXT = st.text(max_size=30)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "secretName": TEXT,
            "commonName": TEXT,
            "literalSubject": TEXT | TEXT.map("CN={}".format),
            "duration": st.sampled_from(["1h", "-1h", "9999999h", "x", ""]),
            "ipAddresses": st.lists(TEXT, max_size=2),
            "emailAddresses": st.lists(TEXT, max_size=2),
            "otherNames": st.lists(st.fixed_dictionaries({"oid": TEXT, "utf8Value": TEXT}), max_size=2),
            "nameConstraints": st.fixed_dictionaries(
                {"permitted": st.fixed_dictionaries({"ipRanges": st.lists(TEXT)})}
            ),
            "secretTemplate": st.fixed_dictionaries({"labels": st.dictionaries(TEXT, TEXT, max_size=2)}),
            "renewal": st.fixed_dictionaries(
                {
                    "policy": TEXT,
                    "windows": st.lists(
                        st.fixed_dictionaries({"cron": TEXT, "timezone": TEXT, "windowDuration": TEXT}),
                        max_size=2,
                    ),
                }
            ),
        },
    )
)
def test_no_text_crashes_the_rules(spec: dict[str, Any]) -> None:
    with suppress(Unreadable):
        judged(spec)
