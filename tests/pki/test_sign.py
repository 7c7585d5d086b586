from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from certwright.pki import csr, der, extensions, keys, pem, sign, x509
from certwright.pki.errors import (
    CertificateDecodeError,
    ChainError,
    KeyDecodeError,
    RequestDecodeError,
    SigningError,
    TemplateError,
)

LIMIT = 95_000
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def key():
    return keys.generate("ECDSA")


@pytest.fixture
def issue(root, spec, key, now):
    def run(ca=root.loaded, usages=None, is_ca=False, duration=DAY, at=now, urls=None, **fields):
        return sign.sign_request(
            csr.build_request(spec(**({"commonName": "leaf"} | fields)), key),
            ca=ca,
            usages=usages,
            is_ca=is_ca,
            duration=duration,
            now=at,
            **(urls or {}),
        )

    return run


def leaf_of(bundle):
    return x509.read_pem(bundle.chain_pem, LIMIT)[0]


def oids(certificate):
    return [extension.oid for extension in certificate.extensions]


def test_extensions_come_in_a_fixed_order(issue):
    urls = {"crl": ["http://crl"], "ocsp": ["http://ocsp"], "aia": ["http://aia"]}
    certificate = leaf_of(
        issue(
            usages=["signing", "server auth"],
            is_ca=True,
            urls=urls,
            isCA=True,
            dnsNames=["a"],
            nameConstraints={"permitted": {"dnsDomains": ["a"]}},
            encodeUsagesInRequest=False,
        )
    )
    assert oids(certificate) == [
        extensions.KEY_USAGE,
        extensions.EXT_KEY_USAGE,
        extensions.BASIC_CONSTRAINTS,
        extensions.SUBJECT_KEY_ID,
        extensions.AUTHORITY_KEY_ID,
        extensions.AUTHORITY_INFO_ACCESS,
        extensions.NAME_CONSTRAINTS,
        extensions.CRL_DISTRIBUTION_POINTS,
        extensions.SUBJECT_ALT_NAME,
    ]
    assert [e.oid for e in certificate.extensions if e.critical] == [
        extensions.KEY_USAGE,
        extensions.BASIC_CONSTRAINTS,
    ]


def test_a_plain_leaf_has_no_subject_key_identifier(issue):
    assert oids(leaf_of(issue())) == [
        extensions.KEY_USAGE,
        extensions.BASIC_CONSTRAINTS,
        extensions.AUTHORITY_KEY_ID,
    ]


def test_a_leaf_with_the_name_of_its_ca_has_no_authority_key_identifier(issue):
    assert extensions.AUTHORITY_KEY_ID not in oids(leaf_of(issue(commonName="root")))


def test_alternative_names_become_critical_without_a_subject(issue):
    certificate = leaf_of(issue(commonName="", dnsNames=["a"]))
    assert certificate.extensions[-1].critical
    assert certificate.subject == b"\x30\x00"


def test_validity_starts_now_and_ignores_that_of_the_ca(issue, now):
    certificate = leaf_of(issue(duration=timedelta(days=40_000), at=now + timedelta(microseconds=700_000)))
    assert certificate.not_before == now
    assert certificate.not_after == now + timedelta(days=40_000)


def test_a_validity_beyond_the_year_9999_is_refused(issue):
    with pytest.raises(TemplateError, match="9999"):
        issue(duration=timedelta(days=3_000_000))


def test_serial_numbers_are_random_and_positive(issue):
    serials = {leaf_of(issue()).serial for _ in range(20)}
    assert len(serials) == 20
    assert all(0 < serial < 1 << 159 for serial in serials)


def test_usages_of_the_request_must_be_those_asked_for(spec, key):
    wanted = ["server auth", "client auth"]
    request = csr.build_request(spec(commonName="x", usages=wanted), key)
    assert sign.check_request(request, usages=wanted, is_ca=False)
    for asked in (wanted[::-1], wanted[:1], None, ["signing", *wanted]):
        with pytest.raises(TemplateError, match="asked for"):
            sign.check_request(request, usages=asked, is_ca=False)
    with pytest.raises(TemplateError, match="asked for"):
        sign.check_request(request, usages=wanted, is_ca=True)


