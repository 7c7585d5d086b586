from base64 import b64decode

import pytest

from certwright.pki import keys, secret
from certwright.pki.errors import KeyDecodeError, KeystoreUnsupportedError, PKIError, TemplateError

CHAIN, CA = b"-----chain-----\n", b"-----ca-----\n"


@pytest.fixture(scope="module", params=["PKCS1", "PKCS8"])
def key(request):
    return keys.encode(keys.generate("ECDSA"), request.param)


def test_without_further_formats_there_are_three_entries(spec, key):
    assert secret.target_data(key, CHAIN, CA, spec()) == {"tls.crt": CHAIN, "tls.key": key, "ca.crt": CA}


def test_an_empty_ca_is_left_out(spec, key):
    assert secret.target_data(key, CHAIN, b"", spec()).keys() == {"tls.crt", "tls.key"}


def test_der_is_what_the_pem_of_the_key_encloses(spec, key):
    data = secret.target_data(key, CHAIN, CA, spec(additionalOutputFormats=[{"type": "DER"}]))
    assert data["key.der"] == b64decode(b"".join(key.splitlines()[1:-1]))
    assert "tls-combined.pem" not in data


def test_combined_pem_has_an_empty_line_between_key_and_chain(spec, key):
    data = secret.target_data(key, CHAIN, CA, spec(additionalOutputFormats=[{"type": "CombinedPEM"}]))
    assert data["tls-combined.pem"] == key + b"\n" + CHAIN


def test_an_unknown_format_is_refused(spec, key):
    with pytest.raises(TemplateError, match="XML"):
        secret.target_data(key, CHAIN, CA, spec(additionalOutputFormats=[{"type": "XML"}]))


def test_a_key_that_is_no_pem_is_refused(spec):
    with pytest.raises(KeyDecodeError):
        secret.target_data(b"x", CHAIN, CA, spec(additionalOutputFormats=[{"type": "DER"}]))


@pytest.mark.parametrize("name", ["jks", "pkcs12"])
def test_keystores_are_refused_by_name_and_only_if_wanted(spec, key, name):
    wanted = spec(keystores={name: {"create": True, "password": "x"}})
    with pytest.raises(KeystoreUnsupportedError, match=rf"spec\.keystores\.{name}") as caught:
        secret.target_data(key, CHAIN, CA, wanted)
    assert isinstance(caught.value, PKIError)
    assert isinstance(caught.value, NotImplementedError)
    unwanted = spec(keystores={name: {"create": False, "password": "x"}})
    assert len(secret.target_data(key, CHAIN, CA, unwanted)) == 3
