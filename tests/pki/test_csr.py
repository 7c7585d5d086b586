from contextlib import suppress

import pytest
from cryptography import x509 as other_library
from hypothesis import given, settings
from hypothesis import strategies as st

from certwright.pki import csr, der, extensions, keys, names, pem, san, signatures
from certwright.pki.errors import PKIError, RequestDecodeError, SigningError, SubjectError, TemplateError

LABEL = "CERTIFICATE REQUEST"


@pytest.fixture(scope="module")
def key():
    return keys.generate("ECDSA")


def requested(request_pem):
    return [extension.oid for extension in csr.parse_request(request_pem).extensions]


def test_extensions_come_in_a_fixed_order(spec, key):
    wanted = spec(
        isCA=True,
        dnsNames=["a"],
        usages=["server auth", "signing"],
        nameConstraints={"critical": True, "permitted": {"dnsDomains": ["a"]}},
    )
    made = csr.build_request(wanted, key, encode_basic_constraints=True)
    assert requested(made) == [
        extensions.SUBJECT_ALT_NAME,
        extensions.KEY_USAGE,
        extensions.EXT_KEY_USAGE,
        extensions.BASIC_CONSTRAINTS,
        extensions.NAME_CONSTRAINTS,
    ]
    critical = [extension.critical for extension in csr.parse_request(made).extensions]
    assert critical == [True, True, False, True, True]


def test_alternative_names_are_critical_only_without_a_subject(spec, key):
    made = csr.build_request(spec(commonName="x", dnsNames=["a"]), key)
    assert csr.parse_request(made).extensions[0].critical is False


def test_usages_can_be_left_out(spec, key):
    assert requested(csr.build_request(spec(commonName="x", encodeUsagesInRequest=False), key)) == []


def test_only_extended_usages_leave_no_key_usage(spec, key):
    made = csr.build_request(spec(commonName="x", usages=["server auth"]), key)
    assert requested(made) == [extensions.EXT_KEY_USAGE]
    assert csr.parse_request(made).key_usage is None


def test_without_extensions_the_attributes_are_there_but_empty(spec, key):
    made = csr.build_request(spec(commonName="x", encodeUsagesInRequest=False), key)
    assert csr.parse_request(made).info.endswith(b"\xa0\x00")


@pytest.mark.parametrize("fields", [{}, {"literalSubject": "O=x"}, {"subject": {"organizations": ["x"]}}])
def test_a_request_for_nothing_is_refused(spec, key, fields):
    with pytest.raises(TemplateError, match="at least one"):
        csr.build_request(spec(**fields), key)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"commonName": "x", "usages": ["x"]}, TemplateError),
        ({"commonName": "x", "nameConstraints": {"permitted": {"ipRanges": ["x"]}}}, TemplateError),
        ({"literalSubject": "foo=bar"}, SubjectError),
        ({"ipAddresses": ["x"]}, SubjectError),
        ({"commonName": "x", "signatureAlgorithm": "SHA256WithRSA"}, PKIError),
        ({"commonName": "x", "signatureAlgorithm": "MD5"}, TemplateError),
        ({"commonName": "x", "privateKey": {"algorithm": "RSA"}}, PKIError),
        ({"commonName": "x", "privateKey": {"algorithm": "ECDSA", "size": 224}}, PKIError),
    ],
)
def test_what_cannot_be_encoded_or_signed_is_refused(spec, key, fields, error):
    with pytest.raises(error):
        csr.build_request(spec(**fields), key)


@pytest.mark.parametrize(
    ("private_key", "text"),
    [
        ({"algorithm": "RSA", "size": 2048}, "sha256WithRSAEncryption"),
        ({"algorithm": "RSA", "size": 3072}, "sha384WithRSAEncryption"),
        ({"algorithm": "RSA", "size": 4096}, "sha512WithRSAEncryption"),
        ({"algorithm": "ECDSA", "size": 256}, "ecdsa-with-SHA256"),
        ({"algorithm": "ECDSA", "size": 384}, "ecdsa-with-SHA384"),
        ({"algorithm": "ECDSA", "size": 521}, "ecdsa-with-SHA512"),
        ({"algorithm": "Ed25519"}, "ED25519"),
    ],
)
def test_openssl_verifies_requests_of_every_algorithm(spec, openssl, private_key, text):
    private_pem = keys.generate(private_key["algorithm"], private_key.get("size", 0))
    made = csr.build_request(spec(dnsNames=["a.example"], privateKey=private_key), private_pem)
    shown = openssl("req", "-verify", "-noout", "-text", "-in", "{made}", made=made)
    assert "verify OK" in shown
    assert f"Signature Algorithm: {text}" in shown