def test_a_request_without_usages_gets_those_asked_for(issue):
    certificate = leaf_of(issue(usages=["client auth"], encodeUsagesInRequest=False))
    assert certificate.extended_key_usages == ("1.3.6.1.5.5.7.3.2",)
    assert certificate.key_usage == 0


def test_signing_and_digital_signature_are_the_same_here(spec, root, key, now):
    request = csr.build_request(spec(commonName="x", usages=["signing"]), key)
    assert sign.check_request(request, usages=["digital signature"], is_ca=False)


def test_the_ca_flag_of_the_request_must_be_that_asked_for(spec, key):
    request = csr.build_request(spec(commonName="x", isCA=True), key, encode_basic_constraints=True)
    assert sign.check_request(request, usages=None, is_ca=True).is_ca
    with pytest.raises(TemplateError, match="isCA"):
        sign.check_request(request, usages=None, is_ca=False)


def test_unknown_usages_are_refused(issue):
    with pytest.raises(TemplateError, match="unknown usages"):
        issue(usages=["x"], encodeUsagesInRequest=False)


def resigned(facts, key, wanted):
    """A request like `facts` with other extensions."""
    attributes = der.sequence(der.oid("1.2.840.113549.1.9.14"), der.tlv(der.SET, extensions.encode(wanted)))
    info = der.sequence(
        der.integer(0), facts.subject_der, facts.spki, der.context(0, attributes, constructed=True)
    )
    algorithm = sign.signatures.ALGORITHMS["ECDSAWithSHA256"]
    return pem.encode(csr.LABEL, sign.signatures.wrap(keys.load_private(key), algorithm, info))


def test_identifiers_without_a_name_pass_and_other_extensions_are_dropped(spec, root, key, now):
    smart_card_logon = "1.3.6.1.4.1.311.20.2.2"
    usages_value = sign.usages.encode_extended(["1.3.6.1.5.5.7.3.2", smart_card_logon])
    wanted = [
        extensions.Extension(extensions.EXT_KEY_USAGE, False, usages_value),
        extensions.Extension("1.2.3.4", True, b"\x05\x00"),
    ]
    request = resigned(csr.parse_request(csr.build_request(spec(commonName="x"), key)), key, wanted)
    bundle = sign.sign_request(
        request, ca=root.loaded, usages=["client auth"], is_ca=False, duration=DAY, now=now
    )
    assert leaf_of(bundle).extended_key_usages == ("1.3.6.1.5.5.7.3.2", smart_card_logon)
    assert "1.2.3.4" not in oids(leaf_of(bundle))


def test_identifiers_known_but_without_a_name_never_match(spec, key):
    kernel_mode = sign.usages.encode_extended(["1.3.6.1.4.1.311.61.1.1"])
    wanted = [extensions.Extension(extensions.EXT_KEY_USAGE, False, kernel_mode)]
    request = resigned(csr.parse_request(csr.build_request(spec(commonName="x"), key)), key, wanted)
    with pytest.raises(TemplateError):
        sign.check_request(request, usages=["cert sign"], is_ca=False)


def test_name_constraints_that_cannot_be_read_are_refused(spec, root, key, now):
    wanted = [extensions.Extension(extensions.NAME_CONSTRAINTS, True, der.EMPTY_SEQUENCE)]
    request = resigned(csr.parse_request(csr.build_request(spec(commonName="x"), key)), key, wanted)
    with pytest.raises(TemplateError, match="name constraints"):
        sign.sign_request(request, ca=root.loaded, usages=None, is_ca=False, duration=DAY, now=now)


