"""The table of settings: every default, pinned, and where each value goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import click
import pytest
import yaml

from certwright.app.gates import GATES, parse_gates, policy_fields, resolve, warnings
from certwright.app.settings import ACTIVE, CONTROLLERS, SETTINGS, Kind, configure, parse_controllers
from certwright.cli.controller import controller
from certwright.cli.program import program
from certwright.cli.up import up
from certwright.controllers.manager import ControllerConfig
from certwright.pki import pem
from certwright.plan.world import Policy

DEFAULTS = """
namespace: ""
cluster-resource-namespace: kube-system
metrics-listen-address: 0.0.0.0:9402
controllers: "*"
feature-gates: ""
enable-certificate-owner-ref: "false"
certificate-request-minimum-backoff-duration: 1h
certificate-request-maximum-backoff-duration: 32h
copied-annotation-prefixes: "*,-kubectl.kubernetes.io/,-fluxcd.io/,-argocd.argoproj.io/"
renewal-spread: 5%
requests-per-hour: "20"
concurrent-workers: "16"
max-certificate-size: "36500"
max-private-key-size: "13000"
max-certificate-chain-length: "95000"
max-certificate-bundle-size: "330000"
"""

GATE_DEFAULTS = """
ACMEHTTP01IngressPathTypeExact: true
ACMEUseARI: false
AdditionalCertificateOutputFormats: true
DefaultPrivateKeyRotationPolicyAlways: true
DisallowInsecureCSRUsageDefinition: true
ExperimentalCertificateSigningRequestControllers: false
ExperimentalGatewayAPISupport: true
ListenerSets: false
LiteralCertificateSubject: true
NameConstraints: true
OtherNames: true
SecretsFilteredCaching: true
ServerSideApply: false
StableCertificateRequestName: true
UseCertificateRequestBasicConstraints: false
ValidateCAA: false
"""

NOT_IN_UP = {"namespace", "cluster_resource_namespace", "metrics_listen_address"}


@pytest.fixture(autouse=True)
def usual_limits() -> Iterator[None]:
    """Leave the size limits of the process as they were."""
    before = pem.limits()
    yield
    pem.set_limits(before)


def parsed(*arguments: str, command: click.Command = controller) -> dict[str, Any]:
    """The values that a command line gives, by parameter name."""
    context = command.make_context("certwright", list(arguments), **program.context_settings)
    names = {setting.parameter for setting in SETTINGS}
    return {name: value for name, value in context.params.items() if name in names}


def test_every_default_is_what_it_always_was() -> None:
    assert {setting.flag: setting.default for setting in SETTINGS} == yaml.safe_load(DEFAULTS)


def test_every_gate_is_as_it_always_was() -> None:
    assert resolve({}) == yaml.safe_load(GATE_DEFAULTS)


def test_a_command_line_without_flags_configures_what_the_code_has_as_defaults() -> None:
    values = parsed()
    assert configure(values) == ControllerConfig() == configure({})
    assert pem.limits() == pem.Limits()
    assert values["metrics_listen_address"] == ("0.0.0.0", 9402)


def test_both_commands_have_the_settings_that_concern_them() -> None:
    everything = {setting.parameter for setting in SETTINGS}
    assert parsed().keys() == everything
    assert parsed(command=up).keys() == everything - NOT_IN_UP


def test_every_field_of_the_table_exists() -> None:
    config = ControllerConfig()
    places = {"": config, "policy": config.policy, "limits": pem.Limits()}
    for setting in SETTINGS:
        group, _, field = setting.field.rpartition(".")
        assert not field or hasattr(places[group], field), setting.flag
    for gate in GATES:
        assert not gate.field or getattr(config.policy, gate.field) is gate.default, gate.name


def test_every_value_arrives() -> None:
    config = configure(
        parsed(
            *("--namespace", "shop", "--cluster-resource-namespace=elsewhere", "--concurrent-workers=3"),
            *("--enable-certificate-owner-ref", "--certificate-request-minimum-backoff-duration", "2m"),
            *("--certificate-request-maximum-backoff-duration=1h30m",),
            *("--copied-annotation-prefixes=a/,-a/b", "--copied-annotation-prefixes", "c/"),
            *("--controllers=-certificaterequests-approver,-issuers",),
            *("--feature-gates=ServerSideApply=true,OtherNames=false",),
            *("--max-certificate-size=1", "--max-private-key-size=2", "--max-certificate-chain-length=3"),
            *("--max-certificate-bundle-size=4", "--renewal-spread=12%", "--requests-per-hour=0"),
        )
    )
    assert config == ControllerConfig(
        namespace="shop",
        cluster_resource_namespace="elsewhere",
        concurrency=3,
        policy=Policy(
            minimum_backoff=timedelta(minutes=2),
            maximum_backoff=timedelta(minutes=90),
            copied_annotation_prefixes=("a/", "-a/b", "c/"),
            owner_references=True,
            approve=False,
            inactive=frozenset({"certificaterequests-approver", "issuers"}),
            server_side_apply=True,
            other_names=False,
            renewal_spread=0.12,
            requests_per_hour=0,
        ),
    )
    assert pem.limits() == pem.Limits(certificate=1, private_key=2, chain=3, bundle=4)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("--enable-certificate-owner-ref", True),
        ("--enable-certificate-owner-ref=true", True),
        ("--enable-certificate-owner-ref=false", False),
        ("--enable-certificate-owner-ref=0", False),
    ],
)
def test_a_boolean_is_written_as_go_writes_it(text: str, value: bool) -> None:
    assert parsed(text)["enable_certificate_owner_ref"] is value


@pytest.mark.parametrize("text", ["0", ""])
def test_metrics_can_be_turned_off(text: str) -> None:
    assert parsed(f"--metrics-listen-address={text}")["metrics_listen_address"] is None


@pytest.mark.parametrize(
    ("entries", "off"),
    [
        ([], frozenset()),
        (["*"], frozenset()),
        (["-issuers"], {"issuers"}),
        (["*", "-issuers", "-orders"], {"issuers", "orders"}),
        (["-issuers", "*"], {"issuers"}),
        (["issuers", "-issuers"], CONTROLLERS),
        (["issuers", "certificates-trigger"], CONTROLLERS - {"issuers", "certificates-trigger"}),
    ],
    ids=["nothing", "all", "one off", "two off", "off before all", "on and off", "two on"],
)
def test_controllers_are_chosen_by_name(entries: list[str], off: frozenset[str]) -> None:
    assert parse_controllers(entries) == off


def test_every_controller_of_cert_manager_is_known_and_said_what_it_is_for() -> None:
    """The names are contract: they stand in Helm values and manifests."""
    signers = [f"-issuer-{name}" for name in ("acme", "ca", "selfsigned", "vault", "venafi")]
    certificates = ("trigger", "issuing", "key-manager", "request-manager", "readiness", "revision-manager")
    assert {
        *(f"certificates-{name}" for name in (*certificates, "metrics")),
        *(
            f"{kind}{name}"
            for kind in ("certificaterequests", "certificatesigningrequests")
            for name in signers
        ),
        *("certificaterequests-approver", "issuers", "clusterissuers", "orders", "challenges"),
        *("ingress-shim", "gateway-shim", "listenerset"),
    } == CONTROLLERS
    assert all(ACTIVE.values())


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("AllAlpha=true", {"ServerSideApply": True, "ACMEUseARI": True, "OtherNames": True}),
        ("AllBeta=false", {"ServerSideApply": False, "OtherNames": False, "NameConstraints": False}),
        ("AllAlpha=true,ServerSideApply=false", {"ServerSideApply": False, "ACMEUseARI": True}),
        ("ServerSideApply=false,AllAlpha=true", {"ServerSideApply": False}),
        ("ValidateCAA=true", {"ValidateCAA": False}),
        ("AdditionalCertificateOutputFormats=false", {"AdditionalCertificateOutputFormats": True}),
        ("OtherNames=false,OtherNames=true", {"OtherNames": True}),
    ],
)
def test_gates_are_set_by_name_and_by_stage(chosen: str, expected: dict[str, bool]) -> None:
    states = resolve(parse_gates(chosen.split(",")))
    assert {name: states[name] for name in expected} == expected


def test_a_gate_that_changes_nothing_says_so() -> None:
    assert warnings({"SecretsFilteredCaching": False, "ServerSideApply": True, "OtherNames": True}) == [
        "feature gate SecretsFilteredCaching=false changes nothing. No effect: caches are always filtered, "
        "foreign Secrets are never held."
    ]
    assert warnings({"ValidateCAA": True, "DefaultPrivateKeyRotationPolicyAlways": False}) == [
        "feature gate ValidateCAA=true changes nothing. No effect: removed upstream, still accepted.",
        "feature gate DefaultPrivateKeyRotationPolicyAlways=false changes nothing. Always on.",
    ]


def test_gates_reach_the_policy() -> None:
    fields = policy_fields(parse_gates(["UseCertificateRequestBasicConstraints=true", "AllBeta=false"]))
    assert Policy(**fields) == Policy(
        request_basic_constraints=True,
        stable_request_names=False,
        literal_subject=False,
        name_constraints=False,
        other_names=False,
    )


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--controllers=nonsense", "no such controller: nonsense; there are certificaterequests-approver, "),
        ("--controllers=*,-*", "no such controller: *; there are"),
        ("--feature-gates=Nonsense=true", "unrecognized feature gate: Nonsense; there are ACME"),
        ("--feature-gates=OtherNames", "missing bool value for OtherNames"),
        ("--feature-gates=OtherNames=on", "invalid value of OtherNames: 'on' is neither true nor false"),
        ("--enable-certificate-owner-ref=yes", "'yes' is neither true nor false"),
        ("--concurrent-workers=0", "'0' is not a whole number of at least 1"),
        ("--requests-per-hour=-1", "'-1' is not a whole number of at least 0"),
        ("--renewal-spread=0.1", "'0.1' is not a percentage from 0% to 99%"),
        ("--max-certificate-size=many", "'many' is not a whole number of at least 1"),
        ("--certificate-request-minimum-backoff-duration=1 h", "'1 h' is not a duration"),
    ],
)
def test_a_wrong_value_is_refused_with_what_would_be_right(argument: str, message: str) -> None:
    flag = argument.partition("=")[0]
    with pytest.raises(click.BadParameter) as error:
        parsed(argument)
    assert message in error.value.format_message()
    assert flag in error.value.format_message()


def test_every_kind_of_value_is_used() -> None:
    assert {setting.kind for setting in SETTINGS} == set(Kind)
