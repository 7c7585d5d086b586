import pytest

from certwright.api.certmanager import IssuerRef
from certwright.api.wire import wire_name


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("name", "name"),
        ("secret_name", "secretName"),
        ("is_ca", "isCA"),
        ("ca_bundle", "caBundle"),
        ("dns_names", "dnsNames"),
        ("skip_tls_verify", "skipTLSVerify"),
        ("gateway_http_route", "gatewayHTTPRoute"),
        ("access_key_id_secret_ref", "accessKeyIDSecretRef"),
        ("issuing_certificate_urls", "issuingCertificateURLs"),
        ("api_version", "apiVersion"),
    ],
)
def test_field_names_become_the_names_of_the_wire(field: str, name: str) -> None:
    assert wire_name(field) == name


def test_objects_cannot_be_changed_in_place() -> None:
    reference = IssuerRef(name="ca")
    with pytest.raises(AttributeError):
        reference.name = "other"  # type: ignore[misc]