def test_openssl_shows_what_was_asked_for(spec, key, openssl):
    wanted = spec(
        commonName="cn",
        subject={"organizations": ["Ünï"]},
        dnsNames=["a.example"],
        ipAddresses=["10.0.0.1", "fd00::1"],
        uris=["spiffe://a/b"],
        emailAddresses=["a@b.example"],
        otherNames=[{"oid": "1.3.6.1.4.1.311.20.2.3", "utf8Value": "upn@example"}],
        usages=["server auth", "digital signature"],
        isCA=True,
        nameConstraints={"permitted": {"dnsDomains": ["example"], "ipRanges": ["10.0.0.0/8"]}},
    )
    made = csr.build_request(wanted, key)
    shown = openssl("req", "-noout", "-text", "-nameopt", "utf8", "-in", "{made}", made=made)
    for expected in (
        "Subject: O=Ünï, CN=cn",
        "DNS:a.example, email:a@b.example, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1",
        "URI:spiffe://a/b",
        "upn@example",
        "Digital Signature, Certificate Sign",
        "TLS Web Server Authentication",
        "DNS:example",
        "IP:10.0.0.0/255.0.0.0",
    ):
        assert expected in shown


@settings(max_examples=60)
@given(
    st.fixed_dictionaries(
        {"commonName": st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)},
        optional={
            "dnsNames": st.lists(
                st.from_regex(r"[a-z]{1,10}\.example", fullmatch=True), min_size=1, max_size=5
            ),
            "ipAddresses": st.lists(st.ip_addresses().map(str), max_size=3),
            "uris": st.lists(st.from_regex(r"urn:[a-z]{1,10}", fullmatch=True), max_size=3),
            "isCA": st.booleans(),
            "usages": st.lists(st.sampled_from(["signing", "any", "server auth", "crl sign"]), max_size=4),
        },
    )
)
def test_another_library_reads_the_same(spec, key, fields):
    wanted = spec(**fields)
    made = csr.build_request(wanted, key)
    read = other_library.load_pem_x509_csr(made)
    assert read.is_signature_valid
    facts = csr.parse_request(made)
    assert facts.signature_is_valid()
    assert facts.common_name == fields["commonName"]
    assert facts.dns_names == tuple(wanted.dns_names)
    assert facts.uris == tuple(wanted.uris)
    assert list(map(san.pack_ip, facts.ip_addresses)) == list(map(san.pack_ip, wanted.ip_addresses))
    if wanted.dns_names:
        read_names = read.extensions.get_extension_for_class(other_library.SubjectAlternativeName).value
        assert read_names.get_values_for_type(other_library.DNSName) == wanted.dns_names


def test_a_changed_request_is_read_but_its_signature_is_not_valid(spec, key):
    made = csr.build_request(spec(dnsNames=["aaaa.example"]), key)
    content = pem.first(made, 36_500).content.replace(b"aaaa", b"bbbb")
    facts = csr.parse_request(pem.encode(LABEL, content))
    assert facts.dns_names == ("bbbb.example",)
    assert not facts.signature_is_valid()


def test_other_attributes_are_ignored_and_extensions_may_not_repeat(spec, key):
    facts = csr.parse_request(csr.build_request(spec(dnsNames=["a"]), key))
    wanted = der.sequence(
        der.oid("1.2.840.113549.1.9.14"), der.tlv(der.SET, extensions.encode(facts.extensions))
    )
    challenge = der.sequence(der.oid("1.2.840.113549.1.9.7"), der.tlv(der.SET, der.tlv(0x0C, b"x")))

    def request(attributes):
        info = der.sequence(
            der.integer(0), facts.subject_der, facts.spki, der.context(0, attributes, constructed=True)
        )
        return pem.encode(LABEL, der.sequence(info, facts.signature_algorithm, der.bit_string(b"")))

    assert csr.parse_request(request(challenge + wanted)).extensions == facts.extensions
    with pytest.raises(RequestDecodeError, match="twice"):
        csr.parse_request(request(wanted + wanted))


@pytest.mark.parametrize("content", [b"", b"x", pem.encode(LABEL, b""), pem.encode(LABEL, b"\x30\x00")])
def test_what_is_no_request_is_refused(content):
    with pytest.raises(RequestDecodeError):
        csr.parse_request(content)


def test_a_request_larger_than_the_limit_is_refused(spec, key):
    made = csr.build_request(spec(dnsNames=["a"]), key)
    with pytest.raises(RequestDecodeError, match="larger than 36500 bytes"):
        csr.parse_request(made + b"\n" * 36_500)


