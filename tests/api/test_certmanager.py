"""Objects with every field that the API has survive being read and written."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from certwright.api import codec
from certwright.api.certmanager import (
    Certificate,
    CertificateRequest,
    CertificateSpec,
    ClusterIssuer,
    Issuer,
    IssuerRef,
    IssuerSpec,
)
from certwright.api.crds import all_crds
from certwright.api.orders import Challenge, Order

KINDS = {
    kind.__name__: kind for kind in (Certificate, CertificateRequest, Issuer, ClusterIssuer, Order, Challenge)
}
FORMATS = {"date-time": "2026-01-02T03:04:05Z", "byte": "YWJj"}


def sample(schema: dict[str, Any]) -> Any:
    """Make a value of a schema with every member set, and none at its default."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return {"anything": [1, {"a": None}]}
    if schema.get("x-kubernetes-int-or-string"):
        return "100m"
    if "enum" in schema:
        return schema["enum"][-1]
    match schema["type"]:
        case "object" if "additionalProperties" in schema:
            return {"some/key": sample(schema["additionalProperties"])}
        case "object":
            return {name: sample(member) for name, member in schema.get("properties", {}).items()}
        case "array":
            return [sample(schema["items"])]
        case "integer":
            return 7
        case "boolean":
            return True
    return FORMATS.get(schema.get("format", ""), "text")


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_the_schema_survives_a_round_trip(kind: str) -> None:
    crd = next(crd for crd in all_crds() if crd["spec"]["names"]["kind"] == kind)
    full = sample(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    full["metadata"] = {"name": "a", "namespace": "b"}
    read = codec.convert(full, KINDS[kind])
    assert codec.to_builtins(read) == full
    assert codec.decode(codec.encode(read), KINDS[kind]) == read


def test_absent_and_empty_lists_differ_where_the_difference_matters() -> None:
    absent = CertificateSpec(secret_name="a", issuer_ref=IssuerRef(name="ca"))
    empty = CertificateSpec(secret_name="a", issuer_ref=IssuerRef(name="ca"), usages=[], other_names=[])
    assert "usages" not in codec.to_builtins(absent)
    assert codec.to_builtins(empty)["usages"] == []
    assert codec.convert(codec.to_builtins(empty), CertificateSpec).other_names == []
    assert codec.convert(codec.to_builtins(absent), CertificateSpec).other_names is None


def test_a_cluster_issuer_is_an_issuer_with_another_kind() -> None:
    issuer = ClusterIssuer(spec=IssuerSpec())
    assert isinstance(issuer, Issuer)
    assert issuer.kind == "ClusterIssuer"
    assert codec.to_builtins(issuer)["kind"] == "ClusterIssuer"


def test_odd_spellings_of_the_wire_are_kept() -> None:
    names = {
        "spec": {
            "acme": {
                "server": "https://acme.example.com",
                "privateKeySecretRef": {"name": "key"},
                "skipTLSVerify": True,
                "solvers": [
                    {"http01": {"ingress": {"class": "nginx"}, "gatewayHTTPRoute": {}}},
                    {"dns01": {"acmeDNS": {"host": "h", "accountSecretRef": {"name": "a"}}}},
                ],
            },
            "ca": {"secretName": "a", "issuingCertificateURLs": ["u"], "ocspServers": ["o"]},
            "vault": {
                "server": "s",
                "path": "p",
                "auth": {"appRole": {"path": "a", "roleId": "r", "secretRef": {"name": "s"}}},
            },
        }
    }
    issuer = codec.convert(names, Issuer)
    acme = issuer.spec.acme
    assert acme is not None
    assert acme.skip_tls_verify
    assert acme.solvers[0].http01 is not None
    assert acme.solvers[0].http01.ingress is not None
    assert acme.solvers[0].http01.ingress.class_ == "nginx"
    assert issuer.spec.vault is not None
    assert issuer.spec.vault.auth.app_role is not None
    assert issuer.spec.vault.auth.app_role.role_id == "r"
    assert codec.to_builtins(issuer)["spec"] == names["spec"]


def test_importing_the_types_loads_no_network_crypto_or_yaml_library() -> None:
    code = (
        "import sys, certwright.api.certmanager, certwright.api.orders, certwright.api.foreign\n"
        "print([name for name in ('aiohttp', 'yaml', 'cryptography') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_no_module_is_too_long() -> None:
    source = Path(codec.__file__).parent
    assert [file.name for file in source.glob("*.py") if len(file.read_text().splitlines()) > 600] == []
