"""`certwright plan` as a real process against a real `certwright up`: exit codes, outputs, errors."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from certwright.app import preview_text
from certwright.plan.effects import (
    CertificateEffect,
    IssuerEffect,
    ObjectEffect,
    Preview,
)

if TYPE_CHECKING:
    from conftest import Up

PATIENCE = 60


def plan(
    *arguments: object, stdin: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "certwright", "plan", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | (env or {}),
    )


@pytest.fixture
def kubeconfig(up: Up) -> Path:
    """The kubeconfig of a server that holds the examples, all of them Ready."""
    process = up.start("-f", up.examples)
    up.read_until(process, "serving until Ctrl-C")
    return up.data / "kubeconfig"


def edited(up: Up) -> str:
    return (up.examples / "2-leaves.yaml").read_text().replace("api.internal.", "api2.internal.")


def test_exit_codes_tell_nothing_something_and_error_apart(up: Up, kubeconfig: Path) -> None:
    same = plan("--kubeconfig", kubeconfig, "-f", up.examples)
    assert (same.returncode, same.stderr) == (0, "")
    assert same.stdout == (
        "Certificates: 0 to issue, 0 to re-issue, 0 secrets to rewrite, 5 unchanged.\nNothing was changed.\n"
    )
    changed = plan("--kubeconfig", kubeconfig, "-f", "-", stdin=edited(up))
    assert (changed.returncode, changed.stderr) == (2, "")
    first, *rest = changed.stdout.splitlines()
    assert first == (
        "~ re-issue Certificate default/api: Secret api-tls, new key, revision 1 -> 2, by Issuer ca"
    )
    assert "  - delete CertificateRequest api-1" in rest
    assert any("RequestChanged" in line and "[spec.dnsNames]" in line for line in rest)
    assert "\033" not in changed.stdout
    wrong = plan(
        "--kubeconfig", kubeconfig, "-f", "-", stdin=edited(up).replace("dnsNames: [", "dnsNames: x[")
    )
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("certwright: error: ")


def test_what_is_planned_is_not_done(up: Up, kubeconfig: Path) -> None:
    plan("--kubeconfig", kubeconfig, "-f", "-", stdin=edited(up))
    again = plan("--kubeconfig", kubeconfig, "-f", up.examples)
    assert again.returncode == 0


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_machines_read_the_same(up: Up, kubeconfig: Path, form: str, read: Any) -> None:
    done = plan("--kubeconfig", kubeconfig, "-f", "-", "-o", form, stdin=edited(up))
    assert done.returncode == 2
    found = read(done.stdout)
    assert list(found) == [
        "apiVersion",
        "kind",
        "changes",
        "summary",
        "certificates",
        "issuers",
        "objects",
        "notes",
    ]
    assert found["summary"] == {
        "issue": 0,
        "reissue": 1,
        "rewrite": 0,
        "adopt": 0,
        "block": 0,
        "update": 0,
        "unchanged": 4,
    }
    (effect,) = found["certificates"]
    assert (effect["namespace"], effect["name"], effect["action"]) == ("default", "api", "reissue")
    assert effect["revision"] == {"from": 1, "to": 2}
    everything = read(plan("--kubeconfig", kubeconfig, "-f", up.examples, "-o", form, "--all").stdout)
    assert {each["action"] for each in everything["certificates"]} == {"none"}
    assert everything["changes"] is False


def test_a_server_that_is_not_there_is_one_line_with_the_next_step(up: Up) -> None:
    up.once()
    done = plan("--kubeconfig", up.data / "kubeconfig", "-f", up.examples)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "cannot connect" in line
    assert "start it with `certwright up`" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing option '-f'"),
        (["--nonsense"], "No such option"),
        (["-f", "x", "-o", "xml"], "'xml' is not one of"),
        (["-f", "nowhere.yaml"], "nowhere.yaml: no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_is_an_error_and_not_a_change(arguments: list[str], message: str) -> None:
    done = plan(*arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_any_cluster_it_says_what_to_do(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "KUBECONFIG": ""}
    done = plan("-f", "-", stdin="{apiVersion: v1, kind: Secret, metadata: {name: x}}", env=home)
    assert done.returncode == 1
    assert "--kubeconfig" in done.stderr


SAMPLE = Preview(
    certificates=(
        CertificateEffect(
            namespace="shop",
            name="web",
            action="reissue",
            object="changed",
            deletes=("CertificateRequest w-1",),
        ),
        CertificateEffect(namespace="shop", name="api", action="none", object="unchanged"),
        CertificateEffect(
            namespace="shop", name="db", action="block", object="changed", reason="Why", message="what"
        ),
        CertificateEffect(namespace="shop", name="mq", action="adopt", object="created", secret="mq-tls"),
    ),
    issuers=(
        IssuerEffect(
            kind="ClusterIssuer",
            namespace="",
            name="ca",
            object="changed",
            ready=False,
            detail="no",
            signs_later=tuple(f"shop/{number}" for number in range(7)),
        ),
    ),
    objects=(
        ObjectEffect(kind="Secret", namespace="shop", name="x", object="changed", fields=("data.a",)),
        ObjectEffect(kind="Secret", namespace="shop", name="y", object="unchanged"),
    ),
    notes=("something to know",),
)


def test_the_text_says_each_thing_on_a_line_of_its_own() -> None:
    assert preview_text.text(SAMPLE).splitlines() == [
        "~ change ClusterIssuer ca",
        "    note: not ready: no",
        "    note: re-issues nothing; signs at their next issuance: shop/0, shop/1, shop/2, shop/3, shop/4"
        " and 2 more",
        "~ change Secret shop/x: data.a",
        "~ re-issue Certificate shop/web",
        "  - delete CertificateRequest w-1",
        "! cannot issue Certificate shop/db",
        "    because: Why: what",
        "+ adopt secret for Certificate shop/mq: Secret mq-tls",
        "",
        "note: something to know",
        "Certificates: 0 to issue, 1 to re-issue, 0 secrets to rewrite, 1 to adopt, 1 that cannot be issued, "
        "1 unchanged.",
        "Nothing was changed.",
    ]


def test_all_shows_what_stays_as_well() -> None:
    shown = preview_text.text(SAMPLE, show_all=True).splitlines()
    assert "= unchanged Certificate shop/api" in shown
    assert "= unchanged Secret shop/y" in shown


def test_colours_change_nothing_but_the_colours() -> None:
    plain, coloured = (preview_text.text(SAMPLE, show_all=True, colour=each) for each in (False, True))
    assert coloured != plain
    assert re.sub(r"\033\[\d*m", "", coloured) == plain
