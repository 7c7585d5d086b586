"""`certwright up` as a real process: issuing, exporting, restarting, stopping."""

from __future__ import annotations

import signal
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

if TYPE_CHECKING:
    from conftest import Up

SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
SECRETS = {"ada-smime", "api-tls", "root", "web-tls", "worker-tls"}
TARGETS = {f"/secrets/default/{name}" for name in SECRETS}
MISSING_ISSUER = """
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: lonely}
spec: {secretName: lonely, dnsNames: [example.com], issuerRef: {name: nowhere}}
"""


def fits(directory: Path) -> bool:
    certificate = load_pem_x509_certificate((directory / "tls.crt").read_bytes())
    key = load_pem_private_key((directory / "tls.key").read_bytes(), None)
    return certificate.public_key().public_bytes(*SPKI) == key.public_key().public_bytes(*SPKI)


def test_the_examples_become_ready_and_end_in_files_that_openssl_verifies(up: Up) -> None:
    done = up.once("-f", up.examples, "--export", up.export)
    assert done.stderr == ""
    assert done.returncode == 0
    assert "5 of 5 certificates are Ready\n" in done.stdout
    assert str(up.export) in done.stdout
    assert str(up.data / "kubeconfig") in done.stdout
    assert {path.name for path in (up.export / "default").iterdir()} == SECRETS
    for name in SECRETS:
        directory = up.export / "default" / name
        assert fits(directory), name
        root = up.export / "default" / "root" / "tls.crt"
        verify = ["openssl", "verify", "-CAfile", str(root), str(directory / "tls.crt")]
        assert subprocess.run(verify, capture_output=True).returncode == 0, name
        assert stat.S_IMODE((directory / "tls.key").stat().st_mode) == 0o600


def test_a_second_start_with_the_same_manifests_changes_nothing(up: Up) -> None:
    assert up.once("-f", up.examples, "--export", up.export).returncode == 0
    before = up.versions()
    links = {name: (up.export / "default" / name / "..data").readlink() for name in SECRETS}
    again = up.once("-f", up.examples, "--export", up.export)
    assert "7 of 7 objects unchanged\n" in again.stdout
    assert up.versions() == before
    assert {name: (up.export / "default" / name / "..data").readlink() for name in SECRETS} == links


def test_manifests_come_from_standard_input(up: Up) -> None:
    text = "".join(path.read_text() + "\n---\n" for path in sorted(up.examples.glob("*.yaml")))
    done = up.once("-f", "-", stdin=text)
    assert done.returncode == 0, done.stderr
    assert "5 of 5 certificates are Ready\n" in done.stdout


def test_without_certificates_once_is_done_at_once(up: Up) -> None:
    done = up.once()
    assert done.returncode == 0
    assert "0 of 0 certificates are Ready\n" in done.stdout


def test_at_the_timeout_there_is_a_reason_for_each_certificate_that_is_not_ready(up: Up) -> None:
    done = up.once("-f", "-", "--timeout", "2s", stdin=MISSING_ISSUER)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith('certwright: error: Certificate "default/lonely" ')
    assert "nowhere" in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_server_cleanly(up: Up, number: signal.Signals) -> None:
    process = up.start("-f", up.examples)
    output = up.read_until(process, "serving until Ctrl-C")
    assert "kubeconfig: " in output
    process.send_signal(number)
    rest, errors = up.end(process)
    assert (process.returncode, errors) == (0, "")
    assert "Ready" not in rest


def test_once_that_is_interrupted_has_failed(up: Up) -> None:
    process = up.start("--once", "--timeout", "0", "-f", write(up.root / "lonely.yaml", MISSING_ISSUER))
    up.read_until(process, "Certificate default/lonely: not Ready")
    process.terminate()
    up.end(process)
    assert process.returncode == 128 + signal.SIGTERM


def test_what_was_ready_is_still_there_after_kill_9(up: Up) -> None:
    process = up.start("-f", up.examples)
    up.read_until(process, "serving until Ctrl-C")
    process.kill()
    up.end(process)
    before = {key: version for key, version in up.versions().items() if key in TARGETS}
    done = up.once()
    assert "5 of 5 certificates are Ready\n" in done.stdout
    after = up.versions()
    assert {key: after[key] for key in before} == before


def test_a_changed_manifest_is_issued_again_and_exchanged_on_disk(up: Up) -> None:
    up.once("-f", up.examples, "--export", up.export)
    link = (up.export / "default/api-tls/..data").readlink()
    changed = (up.examples / "2-leaves.yaml").read_text().replace("api.internal.", "api2.internal.")
    done = up.once("-f", write(up.root / "changed.yaml", changed), "--export", up.export)
    assert "Certificate api: changed\n" in done.stdout
    assert "3 of 4 objects unchanged\n" in done.stdout
    assert (up.export / "default/api-tls/..data").readlink() != link
    assert fits(up.export / "default/api-tls")


def test_the_data_directory_is_private(up: Up) -> None:
    up.once("-f", up.examples)
    for path in (up.data, *up.data.rglob("*")):
        assert not stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO), path
    assert stat.S_IMODE((up.data / "kubeconfig").stat().st_mode) == 0o600


def test_a_deleted_secret_is_issued_again(up: Up) -> None:
    process = up.start("-f", up.examples, "--export", up.export)
    up.read_until(process, "serving until Ctrl-C")
    kubectl = ["kubectl", "--kubeconfig", str(up.data / "kubeconfig")]
    link = (up.export / "default/api-tls/..data").readlink()
    subprocess.run([*kubectl, "delete", "secret", "api-tls"], check=True, capture_output=True)
    wait = ["wait", "certificate/api", "--for=condition=Ready", "--timeout=60s"]
    up.read_until(process, "Certificate default/api: Ready")
    subprocess.run([*kubectl, *wait], check=True, capture_output=True)
    process.terminate()
    up.end(process)
    assert up.once("--export", up.export).returncode == 0
    assert (up.export / "default/api-tls/..data").readlink() != link


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_settings_of_the_controllers_are_heeded(up: Up) -> None:
    flags = ("--enable-certificate-owner-ref", "--feature-gates=ServerSideApply=true,ValidateCAA=true")
    process = up.once("-f", up.examples, *flags)
    assert process.returncode == 0, process.stderr
    assert "feature gate ValidateCAA=true changes nothing." in process.stderr
    objects = up.objects()
    secret = next(obj for key, obj in objects.items() if key.endswith("/secrets/default/web-tls"))
    assert [owner["kind"] for owner in secret["metadata"]["ownerReferences"]] == ["Certificate"]
    web = next(obj for key, obj in objects.items() if key.endswith("/certificates/default/web"))
    found = {each["type"]: each["status"] for each in web["status"]["conditions"]}
    assert found == {"Ready": "True", "Issuing": "False"}
