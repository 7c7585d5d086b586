"""Our CustomResourceDefinitions against what cert-manager 1.21 serves, field by field.

The facts are in crd_facts.yaml: paths, types, keywords, names and columns, but no descriptions. To make the
file anew from a directory of cert-manager's definitions:
`python tests/api/test_crds.py DIRECTORY > tests/api/crd_facts.yaml`
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from certwright.api.crds import all_crds, crds_yaml

FACTS = Path(__file__).with_name("crd_facts.yaml")
NESTED = ("properties", "items", "additionalProperties", "description")
KINDS = ("Certificate", "CertificateRequest", "Issuer", "ClusterIssuer", "Order", "Challenge")
BEYOND = {"Certificate": {"spec.privateKey.algorithm": ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]}}
"""Values that our enums have and cert-manager's have not, by kind and path: see docs/differences.md.

All else is equal.
"""

SHARED = {"podTemplate": "podTemplate", "solvers[]": "solver", "solver": "solver"}


def flatten(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each path of a schema with its keywords; `[]` stands for items, `{}` for the values of a map."""
    facts = {key: value for key, value in schema.items() if key not in NESTED}
    for unordered in {"required", "enum"} & facts.keys():
        facts[unordered] = sorted(facts[unordered])
    yield path, facts
    for name, member in schema.get("properties", {}).items():
        yield from flatten(member, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from flatten(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from flatten(schema["additionalProperties"], f"{path}{{}}")


def definition_facts(crd: dict[str, Any]) -> dict[str, Any]:
    """Everything of a definition but its schema and the texts."""
    spec = crd["spec"]
    version = {key: value for key, value in spec["versions"][0].items() if key != "schema"}
    columns = version.pop("additionalPrinterColumns")
    return {
        "name": crd["metadata"]["name"],
        "versions": len(spec["versions"]),
        **{key: spec[key] for key in spec if key != "versions"},
        "version": version,
        "columns": [{key: column[key] for key in column if key != "description"} for column in columns],
    }


def schema_facts(crd: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(flatten(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]))


def expected_schema(facts: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Put the shared parts back in where they were taken out."""

    def expand(paths: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for path, fact in paths.items():
            if isinstance(fact, dict) and "shared" in fact:
                for below, inner in expand(facts["shared"][fact["shared"]]):
                    yield path + below, inner
            else:
                yield path, {"type": fact} if isinstance(fact, str) else fact

    schema = facts["schemas"][kind]
    return expected_schema(facts, schema) if isinstance(schema, str) else dict(expand(schema))


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    return [
        f"{path or '(root)'}: ours {ours.get(path, 'absent')}, theirs {theirs.get(path, 'absent')}"
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path) != theirs.get(path)
    ]


def crd_of(kind: str) -> dict[str, Any]:
    return next(crd for crd in all_crds() if crd["spec"]["names"]["kind"] == kind)


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return yaml.safe_load(FACTS.read_text())


def with_values_beyond(theirs: dict[str, Any], kind: str) -> dict[str, Any]:
    """Their schema with the values that only ours has; each must be new there."""
    ours = dict(theirs)
    for path, values in BEYOND.get(kind, {}).items():
        assert not set(values) & set(theirs[path]["enum"]), path
        ours[path] = theirs[path] | {"enum": sorted([*theirs[path]["enum"], *values])}
    return ours


@pytest.mark.parametrize("kind", KINDS)
def test_schema_equals_upstream_field_by_field_but_for_named_values(kind: str, facts: dict[str, Any]) -> None:
    expected = with_values_beyond(expected_schema(facts, kind), kind)
    found = differences(schema_facts(crd_of(kind)), expected)
    assert not found, "\n".join(found)


def test_what_is_beyond_upstream_is_exactly_what_is_named(facts: dict[str, Any]) -> None:
    for kind in KINDS:
        found = differences(schema_facts(crd_of(kind)), expected_schema(facts, kind))
        assert [line.split(":")[0] for line in found] == sorted(BEYOND.get(kind, {}))


@pytest.mark.parametrize("kind", KINDS)
def test_names_scope_columns_and_selectable_fields_equal_upstream(kind: str, facts: dict[str, Any]) -> None:
    found = differences(definition_facts(crd_of(kind)), facts["definitions"][kind])
    assert not found, "\n".join(found)


def test_every_kind_is_defined_once_and_compared() -> None:
    assert tuple(crd["spec"]["names"]["kind"] for crd in all_crds()) == KINDS


def test_a_difference_in_any_keyword_is_found(facts: dict[str, Any]) -> None:
    changed = crd_of("Issuer")
    schema = changed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    acme = schema["properties"]["spec"]["properties"]["acme"]
    acme["properties"]["preferredChain"]["maxLength"] = 65
    acme["required"].remove("server")
    del acme["properties"]["profile"]
    found = differences(schema_facts(changed), expected_schema(facts, "Issuer"))
    assert [line.split(":")[0] for line in found] == [
        "spec.acme",
        "spec.acme.preferredChain",
        "spec.acme.profile",
    ]


def undescribed(schema: dict[str, Any], path: str) -> Iterator[str]:
    for name, member in schema.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        if below != "metadata" and len(member.get("description", "")) < 10:
            yield below
        yield from undescribed(member, below)
    for nested in ("items", "additionalProperties"):
        if isinstance(schema.get(nested), dict):
            yield from undescribed(schema[nested], f"{path}[]")


@pytest.mark.parametrize("kind", KINDS)
def test_every_property_has_a_description(kind: str) -> None:
    schema = crd_of(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema["description"]
    assert list(undescribed(schema, "")) == []


def test_descriptions_are_sentences() -> None:
    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("description"), str):
                yield value["description"]
            for member in value.values():
                yield from texts(member)
        elif isinstance(value, list):
            for member in value:
                yield from texts(member)

    assert [text for text in texts(all_crds()) if not text.endswith(".") or "\n" in text] == []


def test_metadata_is_left_to_the_api_server() -> None:
    for crd in all_crds():
        root = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        assert root["properties"]["metadata"] == {"type": "object"}


def test_yaml_reads_back_as_the_same_documents() -> None:
    assert list(yaml.safe_load_all(crds_yaml())) == all_crds()


def test_yaml_is_the_same_each_time_and_has_no_anchors() -> None:
    assert crds_yaml() == crds_yaml()
    assert "&id0" not in crds_yaml()


def extract(directory: Path) -> dict[str, Any]:
    """Read the facts from a directory of definitions."""
    crds = {}
    for file in sorted(directory.glob("*.yaml")):
        crd = yaml.safe_load(file.read_text())
        crds[crd["spec"]["names"]["kind"]] = crd
    shared: dict[str, Any] = {}
    schemas = {kind: share("", schema_facts(crds[kind]), shared) for kind in KINDS}
    if schemas["ClusterIssuer"] == schemas["Issuer"]:
        schemas["ClusterIssuer"] = "Issuer"
    return {
        "definitions": {kind: definition_facts(crds[kind]) for kind in KINDS},
        "schemas": schemas,
        "shared": shared,
    }


def share(root: str, paths: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """Take the parts that occur several times out of a flat schema, and write a lone type as a word."""
    kept: dict[str, Any] = {}
    taken = None
    for path, fact in paths.items():
        if taken is not None and path.startswith(taken):
            continue
        name = SHARED.get(path.removeprefix(root).rsplit(".", maxsplit=1)[-1])
        if path != root and name:
            taken = path
            part = {each.removeprefix(path): value for each, value in paths.items() if each.startswith(path)}
            made = share("", part, shared)
            if shared.setdefault(name, made) != made:
                raise SystemExit(f"{path} differs from the other {name}")
            kept[path] = {"shared": name}
        else:
            kept[path] = fact["type"] if fact.keys() == {"type"} else fact
    return kept


def write(facts: dict[str, Any]) -> str:
    lines = ["# Facts about cert-manager's definitions; see test_crds.py for how they are made."]
    for section, entries in facts.items():
        lines.append(f"{section}:")
        for name, members in entries.items():
            if isinstance(members, str):
                lines.append(f"  {name}: {members}")
                continue
            lines.append(f"  {name}:")
            for key, value in members.items():
                text = yaml.safe_dump(value, default_flow_style=True, width=100_000).removesuffix("...\n")
                lines.append(f"    {key or repr('')}: {text.rstrip()}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(write(extract(Path(sys.argv[1]))))
