"""Files, directories and standard input to the objects they describe, and every mistake; asks no server.

What only a server knows (kinds, schemas, names that are taken) is checked by `app.apply`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from certwright.app.errors import RunError
from certwright.app.strict_yaml import TextError, read_documents

SUFFIXES = (".yaml", ".yml", ".json")
MAX_FILE = 64 << 20
"""Bytes of one file; more is a mistake in the path, not a manifest."""

_SERVER_OWNED = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
)
"""Metadata that says something about the server an object was read from. Dropped, so that the output of
`kubectl get -o yaml` can be applied elsewhere."""

_FIRST = ("CustomResourceDefinition", "Namespace")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a file. `document` counts from 1, `item` too: its place in a List, 0 outside of one."""

    source: str
    document: int
    item: int = 0
    object: dict[str, Any]

    @property
    def api_version(self) -> str:
        """Group and version, `v1` for the core group."""
        return str(self.object["apiVersion"])

    @property
    def kind(self) -> str:
        """The kind."""
        return str(self.object["kind"])

    @property
    def name(self) -> str:
        """The name."""
        return str(self.object["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """The namespace it names, empty where it names none."""
        return str(self.object["metadata"].get("namespace") or "")

    @property
    def where(self) -> str:
        """For messages: `web.yaml, document 2`."""
        return _where(self.source, self.document, self.item)

    @property
    def title(self) -> str:
        """For messages: `Certificate shop/web`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def load(paths: Sequence[str]) -> list[Manifest]:
    """All objects below the paths, in the order to apply them: CRDs, Namespaces, then as they stand.

    `-` is standard input. Raises RunError with one line for every mistake in any of the files.
    """
    mistakes: list[str] = []
    manifests: list[Manifest] = []
    for source, data in _sources(paths, mistakes):
        for number, value in read_documents(data):
            if isinstance(value, TextError):
                mistakes.append(f"{source}, line {value.line}: {value.reason}")
            else:
                manifests += _objects(source, number, value, mistakes)
    mistakes += _twice(manifests)
    if mistakes:
        raise RunError(*mistakes)
    return sorted(manifests, key=_rank)


def _sources(paths: Sequence[str], mistakes: list[str]) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    for path in paths:
        if path == "-":
            yield "standard input", sys.stdin.buffer.read(MAX_FILE + 1)
            continue
        try:
            files = _files(Path(path))
        except OSError as error:
            mistakes.append(f"{path}: {_reason(error)}")
            continue
        if not files:
            mistakes.append(
                f"{path}: no {', '.join('*' + suffix for suffix in SUFFIXES)} files in this directory"
            )
        for file in files:
            identity = os.path.realpath(file)
            if identity in seen:
                continue
            seen.add(identity)
            try:
                yield str(file), _read(file)
            except OSError as error:
                mistakes.append(f"{file}: {_reason(error)}")


def _files(path: Path) -> list[Path]:
    """The file itself, or the manifests below a directory in the order of their names. Raises OSError.

    Hidden files and directories are passed over, as are links to directories.
    """
    if not path.is_dir():
        path.stat()
        return [path]
    found: list[Path] = []
    for directory, directories, names in os.walk(path, onerror=_raise):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        found += [
            Path(directory, name) for name in names if name.endswith(SUFFIXES) and not name.startswith(".")
        ]
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


def _read(file: Path) -> bytes:
    with file.open("rb") as stream:
        data = stream.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise OSError(0, f"larger than {MAX_FILE >> 20} MiB")
    return data


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _objects(source: str, document: int, value: Any, mistakes: list[str]) -> list[Manifest]:
    items = value.get("items") if isinstance(value, dict) else None
    if not (isinstance(items, list) and str(value.get("kind", "")).endswith("List")):
        problems = _problems(value)
        mistakes += [f"{_where(source, document)}: {problem}" for problem in problems]
        return [] if problems else [Manifest(source=source, document=document, object=_clean(value))]
    head = {"apiVersion": value.get("apiVersion"), "kind": str(value["kind"]).removesuffix("List")}
    manifests: list[Manifest] = []
    for number, item in enumerate(items, 1):
        # The items of a CertificateList may leave out what the list says already; those of a List may not.
        whole = head | item if isinstance(item, dict) and head["kind"] else item
        problems = _problems(whole)
        mistakes += [f"{_where(source, document, number)}: {problem}" for problem in problems]
        if not problems:
            manifests.append(Manifest(source=source, document=document, item=number, object=_clean(whole)))
    return manifests


def _problems(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return [f"not a Kubernetes object but {_article(value)}"]
    problems = [
        f"{field}: a text is needed here, such as {example}"
        for field, example in (("apiVersion", "cert-manager.io/v1"), ("kind", "Certificate"))
        if not isinstance(value.get(field), str) or not value[field]
    ]
    metadata = value.get("metadata")
    if not isinstance(metadata, dict):
        return [*problems, "metadata: an object is needed here, with a name"]
    if not isinstance(metadata.get("name"), str) or not metadata["name"]:
        hint = " (generateName cannot be applied)" if "generateName" in metadata else ""
        problems.append(f"metadata.name: a text is needed here{hint}")
    if not isinstance(metadata.get("namespace", ""), str | None):
        problems.append("metadata.namespace: a text is needed here")
    return problems


def _article(value: Any) -> str:
    if isinstance(value, list):
        return "a list (use kind: List, or --- between objects)"
    return {str: "a text", bool: "a boolean"}.get(type(value), "a number")


def _clean(value: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: item for key, item in value["metadata"].items() if key not in _SERVER_OWNED}
    return {key: item for key, item in value.items() if key != "status"} | {"metadata": metadata}


def _twice(manifests: Iterable[Manifest]) -> Iterator[str]:
    seen: dict[tuple[str, str, str, str], Manifest] = {}
    for manifest in manifests:
        group = manifest.api_version.rpartition("/")[0]
        key = (group, manifest.kind, manifest.namespace or "default", manifest.name)
        if key in seen:
            yield f"{manifest.where}: {manifest.title} is there twice, first in {seen[key].where}"
        else:
            seen[key] = manifest


def _rank(manifest: Manifest) -> int:
    return _FIRST.index(manifest.kind) if manifest.kind in _FIRST else len(_FIRST)


def _where(source: str, document: int, item: int = 0) -> str:
    return f"{source}, document {document}" + (f", item {item}" if item else "")