def test_a_request_not_signed_with_its_own_key_is_refused(spec, root, key, now):
    facts = csr.parse_request(csr.build_request(spec(commonName="x"), key))
    forged = resigned(facts, keys.generate("ECDSA"), facts.extensions)
    with pytest.raises(RequestDecodeError, match="own key"):
        sign.sign_request(forged, ca=root.loaded, usages=None, is_ca=False, duration=DAY, now=now)


@pytest.mark.parametrize(
    ("algorithm", "size"), [("RSA", 2048), ("RSA", 3072), ("ECDSA", 384), ("ECDSA", 521), ("Ed25519", 0)]
)
def test_the_key_of_the_ca_decides_the_signature(make_root, issue, openssl, algorithm, size):
    authority = make_root("ca", algorithm, size)
    bundle = issue(ca=authority.loaded)
    expected = sign.signatures.for_public_key(authority.loaded.certificate.public_key)
    assert leaf_of(bundle).signature_algorithm == expected.identifier
    openssl("verify", "-no_check_time", "-CAfile", "{ca}", "{leaf}", ca=bundle.ca_pem, leaf=bundle.chain_pem)


def test_openssl_verifies_a_chain_with_an_intermediate(root, key, openssl):
    intermediate = root.intermediate("intermediate")
    bundle = intermediate.issue(key, dnsNames=["a.example"], usages=["server auth", "signing"])
    assert bundle.ca_pem == root.chain_pem
    leaf, above = x509.read_pem(bundle.chain_pem, LIMIT)
    openssl(
        *(
            "verify",
            "-no_check_time",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "a.example",
        ),
        *("-CAfile", "{root}", "-untrusted", "{above}", "{leaf}"),
        root=root.chain_pem,
        above=x509.to_pem(above),
        leaf=x509.to_pem(leaf),
    )


def test_openssl_shows_the_urls_of_the_issuer(issue, openssl):
    urls = {"crl": ["http://crl/1", "http://crl/2"], "ocsp": ["http://ocsp"], "aia": ["http://aia"]}
    shown = openssl("x509", "-noout", "-text", "-in", "{leaf}", leaf=issue(urls=urls).chain_pem)
    for expected in ("OCSP - URI:http://ocsp", "CA Issuers - URI:http://aia", "URI:http://crl/2", "CA:FALSE"):
        assert expected in shown


def test_an_intermediate_without_its_root_is_the_ca_itself(root, key):
    intermediate = root.intermediate("intermediate")
    alone = x509.to_pem(intermediate.loaded.certificate)
    authority = type(root)(alone, intermediate.key)
    bundle = authority.issue(key, commonName="x")
    assert bundle.ca_pem == alone
    assert bundle.chain_pem.endswith(alone)


def test_the_root_may_come_from_ca_crt(root, issue):
    intermediate = root.intermediate("intermediate")
    alone = x509.to_pem(intermediate.loaded.certificate)
    unrelated_behind = root.chain_pem + root.intermediate("x").chain_pem
    bundle = issue(ca=sign.load_ca(alone, intermediate.key, unrelated_behind))
    assert bundle.ca_pem == root.chain_pem
    assert bundle.chain_pem.endswith(alone)


def test_an_intermediate_issued_by_a_root_can_issue_itself(root, key, now):
    bundle = root.issue(key, commonName="sub", isCA=True)
    authority = sign.load_ca(bundle.chain_pem, key, bundle.ca_pem)
    assert authority.problem == ""
    assert leaf_of(bundle).subject_key_id == extensions.key_id(keys.spki_of_private(key))


@pytest.mark.parametrize("problem", ["key", "unrelated", "order", "not a CA"])
def test_a_ca_that_cannot_sign_is_loaded_but_refuses(root, make_root, key, issue, problem):
    intermediate = root.intermediate("intermediate")
    arguments = {
        "key": (root.chain_pem, key),
        "unrelated": (root.chain_pem, root.key, make_root("other").chain_pem),
        "order": (root.chain_pem + x509.to_pem(intermediate.loaded.certificate), root.key),
        "not a CA": (root.issue(key, commonName="x").chain_pem, key),
    }[problem]
    authority = sign.load_ca(*arguments)
    assert authority.problem
    with pytest.raises(ChainError):
        issue(ca=authority)


