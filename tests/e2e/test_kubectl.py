"""What users do with kubectl, done with real ones: one of today and Debian's 1.20."""

import json
import re
import signal
from typing import Any

import pytest

pytestmark = pytest.mark.kubectl

Kubectl = Any
SetStatus = Any
"""Classes of conftest.py."""

ISSUER = """
apiVersion: cert-manager.io/v1
kind: Issuer
metadata:
  name: ca
spec:
  ca:
    secretName: root
"""
CERTIFICATE = """
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: web
spec:
  secretName: web-tls
  dnsNames: [www.example.com]
  issuerRef:
    name: ca
"""
EVENT = """
apiVersion: v1
kind: Event
metadata:
  name: web.1
involvedObject: {kind: Certificate, apiVersion: cert-manager.io/v1, name: web, namespace: NAMESPACE, uid: UID}
reason: Issuing
message: Issuing certificate as Secret does not exist
type: Normal
source: {component: cert-manager-certificates-trigger}
firstTimestamp: "2026-01-01T00:00:00Z"
lastTimestamp: "2026-01-01T00:00:00Z"
count: 1
"""
READY = {
    "status": {
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Ready",
                "message": "Certificate is up to date and has not expired",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ]
    }
}


def test_apply_creates_then_changes_then_leaves_alone(kubectl: Kubectl) -> None:
    assert "created" in kubectl("apply", "-f", "-", text=CERTIFICATE)
    assert "unchanged" in kubectl("apply", "-f", "-", text=CERTIFICATE)
    changed = CERTIFICATE.replace("www", "web")
    assert "configured" in kubectl("apply", "-f", "-", text=changed)
    assert kubectl("get", "certificate", "web", "-o", "jsonpath={.spec.dnsNames}") == '["web.example.com"]'
    without = changed.replace("  dnsNames: [web.example.com]\n", "  commonName: web\n")
    assert "configured" in kubectl("apply", "-f", "-", text=without)
    assert kubectl("get", "certificate", "web", "-o", "jsonpath={.spec.dnsNames}") == ""


def test_server_side_apply_owns_fields_and_reports_conflicts(kubectl: Kubectl) -> None:
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", "-", text=CERTIFICATE)
    other = CERTIFICATE.replace("web-tls", "other-tls")
    refused = kubectl.run("apply", "--server-side", "--field-manager=other", "-f", "-", text=other)
    assert refused.code != 0
    assert 'conflict with "kubectl"' in refused.err
    assert ".spec.secretName" in refused.err
    kubectl("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-", text=other)
    assert kubectl("get", "certificate", "web", "-o", "jsonpath={.spec.secretName}") == "other-tls"


def test_unknown_fields_and_wrong_values_are_refused_with_their_paths(kubectl: Kubectl) -> None:
    unknown = kubectl.run("apply", "-f", "-", text=CERTIFICATE.replace("secretName", "sekretName"))
    assert unknown.code != 0
    assert "sekretName" in unknown.err
    wrong = kubectl.run(
        "apply", "--validate=false", "-f", "-", text=CERTIFICATE + "  privateKey: {algorithm: DSA}\n"
    )
    assert wrong.code != 0
    assert 'spec.privateKey.algorithm: Unsupported value: "DSA"' in wrong.err


def test_get_shows_the_columns_of_the_definition(kubectl: Kubectl, set_status: SetStatus) -> None:
    kubectl("apply", "-f", "-", text=CERTIFICATE)
    set_status(READY)
    header, row = kubectl("get", "cert").splitlines()
    assert header.split() == ["NAME", "READY", "SECRET", "AGE"]
    assert row.split()[:3] == ["web", "True", "web-tls"]
    assert "ISSUER" in kubectl("get", "certs", "-o", "wide")
    assert kubectl.namespace in kubectl("get", "certificates", "-A")
    assert kubectl("get", "cert", "-o", "name") == "certificate.cert-manager.io/web\n"
    assert json.loads(kubectl("get", "cert", "-o", "json"))["items"][0]["kind"] == "Certificate"
    assert "kind: Certificate" in kubectl("get", "cert", "web", "-o", "yaml")
    assert kubectl("get", "cert", "-o", "jsonpath={.items[*].spec.secretName}") == "web-tls"
    assert "web" in kubectl("get", "cert-manager")
    assert "No resources found" in kubectl.run("get", "cert", "-l", "app=none").err
    assert kubectl.run("get", "cert", "nope").err.strip() == (
        'Error from server (NotFound): certificates.cert-manager.io "nope" not found'
    )


