"""What every issuer has to be able to issue, and what must hold of each certificate, whoever has signed it.

The rows are those of cert-manager's conformance tests. Certificates are read with `cryptography` and judged
by openssl, so that no code of ours vouches for itself.
"""

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from certwright.api import conditions
from certwright.api.certmanager import (
    AdditionalOutputFormat,
    Certificate,
    CertificateRequest,
    CertificateSpec,
    IssuerRef,
    OtherName,
    PrivateKey,
    Subject,
)
from certwright.api.foreign import Secret
from certwright.testing.builders import certificate
from certwright.testing.cluster import Cluster

RSA, ECDSA, ED25519 = (PrivateKey(algorithm=name) for name in ("RSA", "ECDSA", "Ed25519"))
UPN = "1.3.6.1.4.1.311.20.2.3"
"""The user principal name, a UTF8String in an otherName."""
SPIFFE = "spiffe://cluster.local/ns/sandbox/sa/foo"
KEYS = {"RSA": rsa.RSAPublicKey, "ECDSA": ec.EllipticCurvePublicKey, "Ed25519": ed25519.Ed25519PublicKey}
SIZES = {"RSA": 2048, "ECDSA": 256}
KNOWN = {"ca.crt", "tls.crt", "tls.key"}
FORMATS = {"CombinedPEM": "tls-combined.pem", "DER": "key.der"}
DURATIONS = {"": timedelta(days=90), "896h": timedelta(hours=896)}


class Issued(Struct):
    """A Certificate that is Ready, its Secret, and what its Secret holds."""

    certificate: Certificate
    secret: Secret
    x509: x509.Certificate

    @property
    def spec(self) -> CertificateSpec:
        return self.certificate.spec

    def names(self, type_: type[x509.GeneralName]) -> list[object]:
        """The values of all alternative names of a type."""
        try:
            found = self.x509.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return []
        return [name.value for name in found if isinstance(name, type_)]

    def subject(self, attribute: x509.ObjectIdentifier) -> list[str]:
        """The values of an attribute of the subject."""
        return [str(found.value) for found in self.x509.subject.get_attributes_for_oid(attribute)]


def spec(**fields: object) -> dict[str, object]:
    """A spec of which nothing is set but this, and a key that is quickly made."""
    return {"dns_names": [], "private_key": ECDSA} | fields


LONGEST = "x" * 63
LITERAL = "CN=*.a.foo-long.bar.example,OU=FooLong,OU=Bar,OU=Baz,OU=Dept.,O=Corp."
ROWS: dict[str, dict[str, object]] = {
    "a-single-dns-name": spec(dns_names=["a.example"], private_key=None),
    "a-ca": spec(dns_names=["a.example"], is_ca=True),
    "an-ecdsa-key": spec(dns_names=["a.example"]),
    "an-ed25519-key": spec(dns_names=["a.example"], private_key=ED25519),
    "a-common-name-alone-with-rsa": spec(common_name="a common name", private_key=RSA),
    "a-common-name-alone-with-ecdsa": spec(common_name="a common name"),
    "a-common-name-alone-with-ed25519": spec(common_name="a common name", private_key=ED25519),
    "an-ip-address": spec(ip_addresses=["10.0.0.1"]),
    "a-dns-name-and-ip-addresses": spec(dns_names=["a.example"], ip_addresses=["10.0.0.1", "2001:db8::1"]),
    "a-common-name-and-an-ip-address": spec(common_name="a", ip_addresses=["10.0.0.1"]),
    "an-email-address-alone": spec(email_addresses=["alice@example.com"]),
    "a-uri-alone": spec(uris=[SPIFFE]),
    "a-common-name-and-a-uri": spec(common_name="a", uris=[SPIFFE]),
    "a-common-name-that-is-a-dns-name-too": spec(
        common_name="a.example", dns_names=["a.example", "b.example"]
    ),
    "a-common-name-besides-a-dns-name": spec(common_name="a.example", dns_names=["b.example"]),
    "organizations": spec(dns_names=["a.example"], subject=Subject(organizations=["One", "Two"])),
    "a-duration": spec(dns_names=["a.example"], duration="896h"),
    "a-wildcard": spec(dns_names=["*.a.example"]),
    "a-wildcard-and-its-apex": spec(dns_names=["*.a.example", "a.example"]),
    "a-label-of-63-characters": spec(dns_names=[f"{LONGEST}.example"]),
    "further-formats": spec(
        dns_names=["a.example"],
        additional_output_formats=[AdditionalOutputFormat(type=each) for each in FORMATS],
    ),
}


