"""What a user can get wrong: one clear line each, all of them at once, a non-zero exit, and nothing lost."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Up

ISSUER = """
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: good}
spec: {selfSigned: {}}
"""
HEAD = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\n"

MANIFESTS = {
    "malformed YAML": ("a: b\n  c: [\n", ["line 2: mapping values are not allowed in this context"]),
    "an unfinished mapping": (
        HEAD.replace("}", "") + "spec: {}\n",
        ["line 4: did not find expected ',' or '}' (while parsing a flow mapping that starts in line 3)"],
    ),
    "equal keys": (HEAD + "kind: Issuer\n", ["line 4: the key 'kind' is there twice"]),
    "no object": ("- 1\n", ["document 1: not a Kubernetes object but a list"]),
    "unknown kinds": (
        "{apiVersion: cert-manager.io/v1, kind: Certificat, metadata: {name: a}}\n---\n"
        "{apiVersion: example.com/v1, kind: Certificate, metadata: {name: a}}\n---\n"
        "{apiVersion: a/b/c, kind: Certificate, metadata: {name: b}}\n",
        [
            "document 1, Certificat a: the server knows no kind Certificat in cert-manager.io/v1",
            "document 2, Certificate a: the server knows no kind Certificate in example.com/v1",
            "document 3, Certificate b: the server knows no kind Certificate in a/b/c",
        ],
    ),
    "wrong types, all at once": (
        HEAD + "spec: {secretName: 5, dnsNames: x, isCA: 'true', usages: [server auth, nonsense], "
        "privateKey: {algorithm: DSA, size: big}}\n",
        [
            "document 1, Certificate web: spec.secretName: ",
            "document 1, Certificate web: spec.dnsNames: ",
            "document 1, Certificate web: spec.isCA: ",
            "document 1, Certificate web: spec.usages[1]: ",
            "document 1, Certificate web: spec.privateKey.algorithm: ",
            "document 1, Certificate web: spec.privateKey.size: ",
            "document 1, Certificate web: spec.issuerRef: ",
        ],
    ),
    "what our rules refuse, all at once": (
        HEAD
        + "spec: {secretName: A_b, issuerRef: {name: ca, kind: Robot}, ipAddresses: [1.2.3], duration: 5m, "
        "privateKey: {size: 1024}}\n---\n"
        "{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: two}, "
        "spec: {selfSigned: {}, ca: {secretName: ''}}}\n---\n"
        + HEAD.replace("web", "other")
        + "spec: {secretName: s, issuerRef: "
        "{name: ca}, dnsNames: [a.example], duration: 90d}\n",
        [
            "document 1, Certificate web: spec.secretName: Invalid value: ",
            "document 1, Certificate web: spec.issuerRef.kind: Invalid value: ",
            "document 1, Certificate web: spec.ipAddresses[0]: Invalid value: ",
            "document 1, Certificate web: spec.duration: Invalid value: ",
            "document 1, Certificate web: spec.privateKey.size: Invalid value: ",
            "document 2, Issuer two: spec.ca.secretName: Required value: ",
            "document 2, Issuer two: spec.selfSigned: Forbidden: ",
            'document 3, Certificate other: spec.duration: unknown unit "d"',
        ],
    ),
    "bad names": (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: A_b}}\n---\n"
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: ..}}\n---\n"
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a/b}}\n---\n"
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: nowhere}}\n",
        [
            "document 1, ConfigMap A_b: metadata.name: ",
            "document 2: configmaps: a name is needed, not '..'",
            "document 3, ConfigMap a/b: ",
            'document 4, ConfigMap nowhere/a: namespaces "nowhere" not found',
        ],
    ),
    "too much data": (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: " + "x" * (3 << 20) + "}}\n",
        ["document 1, ConfigMap a: "],
    ),
    "too large a body": (
        HEAD + "spec: {issuerRef: {name: ca}, secretName: s, dnsNames: [" + "a" * (3 << 20) + "]}\n",
        ["document 1, Certificate web: "],
    ),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_manifests_that_are_wrong_are_refused_line_by_line(up: Up, case: str) -> None:
    text, expected = MANIFESTS[case]
    path = up.root / "bad.yaml"
    path.write_text(text)
    done = up.once("-f", path)
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert len(lines) == len(expected), lines
    for line in expected:
        assert any(each.startswith(f"certwright: error: {path}, {line}") for each in lines), (line, lines)
    assert "Traceback" not in done.stderr


def test_unknown_fields_are_dropped_with_a_warning(up: Up) -> None:
    path = up.root / "odd.yaml"
    path.write_text(ISSUER.replace("selfSigned: {}", "selfSigned: {}, colour: red"))
    done = up.once("-f", path)
    assert done.returncode == 0
    assert done.stderr == f'warning: {path}, document 1, Issuer good: unknown field "spec.colour"\n'
    assert up.objects()["cert-manager.io/issuers/default/good"]["spec"] == {"selfSigned": {}}


def test_the_good_objects_are_applied_beside_the_bad_ones(up: Up) -> None:
    done = up.once("-f", "-", stdin=ISSUER + "---\n" + HEAD + "spec: {}\n")
    assert done.returncode == 1
    assert all(" document 2, Certificate web: spec." in line for line in done.stderr.splitlines())
    assert "cert-manager.io/issuers/default/good" in up.objects()


def test_a_port_in_use_is_named(up: Up) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = up.once("--listen", f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert done.stderr == (
        f"certwright: error: 127.0.0.1:{port} is in use by another program; choose another port\n"
    )


def test_a_second_server_on_the_same_directory_is_refused_and_the_first_goes_on(up: Up) -> None:
    first = up.start("-f", up.examples)
    up.read_until(first, "serving until Ctrl-C")
    kubeconfig = (up.data / "kubeconfig").read_bytes()
    second = up.once()
    assert second.returncode == 1
    assert second.stderr == (
        f"certwright: error: {up.data} is in use by process {first.pid};"
        " stop it, or choose another directory\n"
    )
    assert (up.data / "kubeconfig").read_bytes() == kubeconfig
    first.send_signal(signal.SIGTERM)
    up.end(first)
    assert first.returncode == 0


@pytest.mark.parametrize("place", ["a file", "below a file"])
def test_a_data_directory_that_cannot_be_one_is_named(up: Up, place: str) -> None:
    file = up.root / "file"
    file.write_text("important")
    path = file if place == "a file" else file / "data"
    done = up.once(data=path)
    assert done.returncode == 1
    assert done.stderr == f"certwright: error: {path} is not a directory; choose another path\n"
    assert file.read_text() == "important"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_that_cannot_be_written_is_named(up: Up) -> None:
    up.root.chmod(0o500)
    done = up.once()
    assert done.returncode == 1
    assert done.stderr.startswith(f"certwright: error: {up.data} cannot be created (Permission denied)")


@pytest.mark.parametrize("damage", ["noise", "cut short"])
def test_a_damaged_state_is_named_and_left_as_it_is(up: Up, damage: str) -> None:
    up.once("-f", up.examples)
    state = up.data / "state.db"
    broken = b"noise" * 20_000 if damage == "noise" else state.read_bytes()[:20_000]
    state.write_bytes(broken)
    done = up.once()
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"certwright: error: {state} is ")
    assert "restore a backup" in line
    assert state.read_bytes() == broken


def test_an_export_directory_that_cannot_be_written_is_named(up: Up) -> None:
    file = up.root / "file"
    file.write_text("important")
    done = up.once("--export", file)
    assert done.returncode == 1
    assert done.stderr == f"certwright: error: --export {file}: file exists\n"


def test_one_secret_that_cannot_be_written_does_not_stop_the_others(up: Up) -> None:
    blocked = up.export / "default" / "api-tls"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way")
    done = up.once("-f", up.examples, "--export", up.export)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"certwright: error: {blocked} cannot be written: ")
    assert len(list(up.export.glob("default/*/tls.key"))) == 4
    assert blocked.read_text() == "in the way"


def test_a_missing_manifest_stops_before_anything_is_touched(up: Up) -> None:
    missing = Path("nowhere.yaml")
    done = up.once("-f", missing)
    assert done.returncode == 1
    assert done.stderr == "certwright: error: nowhere.yaml: no such file or directory\n"
    assert not up.data.exists()