def test_get_watch_follows_changes(kubectl: Kubectl, set_status: SetStatus) -> None:
    kubectl("apply", "-f", "-", text=CERTIFICATE)
    watching = kubectl.start("get", "cert", "-w")
    assert watching.stdout is not None
    try:
        assert watching.stdout.readline().split()[:2] == ["NAME", "READY"]
        assert watching.stdout.readline().split()[0] == "web"
        set_status(READY)
        assert watching.stdout.readline().split()[:3] == ["web", "True", "web-tls"]
    finally:
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=10)


def test_wait_for_a_condition_and_for_deletion(kubectl: Kubectl, set_status: SetStatus) -> None:
    kubectl("apply", "-f", "-", text=CERTIFICATE)
    waiting = kubectl.start("wait", "--for=condition=Ready", "certificate/web", "--timeout=30s")
    set_status(READY)
    out, err = waiting.communicate(timeout=40)
    assert waiting.returncode == 0, err
    assert "condition met" in out
    kubectl("patch", "cert", "web", "--type=merge", "-p", '{"metadata":{"finalizers":["example.com/hold"]}}')
    kubectl("delete", "cert", "web", "--wait=false")
    waiting = kubectl.start("wait", "--for=delete", "certificate/web", "--timeout=30s")
    kubectl("patch", "cert", "web", "--type=json", "-p", '[{"op":"remove","path":"/metadata/finalizers"}]')
    _, err = waiting.communicate(timeout=40)
    # kubectl 1.20 complains when the object went before it came to look
    assert waiting.returncode == 0 or "no matching resources" in err or "not found" in err