@given(data=st.data())
def test_damaged_requests_raise_nothing_but_a_decode_error(spec, key, data):
    wanted = spec(commonName="x", dnsNames=["a"], otherNames=[{"oid": "1.2.3", "utf8Value": "x"}])
    content = bytearray(pem.first(csr.build_request(wanted, key), 36_500).content)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, 1 << 16)) % len(content)] = data.draw(st.integers(0, 255))
    with suppress(RequestDecodeError):
        csr.parse_request(pem.encode(LABEL, bytes(content))).signature_is_valid()


def test_a_literal_subject_is_used_instead_of_fields(spec, key):
    made = csr.build_request(spec(literalSubject="CN=a,O=b"), key)
    assert names.subject_to_rfc4514(csr.parse_request(made).subject_der) == "CN=a,O=b"


@pytest.mark.parametrize(
    ("private_key", "name"),
    [
        (None, "SHA256WithRSA"),
        ({}, "SHA256WithRSA"),
        ({"algorithm": "RSA", "size": 2048}, "SHA256WithRSA"),
        ({"algorithm": "RSA", "size": 3071}, "SHA256WithRSA"),
        ({"algorithm": "RSA", "size": 3072}, "SHA384WithRSA"),
        ({"algorithm": "RSA", "size": 4095}, "SHA384WithRSA"),
        ({"algorithm": "RSA", "size": 4096}, "SHA512WithRSA"),
        ({"algorithm": "RSA", "size": 8192}, "SHA512WithRSA"),
        ({"algorithm": "ECDSA"}, "ECDSAWithSHA256"),
        ({"algorithm": "ECDSA", "size": 256}, "ECDSAWithSHA256"),
        ({"algorithm": "ECDSA", "size": 384}, "ECDSAWithSHA384"),
        ({"algorithm": "ECDSA", "size": 521}, "ECDSAWithSHA512"),
        ({"algorithm": "Ed25519"}, "PureEd25519"),
        ({"algorithm": "Ed25519", "size": 4096}, "PureEd25519"),
    ],
)
def test_the_size_in_the_spec_decides_the_signature_of_the_request(spec, private_key, name):
    assert csr.signature_algorithm(spec(privateKey=private_key)) is signatures.ALGORITHMS[name]


@pytest.mark.parametrize("algorithm", ["RSA", "ECDSA", "Ed25519"])
def test_a_signature_algorithm_that_suits_the_key_is_taken_and_no_other(spec, algorithm):
    private_pem = keys.generate(algorithm)
    for name, scheme in signatures.ALGORITHMS.items():
        wanted = spec(commonName="x", privateKey={"algorithm": algorithm}, signatureAlgorithm=name)
        if scheme.key != algorithm:
            with pytest.raises(SigningError):
                csr.build_request(wanted, private_pem)
            continue
        facts = csr.parse_request(csr.build_request(wanted, private_pem))
        assert facts.signature_algorithm == scheme.identifier
        assert facts.signature_is_valid()


def test_the_extension_request_is_the_only_attribute(spec, key):
    info = der.top(csr.parse_request(csr.build_request(spec(dnsNames=["a"]), key)).info)
    info.integer()
    info.element(der.SEQUENCE)
    info.element(der.SEQUENCE)
    attributes = info.enter(0xA0)
    attribute = attributes.enter()
    assert attribute.oid() == "1.2.840.113549.1.9.14"
    assert not attributes
    assert not info


def test_basic_constraints_of_a_leaf_are_an_empty_sequence(spec, key):
    made = csr.build_request(spec(commonName="x"), key, encode_basic_constraints=True)
    found = {extension.oid: extension for extension in csr.parse_request(made).extensions}
    assert found[extensions.BASIC_CONSTRAINTS].value == b"\x30\x00"
    assert found[extensions.BASIC_CONSTRAINTS].critical


@pytest.mark.parametrize("critical", [{}, {"critical": False}, {"critical": True}])
def test_name_constraints_are_as_critical_as_the_spec_says(spec, key, critical):
    wanted = critical | {"excluded": {"dnsDomains": ["a"]}}
    made = csr.build_request(spec(commonName="x", isCA=True, nameConstraints=wanted), key)
    assert csr.parse_request(made).extensions[-1].critical is bool(critical.get("critical"))


def test_extended_usages_keep_order_and_duplicates(spec, key):
    made = csr.build_request(spec(commonName="x", usages=["client auth", "any", "client auth"]), key)
    expected = ("1.3.6.1.5.5.7.3.2", "2.5.29.37.0", "1.3.6.1.5.5.7.3.2")
    assert csr.parse_request(made).extended_key_usages == expected
