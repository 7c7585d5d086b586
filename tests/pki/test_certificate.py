from datetime import timedelta

import pytest

from certwright.pki import certificate, keys, pem
from certwright.pki.errors import CertificateDecodeError


def facts(root, **fields):
    return certificate.parse_certificate(root.issue(keys.generate("ECDSA"), **fields).chain_pem)


def test_facts_are_those_of_the_first_certificate(root, now):
    key = keys.generate("ECDSA")
    bundle = root.issue(
        key,
        commonName="leaf",
        dnsNames=["a", "b"],
        ipAddresses=["10.0.0.1", "fd00::1"],
        uris=["spiffe://a/b"],
        emailAddresses=["a@b"],
        otherNames=[{"oid": "1.2.3", "utf8Value": "x"}],
        usages=["server auth", "signing"],
    )
    found = certificate.parse_certificate(bundle.chain_pem + bundle.ca_pem)
    assert found.common_name == "leaf"
    assert (found.dns_names, found.uris, found.emails) == (("a", "b"), ("spiffe://a/b",), ("a@b",))
    assert found.ip_addresses == ("10.0.0.1", "fd00::1")
    assert [(other.oid, other.utf8_value) for other in found.other_names] == [("1.2.3", "x")]
    assert found.public_key == keys.public_key_of_private(key)
    assert (found.not_before, found.not_after) == (now, now + timedelta(days=90))
    assert found.issuer_der == root.loaded.certificate.subject
    assert found.is_ca is False
    assert (found.key_usage, found.extended_key_usages) == (1, ("1.3.6.1.5.5.7.3.1",))


def test_one_bad_block_behind_the_first_fails_all(root):
    bundle = root.issue(keys.generate("ECDSA"), commonName="x")
    with pytest.raises(CertificateDecodeError):
        certificate.parse_certificate(bundle.chain_pem + pem.encode("CERTIFICATE", b"x"))


def test_more_than_a_bundle_may_have_is_refused(root):
    bundle = root.issue(keys.generate("ECDSA"), commonName="x")
    with pytest.raises(CertificateDecodeError, match="larger than 330000 bytes"):
        certificate.parse_certificate(bundle.chain_pem + b"\n" * 330_000)


def test_four_annotations_are_always_there(root):
    found = certificate.detail_annotations(facts(root, emailAddresses=["a@b"]))
    assert found == {
        "cert-manager.io/common-name": "",
        "cert-manager.io/alt-names": "",
        "cert-manager.io/ip-sans": "",
        "cert-manager.io/uri-sans": "",
        "cert-manager.io/email-sans": "a@b",
    }


def test_subject_annotations_quote_as_csv(root):
    found = certificate.detail_annotations(
        facts(
            root,
            commonName="a,b",
            subject={
                "organizations": ["Ex, Inc", 'say "x"'],
                "serialNumber": "1,2",
                "streetAddresses": [" leading"],
            },
        )
    )
    assert found["cert-manager.io/common-name"] == "a,b"
    assert found["cert-manager.io/subject-serialnumber"] == "1,2"
    assert found["cert-manager.io/subject-organizations"] == '"say ""x""","Ex, Inc"'  # by length in DER
    assert found["cert-manager.io/subject-streetaddresses"] == '" leading"'


def test_schemes_of_uris_are_in_lower_case(root):
    found = certificate.detail_annotations(facts(root, uris=["HTTPS://A/B", "urn:X"]))
    assert found["cert-manager.io/uri-sans"] == "https://A/B,urn:X"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([""], ""),
        (["", ""], ","),
        (["a", "b"], "a,b"),
        (["a b", "c "], "a b,c "),
        ([" a"], '" a"'),
        (["\ta"], '"\ta"'),
        (["\u2003a"], '"\u2003a"'),
        (["\x1ca"], "\x1ca"),
        (['"'], '""""'),
        (["a\r\nb"], '"a\r\nb"'),
        (["\\."], '"\\."'),
    ],
)
def test_values_are_quoted_exactly_where_go_quotes_them(values, line):
    assert certificate.csv_line(values) == line
