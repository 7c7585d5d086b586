"""Files to objects, and every mistake in one go."""

import io
import sys
from pathlib import Path

import pytest

from certwright.app.errors import RunError
from certwright.app.manifests import load

ISSUER = "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: root}\n"


def obj(kind: str, name: str, extra: str = "") -> str:
    return f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n{extra}"


def mistakes(*paths: Path) -> tuple[str, ...]:
    with pytest.raises(RunError) as caught:
        load([str(path) for path in paths])
    return caught.value.lines


def test_a_directory_is_read_in_the_order_of_names_and_hidden_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / ".git").mkdir()
    for name, text in {
        "b/2.yml": obj("ConfigMap", "two"),
        "a.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}',
        "c.yaml": obj("ConfigMap", "three") + "---\n" + obj("ConfigMap", "four"),
        "notes.txt": "not a manifest",
        ".c.yaml": ": broken",
        ".git/x.yaml": ": broken",
    }.items():
        (tmp_path / name).write_text(text)
    assert [each.name for each in load([str(tmp_path)])] == ["one", "two", "three", "four"]


def test_definitions_and_namespaces_come_first_and_the_rest_stays_in_order(tmp_path: Path) -> None:
    kinds = ["Issuer", "Namespace", "Secret", "CustomResourceDefinition", "Certificate"]
    (tmp_path / "all.yaml").write_text("---\n".join(obj(kind, kind.lower()) for kind in kinds))
    assert [each.kind for each in load([str(tmp_path)])] == [
        "CustomResourceDefinition",
        "Namespace",
        "Issuer",
        "Secret",
        "Certificate",
    ]


def test_lists_are_taken_apart(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text(
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n"
        "---\napiVersion: cert-manager.io/v1\nkind: CertificateList\nitems:\n- metadata: {name: b}\n"
    )
    first, second = load([str(path)])
    assert (first.kind, first.where) == ("Secret", f"{path}, document 1, item 1")
    assert (second.api_version, second.kind) == ("cert-manager.io/v1", "Certificate")


def test_what_another_server_wrote_into_an_object_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "saved.yaml"
    path.write_text(
        obj("Secret", "saved, uid: u, resourceVersion: '7', generation: 2, labels: {a: b}, managedFields: []")
        + "status: {x: 1}\n"
    )
    assert load([str(path)])[0].object == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "saved", "labels": {"a": "b"}},
    }


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ISSUER.encode())))
    (manifest,) = load(["-"])
    assert manifest.where == "standard input, document 1"
    assert manifest.title == "Issuer root"


def test_every_mistake_in_every_file_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "1.yaml").write_text("a: [\n---\n" + ISSUER + "---\n- just\n- a list\n")
    (tmp_path / "2.yaml").write_text("kind: 5\nmetadata: {generateName: x-}\n---\n17\n---\nkind: Issuer\n")
    lines = mistakes(tmp_path, tmp_path / "missing.yaml")
    one, two = tmp_path / "1.yaml", tmp_path / "2.yaml"
    assert lines[0].startswith(f"{one}, line 2: ")
    assert lines[1:] == (
        f"{one}, document 3: not a Kubernetes object but a list (use kind: List, or --- between objects)",
        f"{two}, document 1: apiVersion: a text is needed here, such as cert-manager.io/v1",
        f"{two}, document 1: kind: a text is needed here, such as Certificate",
        f"{two}, document 1: metadata.name: a text is needed here (generateName cannot be applied)",
        f"{two}, document 2: not a Kubernetes object but a number",
        f"{two}, document 3: apiVersion: a text is needed here, such as cert-manager.io/v1",
        f"{two}, document 3: metadata: an object is needed here, with a name",
        f"{tmp_path / 'missing.yaml'}: no such file or directory",
    )


def test_the_same_object_twice_is_a_mistake_but_the_same_file_twice_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(ISSUER)
    assert len(load([str(path), str(tmp_path)])) == 1
    (tmp_path / "b.yaml").write_text(ISSUER)
    (line,) = mistakes(tmp_path)
    assert (
        line == f"{tmp_path / 'b.yaml'}, document 1: Issuer root is there twice, first in {path}, document 1"
    )


def test_a_directory_without_manifests_is_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path) == (f"{tmp_path}: no *.yaml, *.yml, *.json files in this directory",)