async def issue(cluster: Cluster, issuer: IssuerRef, **fields: object) -> Issued:
    """Have the Certificate `web` issued."""
    await cluster.create(certificate("web", issuer, **fields))
    return await issued(cluster)


async def issued(cluster: Cluster) -> Issued:
    """The Certificate `web` once it is Ready and as it is wanted now."""
    found = await cluster.until(Certificate, "web", is_ready_as_it_is)
    secret = await cluster.secret(found.spec.secret_name)
    return Issued(found, secret, x509.load_pem_x509_certificate(secret.data["tls.crt"]))


def is_ready_as_it_is(certificate: Certificate) -> bool:
    """Whether it is Ready in its present generation, and nothing is being issued."""
    ready = conditions.find(certificate.status.conditions, "Ready")
    if ready is None or conditions.has(certificate.status.conditions, "Issuing"):
        return False
    return ready.status == "True" and ready.observed_generation == certificate.metadata.generation


def the_key_is_of_the_kind_that_is_wanted(issued: Issued) -> None:
    wanted = issued.spec.private_key or PrivateKey()
    algorithm = wanted.algorithm or "RSA"
    private = load_pem_private_key(issued.secret.data["tls.key"], None)
    public = private.public_key()
    assert isinstance(public, KEYS[algorithm])
    if isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        assert public.key_size == (wanted.size or SIZES[algorithm])
    assert spki(public) == spki(issued.x509.public_key())


def spki(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined,no-any-return]


def every_name_is_there(issued: Issued) -> None:
    wanted = issued.spec
    assert set(wanted.dns_names) <= set(issued.names(x509.DNSName))
    assert sorted(map(str, issued.names(x509.IPAddress))) == sorted(wanted.ip_addresses)
    assert issued.names(x509.RFC822Name) == wanted.email_addresses
    assert issued.names(x509.UniformResourceIdentifier) == wanted.uris


def the_subject_is_what_is_wanted(issued: Issued) -> None:
    wanted = issued.spec
    found = issued.subject(NameOID.COMMON_NAME)
    if wanted.common_name:
        assert found == [wanted.common_name]
    else:
        assert set(found) <= set(issued.names(x509.DNSName))
    if not wanted.literal_subject:
        organizations = wanted.subject.organizations if wanted.subject else []
        assert sorted(issued.subject(NameOID.ORGANIZATION_NAME)) == sorted(organizations)


def it_is_a_ca_only_if_it_is_to_be_one(issued: Issued) -> None:
    basic = issued.x509.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert basic.value.ca is bool(issued.spec.is_ca)


def it_lasts_as_long_as_it_should(issued: Issued) -> None:
    lasts = issued.x509.not_valid_after_utc - issued.x509.not_valid_before_utc
    wanted = DURATIONS[issued.spec.duration or ""]
    assert abs(lasts - wanted) <= timedelta(seconds=30)
    assert issued.certificate.status.not_after == issued.x509.not_valid_after_utc
    assert issued.certificate.status.not_before == issued.x509.not_valid_before_utc


def the_secret_holds_what_it_should(issued: Issued) -> None:
    secret = issued.secret
    formats = {FORMATS[each.type] for each in issued.spec.additional_output_formats}
    assert set(secret.data) == KNOWN | formats
    assert secret.type == "kubernetes.io/tls"
    assert secret.metadata.annotations["cert-manager.io/certificate-name"] == "web"
    assert secret.metadata.annotations["cert-manager.io/issuer-name"] == issued.spec.issuer_ref.name
    if "key.der" in formats:
        assert secret.data["tls-combined.pem"] == secret.data["tls.key"] + b"\n" + secret.data["tls.crt"]
        subprocess.run(
            ["openssl", "pkey", "-inform", "DER", "-noout"], input=secret.data["key.der"], check=True
        )


