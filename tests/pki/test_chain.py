import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certwright.api.certmanager import CertificateSpec, IssuerRef, PrivateKey
from certwright.pki import chain, csr, keys, pem, sign, x509
from certwright.pki.errors import CertificateDecodeError, ChainError, PKIError


class Family:
    """root <- first <- second <- leaf, and relatives that do not belong."""

    def __init__(self, root):
        self.root = root
        first = root.intermediate("same name")
        second = first.intermediate("second")
        self.leaf_key = keys.generate("ECDSA")
        bundle = second.issue(self.leaf_key, commonName="leaf")
        self.leaf, self.second, self.first = x509.read_pem(bundle.chain_pem, 95_000)
        self.top = root.loaded.certificate
        self.sibling = x509.read_pem(first.issue(self.leaf_key, commonName="sibling").chain_pem, 95_000)[0]
        self.members = [self.leaf, self.second, self.first, self.top]


@pytest.fixture(scope="module")
def family(make_root):
    return Family(make_root("same name"))


def pems(*certificates):
    return b"".join(map(x509.to_pem, certificates))


@given(st.permutations(range(4)), st.integers(1, 3))
def test_order_and_duplicates_do_not_matter(family, order, copies):
    bundle = chain.build_chain(pems(*[family.members[i] for i in order] * copies))
    assert bundle == chain.Bundle(pems(family.leaf, family.second, family.first), pems(family.top))


def test_certificates_may_come_in_several_files_with_comments(family):
    bundle = chain.build_chain(
        b"# root\n" + pems(family.top) + b"\n\n", pems(family.leaf, family.second), pems(family.first)
    )
    assert bundle.chain_pem == pems(family.leaf, family.second, family.first)


def test_without_a_root_the_topmost_certificate_is_in_the_chain_and_the_ca(family):
    bundle = chain.build_chain(pems(family.first, family.leaf, family.second))
    assert bundle == chain.Bundle(pems(family.leaf, family.second, family.first), pems(family.first))


def test_a_single_root_is_both(family):
    assert chain.build_chain(pems(family.top)) == chain.Bundle(pems(family.top), pems(family.top))


def test_a_single_leaf_has_no_ca(family):
    assert chain.build_chain(pems(family.leaf)) == chain.Bundle(pems(family.leaf), b"")


def test_a_self_signed_leaf_is_not_a_root(spec, now):
    key = keys.generate("ECDSA")
    issued = sign.self_sign(
        csr.build_request(spec(commonName="x"), key),
        key,
        usages=None,
        is_ca=False,
        duration=timedelta(days=1),
        now=now,
    )
    assert chain.build_chain(issued.chain_pem) == chain.Bundle(issued.chain_pem, b"")


@pytest.mark.parametrize("missing", [1, 2])
def test_a_gap_is_refused(family, missing):
    members = [member for position, member in enumerate(family.members) if position != missing]
    with pytest.raises(ChainError):
        chain.build_chain(pems(*members))


def test_a_branch_is_refused(family):
    with pytest.raises(ChainError):
        chain.build_chain(pems(*family.members, family.sibling))


def test_a_stray_certificate_is_refused(family, root):
    with pytest.raises(ChainError):
        chain.build_chain(pems(*family.members, root.loaded.certificate))


def test_the_name_alone_does_not_make_a_parent(family, make_root):
    impostor = make_root("same name")
    with pytest.raises(ChainError):
        chain.build_chain(pems(family.first, impostor.loaded.certificate))


def test_two_roots_of_one_key_are_both_left_out(spec, now, make_root):
    old = make_root("renewed")
    request = csr.build_request(spec(commonName="renewed", isCA=True), old.key)
    new = sign.self_sign(
        request, old.key, usages=None, is_ca=True, duration=timedelta(days=1), now=now
    ).chain_pem
    leaf = old.issue(keys.generate("ECDSA"), commonName="leaf").chain_pem
    bundle = chain.build_chain(leaf, old.chain_pem, new)
    assert bundle.chain_pem == leaf
    assert bundle.ca_pem in {new, old.chain_pem}


def test_nothing_and_garbage_are_refused():
    for data in (b"", b"x", pem.encode("CERTIFICATE", b"x")):
        with pytest.raises(CertificateDecodeError):
            chain.build_chain(data)
    with pytest.raises(ChainError):
        chain.build_chain()


def issue_many(count, now, issuer_of):
    """Certificates whose subject is their number, all of one key, issued by the name `issuer_of(number)`."""
    private_pem = keys.generate("Ed25519")
    template = sign.Grant(usages=None, is_ca=True, duration=timedelta(days=1), now=now)
    key = keys.load_private(private_pem)
    algorithm = sign.signatures.for_public_key(keys.public_key_of_private(private_pem))
    found = []
    for number in range(count):
        request = csr.parse_request(csr.build_request(numbered(number), private_pem))
        wanted = sign._extensions(request, template, sign._Links())
        tbs = sign._to_be_signed(request, template, algorithm.identifier, issuer_of(number), wanted)
        found.append(x509.read_der(sign.signatures.wrap(key, algorithm, tbs)))
    return found


def numbered(number):
    return CertificateSpec(
        secret_name="s",
        issuer_ref=IssuerRef(name="x"),
        common_name=f"{number:05}",
        private_key=PrivateKey(algorithm="Ed25519"),
    )


def subject(number):
    return csr.names.subject_der(numbered(number))


def test_a_chain_of_a_hundred_is_found(now):
    found = issue_many(100, now, lambda number: subject(number + 1))
    random.Random(1).shuffle(found)
    ordered = chain.linear_chain(found)
    assert [certificate.subject for certificate in ordered] == [subject(number) for number in range(100)]


def test_more_than_a_thousand_certificates_are_refused(now):
    found = issue_many(1001, now, lambda number: subject(0))
    with pytest.raises(ChainError, match="1000"):
        chain.linear_chain(found)


def test_many_certificates_of_one_name_are_given_up_early(family):
    verifier = chain._Verifier()
    verifier._tried = 5 * chain.MAX_CERTIFICATES
    with pytest.raises(ChainError, match="too many"):
        verifier.signed(family.top, family.top)


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from(["leaf", "second", "first", "top", "sibling"]), max_size=6),
    st.binary(max_size=20),
)
def test_any_selection_is_a_chain_or_refused_by_name(family, selection, garbage):
    data = garbage + b"\n" + pems(*(getattr(family, name) for name in selection))
    try:
        bundle = chain.build_chain(data)
    except PKIError:
        return
    assert bundle.chain_pem


def test_a_root_of_version_1_counts_as_a_ca(openssl, tmp_path):
    openssl("genpkey", "-algorithm", "ed25519", "-out", "{key}", key=b"")
    key = (tmp_path / "key").read_bytes()
    openssl("req", "-new", "-key", "{key}", "-subj", "/CN=old", "-out", "{csr}", key=key, csr=b"")
    openssl(
        *("x509", "-req", "-in", "{csr}", "-signkey", "{key}", "-out", "{crt}"),
        csr=(tmp_path / "csr").read_bytes(),
        key=key,
        crt=b"",
    )
    old = (tmp_path / "crt").read_bytes()
    certificate = x509.read_pem(old, 95_000)[0]
    assert (certificate.version, certificate.is_ca) == (0, None)
    assert chain.build_chain(old).ca_pem == x509.to_pem(certificate)