def test_a_ca_that_cannot_be_read_is_an_error(root):
    with pytest.raises(CertificateDecodeError):
        sign.load_ca(b"", root.key)
    with pytest.raises(CertificateDecodeError):
        sign.load_ca(root.chain_pem, root.key, b"x")
    with pytest.raises(KeyDecodeError):
        sign.load_ca(root.chain_pem, b"")


def test_a_loaded_ca_is_remembered_and_does_not_show_its_key(root):
    assert sign.load_ca(root.chain_pem, root.key) is sign.load_ca(root.chain_pem, root.key, None)
    assert repr(root.loaded).startswith("SigningCA(serial=")


def test_a_self_signed_leaf_has_neither_key_identifier(spec, key, now):
    bundle = sign.self_sign(
        csr.build_request(spec(dnsNames=["a"]), key),
        key,
        usages=None,
        is_ca=False,
        duration=DAY,
        now=now,
        crl=["http://crl"],
    )
    assert bundle.chain_pem == bundle.ca_pem
    certificate = leaf_of(bundle)
    assert certificate.issuer == certificate.subject == b"\x30\x00"
    assert oids(certificate) == [
        extensions.KEY_USAGE,
        extensions.BASIC_CONSTRAINTS,
        extensions.CRL_DISTRIBUTION_POINTS,
        extensions.SUBJECT_ALT_NAME,
    ]


def test_only_the_key_of_the_request_may_self_sign(spec, key, now):
    request = csr.build_request(spec(commonName="x"), key)
    with pytest.raises(SigningError):
        sign.self_sign(request, keys.generate("ECDSA"), usages=None, is_ca=False, duration=DAY, now=now)


def test_a_ca_with_1024_bits_may_not_sign(spec, openssl, tmp_path, key, now):
    openssl(
        *("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak"),
        *("-keyout", "{key}", "-out", "{crt}"),
        key=b"",
        crt=b"",
    )
    authority = sign.load_ca((tmp_path / "crt").read_bytes(), (tmp_path / "key").read_bytes())
    assert authority.problem == ""
    with pytest.raises(SigningError):
        sign.sign_request(
            csr.build_request(spec(commonName="x"), key),
            ca=authority,
            usages=None,
            is_ca=False,
            duration=DAY,
            now=now,
        )


def test_a_ca_made_by_openssl_issues_what_openssl_verifies(openssl, tmp_path, issue):
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", "/C=AT/O=Multi+OU=Valued/CN=ca", "-keyout", "{key}", "-out", "{crt}"),
        key=b"",
        crt=b"",
    )
    crt = (tmp_path / "crt").read_bytes()
    bundle = issue(ca=sign.load_ca(crt, (tmp_path / "key").read_bytes()), at=datetime.now(UTC))
    openssl("verify", "-CAfile", "{ca}", "{leaf}", ca=crt, leaf=bundle.chain_pem)
    assert leaf_of(bundle).issuer == x509.read_pem(crt, LIMIT)[0].subject


def test_extended_usages_keep_order_and_duplicates(issue):
    usages = ["client auth", "any", "client auth"]
    expected = ("1.3.6.1.5.5.7.3.2", "2.5.29.37.0", "1.3.6.1.5.5.7.3.2")
    assert leaf_of(issue(usages=usages, encodeUsagesInRequest=False)).extended_key_usages == expected


def test_the_signature_algorithm_of_the_request_has_no_influence(root, issue):
    certificate = leaf_of(issue(signatureAlgorithm="ECDSAWithSHA512"))
    assert certificate.signature_algorithm == sign.signatures.ALGORITHMS["ECDSAWithSHA256"].identifier


