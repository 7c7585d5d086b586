import pytest

from certwright.api import codec
from certwright.api.certmanager import Certificate, CertificateRequest, Issuer
from certwright.api.codec import DecodeError
from certwright.api.foreign import Secret

REF = '"issuerRef": {"name": "ca"}'


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ("[]", "", "expected an object, got a list"),
        ("{}", "spec", "required, but missing"),
        (f'{{"spec": {{{REF}}}}}', "spec.secretName", "required, but missing"),
        ('{"spec": {"secretName": "a", "issuerRef": {}}}', "spec.issuerRef.name", "required, but missing"),
        (f'{{"spec": {{"secretName": 1, {REF}}}}}', "spec.secretName", "expected a string, got an integer"),
        (
            f'{{"spec": {{"secretName": "a", {REF}, "dnsNames": ["a", true]}}}}',
            "spec.dnsNames[1]",
            "expected a string, got a boolean",
        ),
        (
            f'{{"metadata": {{"labels": {{"a": 1}}}}, "spec": {{"secretName": "a", {REF}}}}}',
            "metadata.labels[]",
            "expected a string, got an integer",
        ),
        (
            f'{{"spec": {{"secretName": "a", {REF}}}, "status": {{"notAfter": "soon"}}}}',
            "status.notAfter",
            "invalid RFC3339 encoded datetime",
        ),
    ],
)
def test_an_error_names_the_field(text: str, path: str, problem: str) -> None:
    with pytest.raises(DecodeError) as caught:
        codec.decode(text, Certificate)
    assert caught.value.path == path
    assert caught.value.problem == problem
    assert str(caught.value) == (f"{path}: {problem}" if path else problem)


@pytest.mark.parametrize("text", ["", "{", "nonsense", '{"spec": }'])
def test_what_is_no_json_is_an_error_without_a_path(text: str) -> None:
    with pytest.raises(DecodeError) as caught:
        codec.decode(text, Certificate)
    assert caught.value.path == ""


def test_an_error_does_not_quote_a_value() -> None:
    for text in (
        '{"data": {"tls.key": "hush hush"}}',
        '{"data": "hush hush"}',
        '{"data": {"tls.key": hush}}',
    ):
        with pytest.raises(DecodeError) as caught:
            codec.decode(text, Secret)
        assert "hush" not in str(caught.value)


def test_unknown_fields_are_skipped_and_null_counts_as_absent() -> None:
    text = (
        '{"metadata": {"name": "a", "creationTimestamp": null, "labels": null, "more": {"x": [1]}},'
        f' "spec": {{"secretName": "a", {REF}, "dnsNames": null, "invented": 1}}, "status": null}}'
    )
    certificate = codec.decode(text, Certificate)
    assert certificate.metadata.labels == {}
    assert certificate.spec.dns_names == []
    assert certificate.status.conditions == []


def test_an_error_beside_a_null_is_still_named() -> None:
    with pytest.raises(DecodeError) as caught:
        codec.decode(f'{{"spec": {{"secretName": 5, {REF}, "dnsNames": null}}}}', Certificate)
    assert caught.value.path in ("spec.secretName", "spec.dnsNames")


def test_plain_dicts_convert_like_json() -> None:
    plain = {"spec": {"request": "YWJj", "issuerRef": {"name": "ca"}, "groups": None}}
    request = codec.convert(plain, CertificateRequest)
    assert request.spec.request == b"abc"
    with pytest.raises(DecodeError, match=r"^spec\.request: "):
        codec.convert({"spec": {"request": 1, "issuerRef": {"name": "ca"}}}, CertificateRequest)


def test_an_encoded_object_carries_its_kind_and_omits_what_is_unset() -> None:
    issuer = codec.decode('{"spec": {"selfSigned": {}}}', Issuer)
    assert codec.to_builtins(issuer) == {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Issuer",
        "spec": {"selfSigned": {}},
    }
    assert codec.decode(codec.encode(issuer), Issuer) == issuer
