import msgspec
import pytest

from certwright.api.certmanager import CertificateRequest, CertificateRequestSpec, IssuerRef
from certwright.api.meta import ObjectMeta
from certwright.pki import certificate, csr, der, keys, match, pem
from certwright.pki.errors import RequestDecodeError, SubjectError

FULL = {
    "commonName": "cn",
    "dnsNames": ["a", "b"],
    "ipAddresses": ["10.0.0.1", "fd00::1"],
    "uris": ["urn:a"],
    "emailAddresses": ["a@b"],
    "otherNames": [{"oid": "1.2.3", "utf8Value": "x"}],
    "subject": {
        "organizations": ["o1", "o2"],
        "countries": ["DE"],
        "organizationalUnits": ["ou"],
        "localities": ["l"],
        "provinces": ["p"],
        "streetAddresses": ["s"],
        "postalCodes": ["1"],
        "serialNumber": "sn",
    },
    "usages": ["server auth", "signing"],
    "duration": "100h",
}


@pytest.fixture(scope="module")
def key():
    return keys.generate("ECDSA")


@pytest.fixture(scope="module")
def requested(spec, key):
    def make(**fields):
        wanted = spec(**fields)
        return CertificateRequest(
            metadata=ObjectMeta(name="r"),
            spec=CertificateRequestSpec(
                issuer_ref=IssuerRef(name="ca"),
                request=csr.build_request(wanted, key),
                is_ca=wanted.is_ca,
                usages=wanted.usages,
                duration=wanted.duration,
            ),
        )

    return make


def changed(**fields):
    return FULL | fields


def subject_with(**fields):
    return changed(subject=FULL["subject"] | fields)


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        (FULL, []),
        (changed(ipAddresses=["fd00::1", "10.0.0.1"], dnsNames=["b", "a"]), []),
        (changed(ipAddresses=["FD00:0::1", "::ffff:10.0.0.1"]), []),
        (changed(usages=["signing", "server auth"]), []),
        (changed(duration="6000m"), []),
        (changed(duration=""), []),
        (subject_with(organizations=["o2", "o1"]), []),
        ({k: v for k, v in FULL.items() if k != "otherNames"}, []),
        (changed(privateKey={"algorithm": "RSA"}, renewBefore="1h", secretName="other"), []),
        (changed(issuerRef={"name": "ca", "kind": "Issuer", "group": "cert-manager.io"}), []),
        (changed(ipAddresses=["10.0.0.1"]), ["spec.ipAddresses"]),
        (changed(ipAddresses=["10.0.0.1", "x"]), ["spec.ipAddresses"]),
        (changed(uris=["urn:a", "urn:a"]), ["spec.uris"]),
        (changed(emailAddresses=[]), ["spec.emailAddresses"]),
        (changed(dnsNames=["a", "c"]), ["spec.dnsNames"]),
        (changed(otherNames=[{"oid": "1.2.3", "utf8Value": "y"}]), ["spec.otherNames"]),
        (changed(otherNames=[]), ["spec.otherNames"]),
        (changed(commonName="other"), ["spec.commonName"]),
        (subject_with(serialNumber=""), ["spec.subject.serialNumber"]),
        (subject_with(organizations=["o1"]), ["spec.subject.organizations"]),
        (subject_with(countries=["FR"]), ["spec.subject.countries"]),
        (subject_with(localities=[]), ["spec.subject.localities"]),
        (subject_with(organizationalUnits=["x"]), ["spec.subject.organizationalUnits"]),
        (subject_with(postalCodes=["2"]), ["spec.subject.postCodes"]),
        (subject_with(provinces=["x"]), ["spec.subject.provinces"]),
        (subject_with(streetAddresses=["x"]), ["spec.subject.streetAddresses"]),
        (changed(isCA=True), ["spec.isCA"]),
        (changed(usages=["server auth", "digital signature"]), ["spec.usages"]),
        (changed(usages=["server auth"]), ["spec.usages"]),
        (changed(duration="101h"), ["spec.duration"]),
        (changed(issuerRef={"name": "other"}), ["spec.issuerRef"]),
        (changed(issuerRef={"name": "ca", "kind": "ClusterIssuer"}), ["spec.issuerRef"]),
        (changed(issuerRef={"name": "ca", "group": "x"}), ["spec.issuerRef"]),
    ],
)
def test_what_differs_is_named_by_its_path(spec, requested, fields, paths):
    assert match.request_mismatches(requested(**FULL), spec(**fields)) == paths


def test_everything_that_differs_is_named_in_a_fixed_order(spec, requested):
    wanted = spec(
        commonName="x", otherNames=[], isCA=True, usages=["any"], duration="1h", issuerRef={"name": "x"}
    )
    assert match.request_mismatches(requested(**FULL), wanted) == [
        "spec.ipAddresses",
        "spec.uris",
        "spec.emailAddresses",
        "spec.dnsNames",
        "spec.otherNames",
        "spec.commonName",
        "spec.subject.serialNumber",
        "spec.subject.organizations",
        "spec.subject.countries",
        "spec.subject.localities",
        "spec.subject.organizationalUnits",
        "spec.subject.postCodes",
        "spec.subject.provinces",
        "spec.subject.streetAddresses",
        "spec.isCA",
        "spec.usages",
        "spec.duration",
        "spec.issuerRef",
    ]