def test_subject_and_names_of_the_request_are_taken_byte_for_byte(spec, root, key, now):
    """An UTF8String that could be printable, a T61String, and kinds of names nobody here knows."""
    facts = csr.parse_request(csr.build_request(spec(commonName="x"), key))
    organization = der.sequence(der.oid("2.5.4.10"), der.tlv(0x0C, b"plain"))
    unit = der.sequence(der.oid("2.5.4.11"), der.tlv(0x14, b"\xe9"))
    subject = der.sequence(der.tlv(der.SET, unit), der.tlv(der.SET, organization))
    names = der.sequence(der.tlv(0x86, b"urn:a"), der.tlv(0x88, b"\x2a\x03"), der.tlv(0x82, b"a.example"))
    wanted = [extensions.Extension(extensions.SUBJECT_ALT_NAME, True, names)]
    odd = msgspec.structs.replace(facts, subject_der=subject)
    issued = leaf_of(
        sign.sign_request(
            resigned(odd, key, wanted), ca=root.loaded, usages=None, is_ca=False, duration=DAY, now=now
        )
    )
    assert issued.subject == subject
    assert issued.issuer == root.loaded.certificate.subject
    last = issued.extensions[-1]
    assert (last.oid, last.critical, last.value) == (extensions.SUBJECT_ALT_NAME, False, names)


def test_a_leaf_gets_the_name_constraints_of_its_request_too(issue):
    wanted = {"critical": True, "permitted": {"dnsDomains": ["a"]}}
    certificate = leaf_of(issue(nameConstraints=wanted))
    found = {extension.oid: extension for extension in certificate.extensions}
    assert found[extensions.NAME_CONSTRAINTS].critical
    assert certificate.is_ca is False


def openssl_ca(openssl, tmp_path, *arguments, curve="P-256"):
    """A CA of openssl's making, with the extensions of `arguments` and no others."""
    (tmp_path / "config").write_text("[req]\ndistinguished_name = dn\n[dn]\n")
    openssl(
        *("req", "-x509", "-config", "{config}", "-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{curve}"),
        *("-nodes", "-subj", "/CN=ca", "-keyout", "{key}", "-out", "{crt}", *arguments),
        config=(tmp_path / "config").read_bytes(),
        key=b"",
        crt=b"",
    )
    return sign.load_ca((tmp_path / "crt").read_bytes(), (tmp_path / "key").read_bytes())


CA_TRUE = ("-addext", "basicConstraints=critical,CA:TRUE")


def test_a_ca_on_p_224_may_not_sign(openssl, tmp_path, issue):
    authority = openssl_ca(openssl, tmp_path, *CA_TRUE, curve="P-224")
    assert authority.problem == ""
    with pytest.raises(SigningError, match="224"):
        issue(ca=authority)


def test_without_an_identifier_of_the_ca_there_is_none_of_the_authority(openssl, tmp_path, issue):
    authority = openssl_ca(openssl, tmp_path, *CA_TRUE, "-addext", "subjectKeyIdentifier=none")
    assert authority.certificate.subject_key_id == b""
    assert extensions.AUTHORITY_KEY_ID not in oids(leaf_of(issue(ca=authority)))


def test_a_ca_whose_key_usage_lacks_cert_sign_may_not_sign(openssl, tmp_path, issue):
    authority = openssl_ca(openssl, tmp_path, *CA_TRUE, "-addext", "keyUsage=digitalSignature")
    assert not authority.certificate.is_self_signed
    with pytest.raises(ChainError, match="not allowed to sign"):
        issue(ca=authority)


def test_a_ca_without_key_usage_may_sign(openssl, tmp_path, issue):
    authority = openssl_ca(openssl, tmp_path, *CA_TRUE)
    assert authority.certificate.key_usage == 0
    assert authority.certificate.is_self_signed
    assert issue(ca=authority).ca_pem == x509.to_pem(authority.certificate)