def the_chain_leads_to_the_ca(issued: Issued, folder: Path) -> None:
    data = issued.secret.data
    authority = x509.load_pem_x509_certificate(data["ca.crt"])
    assert authority.subject == issued.x509.issuer
    chain, root = folder / "chain.pem", folder / "root.pem"
    chain.write_bytes(data["tls.crt"])
    root.write_bytes(data["ca.crt"])
    host = [name.replace("*", "any", 1) for name in issued.spec.dns_names[:1]]
    names = ["-verify_hostname", host[0]] if host else []
    command = ["openssl", "verify", *names, "-CAfile", str(root), "-untrusted", str(chain), str(chain)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def certificate_of_openssl(names: list[str]) -> x509.Certificate:
    """A certificate with these alternative names, made by openssl."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null"]
    extension = f"subjectAltName={','.join(names)}"
    command = ["openssl", "req", "-x509", *key, "-subj", "/CN=x", "-addext", extension]
    return x509.load_pem_x509_certificate(subprocess.run(command, capture_output=True, check=True).stdout)


CHECKS: tuple[Callable[[Issued], None], ...] = (
    the_key_is_of_the_kind_that_is_wanted,
    every_name_is_there,
    the_subject_is_what_is_wanted,
    it_is_a_ca_only_if_it_is_to_be_one,
    it_lasts_as_long_as_it_should,
    the_secret_holds_what_it_should,
)


@pytest.mark.parametrize("row", ROWS)
async def test_it_is_issued_as_it_is_wanted(
    any_cluster: Cluster, issuer: IssuerRef, row: str, tmp_path: Path
) -> None:
    found = await issue(any_cluster, issuer, **ROWS[row])
    for check in CHECKS:
        check(found)
    the_chain_leads_to_the_ca(found, tmp_path)


async def test_usages_are_those_that_are_wanted_and_no_others(
    any_cluster: Cluster, issuer: IssuerRef
) -> None:
    usages = ["signing", "data encipherment", "server auth", "client auth"]
    found = await issue(any_cluster, issuer, usages=usages)
    usage = found.x509.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.data_encipherment
    assert not any((usage.key_encipherment, usage.key_agreement, usage.key_cert_sign, usage.crl_sign))
    extended = found.x509.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(extended) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


async def test_other_names_stand_beside_an_email_address_as_openssl_writes_them(
    any_cluster: Cluster, issuer: IssuerRef
) -> None:
    upns, email = ["upn@domain.example", "upn@domain2.example"], "email@domain.example"
    wanted = {
        "common_name": "somebody",
        "email_addresses": [email],
        "other_names": [OtherName(oid=UPN, utf8_value=upn) for upn in upns],
    }
    found = await issue(any_cluster, issuer, **spec(**wanted))
    made = certificate_of_openssl([f"email:{email}", *(f"otherName:msUPN;UTF8:{upn}" for upn in upns)])
    names, theirs = (
        each.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for each in (found.x509, made)
    )
    assert len(names) == 3
    assert set(names) == set(theirs)


async def test_a_literal_subject_is_written_from_its_end(any_cluster: Cluster, issuer: IssuerRef) -> None:
    wildcard = "*.a.foo-long.bar.example"
    found = await issue(any_cluster, issuer, **spec(literal_subject=LITERAL, dns_names=[wildcard]))
    rdns = [[(part.oid, part.value) for part in rdn] for rdn in found.x509.subject.rdns]
    units = [[(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)] for unit in ("Dept.", "Baz", "Bar", "FooLong")]
    first, last = [(NameOID.ORGANIZATION_NAME, "Corp.")], [(NameOID.COMMON_NAME, wildcard)]
    assert rdns == [first, *units, last]


async def test_a_key_that_must_stay_outlives_a_certificate_that_is_gone(
    any_cluster: Cluster, issuer: IssuerRef
) -> None:
    kept = PrivateKey(algorithm="ECDSA", rotation_policy="Never")
    before = await issue(any_cluster, issuer, private_key=kept)
    await any_cluster.patch(Secret, "web-tls", {"data": {"tls.crt": ""}})
    await any_cluster.until(Certificate, "web", lambda found: found.status.revision == 2)
    after = await issued(any_cluster)
    assert after.x509.serial_number != before.x509.serial_number
    assert spki(after.x509.public_key()) == spki(before.x509.public_key())


async def test_one_more_dns_name_is_issued_anew(any_cluster: Cluster, issuer: IssuerRef) -> None:
    before = await issue(any_cluster, issuer)
    names = ["web.example", "more.example"]
    await any_cluster.patch(Certificate, "web", {"spec": {"dnsNames": names}})
    after = await issued(any_cluster)
    assert after.certificate.metadata.generation == before.certificate.metadata.generation + 1
    assert after.certificate.status.revision == 2
    assert after.names(x509.DNSName) == names


async def test_annotations_of_others_are_passed_on_and_do_no_harm(
    any_cluster: Cluster, issuer: IssuerRef
) -> None:
    foreign = {"conformance.example/test": "yes", "example.com/other": ""}
    await issue(any_cluster, issuer, annotations=foreign)
    (request,) = await any_cluster.objects(CertificateRequest)
    assert request.metadata.annotations.items() >= foreign.items()