def test_default_usages_are_not_the_same_as_none(spec, requested):
    explicit = spec(commonName="x", usages=["digital signature", "key encipherment"])
    assert match.request_mismatches(requested(commonName="x"), explicit) == ["spec.usages"]


def test_an_empty_list_of_other_names_matches_a_request_without_any(spec, requested):
    assert match.request_mismatches(requested(commonName="x"), spec(commonName="x", otherNames=[])) == []


def test_uris_are_compared_as_written(spec, requested):
    uris = ["HTTPS://Host/%7Ea"]
    assert match.request_mismatches(requested(uris=uris), spec(uris=uris)) == []


def test_a_literal_subject_is_compared_as_der(spec, requested):
    made = requested(literalSubject="CN=a,O=b")
    assert match.request_mismatches(made, spec(literalSubject="CN = a; O=\\62")) == []
    assert match.request_mismatches(made, spec(literalSubject="O=b,CN=a")) == ["spec.literalSubject"]
    assert match.request_mismatches(made, spec(literalSubject="CN=a", dnsNames=["x"])) == [
        "spec.dnsNames",
        "spec.literalSubject",
    ]
    with pytest.raises(SubjectError):
        match.request_mismatches(made, spec(literalSubject="foo=x"))


def test_a_request_that_cannot_be_read_is_an_error(spec, requested):
    made = requested(commonName="x")
    broken = msgspec.structs.replace(made, spec=msgspec.structs.replace(made.spec, request=b"x"))
    with pytest.raises(RequestDecodeError):
        match.request_mismatches(broken, spec(commonName="x"))


def test_an_other_name_without_text_is_an_error_only_where_other_names_count(spec, requested):
    made = requested(otherNames=[{"oid": "1.2.3", "utf8Value": "abc"}])
    content = pem.first(made.spec.request, 36_500).content
    text = der.tlv(der.UTF8_STRING, b"abc")
    assert text in content
    foreign = pem.encode(csr.LABEL, content.replace(text, der.tlv(0x16, b"abc")))
    made = msgspec.structs.replace(made, spec=msgspec.structs.replace(made.spec, request=foreign))
    assert match.request_mismatches(made, spec()) == []
    with pytest.raises(RequestDecodeError, match="UTF8String"):
        match.request_mismatches(made, spec(otherNames=[{"oid": "1.2.3", "utf8Value": "abc"}]))


@pytest.mark.parametrize(
    ("issued", "wanted", "paths"),
    [
        ({"commonName": "a", "dnsNames": ["b"]}, {"commonName": "a", "dnsNames": ["b"]}, []),
        ({"commonName": "a", "dnsNames": ["a", "b"]}, {"dnsNames": ["b", "a"]}, []),
        ({"dnsNames": ["a", "b"]}, {"commonName": "a", "dnsNames": ["b"]}, []),
        ({"dnsNames": ["b"]}, {"commonName": "a", "dnsNames": ["b"]}, ["spec.commonName"]),
        ({"commonName": "a", "dnsNames": ["b"]}, {"dnsNames": ["b"]}, ["spec.commonName"]),
        ({"dnsNames": ["a"]}, {"dnsNames": ["a", "b"]}, ["spec.dnsNames"]),
        ({"dnsNames": ["a", "b"]}, {"dnsNames": ["a"]}, ["spec.dnsNames"]),
        ({"commonName": "a"}, {"commonName": "b"}, ["spec.commonName"]),
        (
            {"dnsNames": ["a"], "ipAddresses": ["10.0.0.1"], "uris": ["urn:a"], "emailAddresses": ["a@b"]},
            {"dnsNames": ["a"]},
            ["spec.ipAddresses", "spec.uris", "spec.emailAddresses"],
        ),
        ({"dnsNames": ["a"], "isCA": True, "usages": ["any"]}, {"dnsNames": ["a"]}, []),
        ({"literalSubject": "CN=a", "dnsNames": ["b"]}, {"literalSubject": "CN=a", "dnsNames": ["b"]}, []),
        ({"dnsNames": ["b"]}, {"literalSubject": "CN=a", "dnsNames": ["b"]}, ["spec.commonName"]),
        ({"dnsNames": ["b"]}, {"literalSubject": "foo=a", "dnsNames": ["b"]}, []),
    ],
)
def test_a_certificate_is_compared_loosely(spec, root, key, issued, wanted, paths):
    facts = certificate.parse_certificate(root.issue(key, **issued).chain_pem)
    assert match.certificate_mismatches(facts, spec(**wanted)) == paths


def test_durations_that_cannot_be_read_are_compared_as_text(spec, requested):
    made = requested(commonName="x", duration="soon")
    assert match.request_mismatches(made, spec(commonName="x", duration="soon")) == []
    assert match.request_mismatches(made, spec(commonName="x", duration="later")) == ["spec.duration"]