def test_describe_shows_the_object_and_its_events(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", text=CERTIFICATE)
    uid = kubectl("get", "cert", "web", "-o", "jsonpath={.metadata.uid}")
    kubectl("apply", "-f", "-", text=EVENT.replace("NAMESPACE", kubectl.namespace).replace("UID", uid))
    out = kubectl("describe", "certificate", "web")
    assert re.search(r"Secret Name:\s+web-tls", out)
    assert "Issuing certificate as Secret does not exist" in out
    assert "cert-manager-certificates-trigger" in out


def test_get_events_and_their_field_selectors(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", text=EVENT.replace("NAMESPACE", kubectl.namespace).replace("UID", "u-1"))
    assert "Issuing certificate" in kubectl("get", "events")
    assert "certificate/web" in kubectl("get", "events", "--field-selector", "involvedObject.name=web")
    assert "certificate/web" not in kubectl("get", "events", "--field-selector", "involvedObject.name=other")
    assert "certificate/web" in kubectl("get", "ev", "-o", "wide", "--sort-by=.lastTimestamp")
    if not kubectl.is_old:
        assert "Issuing certificate" in kubectl("events", "--for", "certificate/web")


def test_edit_writes_what_the_editor_leaves(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", text=CERTIFICATE)
    assert "edited" in kubectl("edit", "cert", "web", env={"EDITOR": "sed -i s/www.example/new.example/"})
    assert "new.example.com" in kubectl("get", "cert", "web", "-o", "jsonpath={.spec.dnsNames}")
    same = kubectl.run("edit", "cert", "web", env={"EDITOR": "true"})
    assert "no changes" in same.out + same.err


def test_patch_of_all_types(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", text=CERTIFICATE)
    kubectl("patch", "cert", "web", "--type=merge", "-p", '{"spec":{"commonName":"a"}}')
    kubectl(
        "patch", "cert", "web", "--type=json", "-p", '[{"op":"add","path":"/spec/dnsNames/-","value":"b"}]'
    )
    assert kubectl("get", "cert", "web", "-o", "jsonpath={.spec.commonName} {.spec.dnsNames}") == (
        'a ["www.example.com","b"]'
    )
    refused = kubectl.run("patch", "cert", "web", "--type=strategic", "-p", '{"spec":{"commonName":"c"}}')
    assert refused.code != 0
    assert "application/merge-patch+json" in refused.err or "strategic" in refused.err
    kubectl("create", "configmap", "c", "--from-literal=a=1")
    kubectl("patch", "configmap", "c", "--type=strategic", "-p", '{"data":{"b":"2"}}')
    assert json.loads(kubectl("get", "cm", "c", "-o", "json"))["data"] == {"a": "1", "b": "2"}


def test_label_annotate_and_select(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", text=CERTIFICATE)
    kubectl("label", "cert", "web", "app=shop")
    kubectl("annotate", "cert", "web", "example.com/note=hello world")
    assert kubectl("get", "cert", "-l", "app=shop", "-o", "name").strip()
    assert kubectl("get", "cert", "-l", "app in (a, b)", "-o", "name") == ""
    assert "hello world" in kubectl("get", "cert", "web", "-o", "jsonpath={.metadata.annotations}")
    kubectl("label", "cert", "web", "app-")
    assert kubectl("get", "cert", "-l", "app", "-o", "name") == ""
    refused = kubectl.run("label", "cert", "web", "app=not valid")
    assert refused.code != 0


def owned(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", text=CERTIFICATE)
    uid = kubectl("get", "cert", "web", "-o", "jsonpath={.metadata.uid}")
    owner = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": "web", "uid": uid}
    owner["blockOwnerDeletion"] = True  # type: ignore[assignment]
    child = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "child", "ownerReferences": [owner]},
    }
    kubectl("apply", "-f", "-", text=json.dumps(child))


@pytest.mark.parametrize("policy", ["background", "foreground", "orphan"])
def test_delete_cascades_as_asked(kubectl: Kubectl, policy: str) -> None:
    owned(kubectl)
    assert "deleted" in kubectl("delete", "cert", "web", f"--cascade={policy}", "--timeout=30s")
    if policy == "orphan":
        child = json.loads(kubectl("get", "cm", "child", "-o", "json"))
        assert "ownerReferences" not in child["metadata"]
    else:
        gone = kubectl.run("wait", "--for=delete", "configmap/child", "--timeout=30s")
        assert gone.code == 0 or "not found" in gone.err or "no matching resources" in gone.err


def test_explain_says_what_a_field_is(kubectl: Kubectl) -> None:
    out = kubectl("explain", "certificate.spec.privateKey")
    assert "rotationPolicy" in out
    assert re.search(r"algorithm\s+<string>", out)
    assert "FIELD" in kubectl("explain", "certificate", "--recursive")
    assert "stringData" in kubectl("explain", "secret")


def test_resources_and_versions_are_listed(kubectl: Kubectl) -> None:
    resources = kubectl("api-resources")
    assert re.search(
        r"^certificates\s+cert,certs\s+cert-manager.io/v1\s+true\s+Certificate$", resources, re.MULTILINE
    )
    assert re.search(r"^secrets\s+v1\s+true\s+Secret$", resources, re.MULTILINE)
    assert "clusterissuers" in kubectl("api-resources", "--namespaced=false", "-o", "name")
    versions = kubectl("api-versions").split()
    assert {"v1", "cert-manager.io/v1", "acme.cert-manager.io/v1", "apiextensions.k8s.io/v1"} <= set(versions)
    assert "v1.36" in kubectl("version", *([] if kubectl.is_old else ["-o", "yaml"]))


def test_diff_and_dry_run_change_nothing(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", text=CERTIFICATE)
    assert kubectl.run("diff", "-f", "-", text=CERTIFICATE).code == 0
    differs = kubectl.run("diff", "-f", "-", text=CERTIFICATE.replace("www", "new"))
    assert differs.code == 1
    assert "new.example.com" in differs.out
    assert "server dry run" in kubectl(
        "apply", "--dry-run=server", "-f", "-", text=CERTIFICATE.replace("www", "x")
    )
    assert "www.example.com" in kubectl("get", "cert", "web", "-o", "jsonpath={.spec.dnsNames}")


def test_replace_needs_an_object_and_takes_a_new_one(kubectl: Kubectl) -> None:
    missing = kubectl.run("replace", "-f", "-", text=CERTIFICATE)
    assert "not found" in missing.err
    kubectl("create", "-f", "-", text=CERTIFICATE)
    assert "AlreadyExists" in kubectl.run("create", "-f", "-", text=CERTIFICATE).err
    assert "replaced" in kubectl("replace", "-f", "-", text=CERTIFICATE.replace("www", "two"))
    assert "replaced" in kubectl("replace", "--force", "-f", "-", text=CERTIFICATE.replace("www", "three"))


def test_namespaces_secrets_and_config_maps_are_created(kubectl: Kubectl) -> None:
    kubectl("create", "secret", "generic", "s", "--from-literal=password=hunter2")
    assert kubectl("get", "secret", "s", "-o", "jsonpath={.data.password}") == "aHVudGVyMg=="
    assert "Opaque" in kubectl("get", "secrets")
    assert "hunter2" not in kubectl("describe", "secret", "s")
    kubectl("create", "configmap", "c", "--from-literal=a=b")
    assert "a:" in kubectl("describe", "cm", "c")
    kubectl("create", "serviceaccount", "robot")
    other = kubectl.namespace + "-two"
    kubectl("create", "ns", other)
    kubectl("-n", other, "create", "secret", "generic", "s")
    kubectl("delete", "ns", other, "--timeout=30s")
    assert "NotFound" in kubectl.run("get", "ns", other).err
    assert "forbidden" in kubectl.run("delete", "ns", "default").err


def test_who_may_do_what_is_answered(kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "create", "certificates").strip() == "yes"
    assert kubectl.run("auth", "can-i", "get", "secrets", "--as", "alice").out.strip().startswith("no")
    refused = kubectl.run("get", "secrets", "--as", "alice")
    assert 'User "alice" cannot list resource "secrets"' in refused.err
    assert "*.*" in kubectl("auth", "can-i", "--list")
    if not kubectl.is_old:
        assert "certwright-admin" in kubectl("auth", "whoami")


def test_many_objects_are_paged_and_deleted_together(kubectl: Kubectl) -> None:
    items = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"c-{n:03}", "labels": {"many": "yes"}},
        }
        for n in range(60)
    ]
    kubectl("create", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    assert len(kubectl("get", "cm", "--chunk-size=7", "-o", "name").splitlines()) == 60
    kubectl("delete", "cm", "-l", "many=yes")
    assert kubectl("get", "cm", "-o", "name") == ""


def test_a_definition_made_at_run_time_is_served_at_once_and_goes_with_its_objects(kubectl: Kubectl) -> None:
    group = f"{kubectl.namespace}.example.com"
    plural = "gadgets"
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    }
    column = {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    version["additionalPrinterColumns"] = [column]
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": "Gadget"},
            "versions": [version],
        },
    }
    kubectl("apply", "-f", "-", text=json.dumps(definition))
    kubectl("wait", "--for=condition=Established", f"crd/{plural}.{group}", "--timeout=30s")
    gadget = {"apiVersion": f"{group}/v1", "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"size": 3}}
    kubectl("apply", "-f", "-", text=json.dumps(gadget))
    assert kubectl("get", f"{plural}.{group}").splitlines()[1].split() == ["g", "3"]
    kubectl("delete", "crd", f"{plural}.{group}", "--timeout=30s")
    assert kubectl.run("get", f"{plural}.{group}").code != 0


def test_what_our_rules_refuse_is_said_field_by_field(kubectl: Kubectl) -> None:
    wrong = CERTIFICATE.replace("dnsNames: [www.example.com]", "duration: 5m\n  ipAddresses: [1.2.3]")
    refused = kubectl.run("apply", "-f", "-", text=wrong)
    assert refused.code == 1
    assert 'admission webhook "webhook.cert-manager.io" denied the request: [' in refused.err
    assert 'spec.ipAddresses[0]: Invalid value: "1.2.3": ' in refused.err
    assert 'spec.duration: Invalid value: "5m": must be at least 1h0m0s' in refused.err


def test_a_duration_that_is_none_is_refused(kubectl: Kubectl) -> None:
    refused = kubectl.run("apply", "-f", "-", text=CERTIFICATE + "  duration: 90d\n")
    assert refused.code == 1
    assert 'spec.duration: unknown unit "d" in duration "90d"' in refused.err


def test_an_edit_that_breaks_a_rule_is_refused(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", text=CERTIFICATE)
    refused = kubectl.run(
        "patch", "certificate", "web", "--type=merge", "-p", '{"spec":{"secretName":"A_b"}}'
    )
    assert refused.code == 1
    assert 'spec.secretName: Invalid value: "A_b"' in refused.err
    assert kubectl("get", "certificate", "web", "-o", "jsonpath={.spec.secretName}") == "web-tls"
