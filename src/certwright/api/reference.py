"""The API reference as Markdown, made from the classes: docs/reference/api.md. Prose about use is elsewhere.

`python -m certwright.api.reference docs/reference/api.md` writes the file anew.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, inspect

from certwright.api.crds import DEFINITIONS
from certwright.api.meta import ObjectMeta
from certwright.api.schema import Definition, is_required, struct_info, summary, unwrap

_SCALARS: Final = {
    inspect.StrType: "string",
    inspect.BoolType: "boolean",
    inspect.IntType: "integer",
    inspect.BytesType: "bytes in base64",
    inspect.DateTimeType: "time",
    inspect.AnyType: "anything",
    inspect.UnionType: "integer or string",
}

_INTRODUCTION: Final = """\
# API reference

This page is made from the classes in `certwright.api`: edit those. `kubectl explain` shows the same texts.

*Unset* says what applies when a field is left out; nothing is written into the object for it, except for the
few values in bold, which the API server fills in. Durations look like `2160h` or `1h30m`, times are RFC 3339.
"""

_LIMITS: Final = (
    ("min_length", "At least {} characters."),
    ("max_length", "At most {} characters."),
    ("minimum", "At least {}."),
    ("maximum", "At most {}."),
)


def reference() -> str:
    """Write the whole page."""
    blocks = [_INTRODUCTION, "".join(_contents())]
    described: set[type] = set()
    for definition in DEFINITIONS:
        blocks += _kind(definition)
        blocks += _types(definition.type, described)
    return "\n".join(blocks)


def _contents() -> Iterator[str]:
    for definition in DEFINITIONS:
        kind = definition.resource.kind
        yield f"- [{kind}](#{kind.lower()}): {_lower(summary(definition.type))}\n"


def _kind(definition: Definition) -> Iterator[str]:
    resource = definition.resource
    names = _quoted(resource.plural, *definition.short_names)
    yield f"## {resource.kind}\n"
    yield f"{summary(definition.type)}\n"
    yield f"- `apiVersion: {resource.api_version}`, `kind: {resource.kind}`"
    yield f"- names for kubectl: {names}; categories: {_quoted(*definition.categories)}"
    yield f"- scope: {'namespace' if resource.namespaced else 'cluster'}"
    yield f"- columns: {', '.join(_column(column.name, column.priority) for column in definition.columns)}"
    if definition.selectable:
        yield f"- field selectors: {_quoted(*(path.removeprefix('.') for path in definition.selectable))}"
    yield ""
    own = [field for field in struct_info(definition.type).fields if field.encode_name in ("spec", "status")]
    yield _table(own)


def _types(root: type[Struct], described: set[type]) -> Iterator[str]:
    """Describe the types below a kind that no kind before it has, in the order of their first use."""
    waiting = _below(struct_info(root))
    while waiting:
        info = waiting.pop(0)
        if info.cls in described:
            continue
        described.add(info.cls)
        yield f"### {info.cls.__name__}\n"
        yield f"{summary(info.cls)}\n"
        yield _table(info.fields)
        waiting += _below(info)


def _below(info: inspect.StructType) -> list[inspect.StructType]:
    inner = (_innermost(field.type) for field in info.fields)
    return [each for each in inner if isinstance(each, inspect.StructType) and not _is_metadata(each)]


def _innermost(type_: inspect.Type) -> inspect.Type:
    inner, _ = unwrap(type_)
    if isinstance(inner, inspect.ListType):
        return _innermost(inner.item_type)
    if isinstance(inner, inspect.DictType):
        return _innermost(inner.value_type)
    return inner


def _is_metadata(type_: inspect.StructType) -> bool:
    return issubclass(type_.cls, ObjectMeta)


def _table(fields: Any) -> str:
    rows = ["| Field | Type | Unset | Meaning |", "|---|---|---|---|"]
    rows += [_row(field) for field in fields]
    return "\n".join(rows) + "\n"


def _row(field: inspect.Field) -> str:
    _, notes = unwrap(field.type)
    cells = [f"`{field.encode_name}`", _type_name(field.type), _unset(field, notes), _meaning(field.type)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type_name(type_: inspect.Type) -> str:
    inner, _ = unwrap(type_)
    if isinstance(inner, inspect.ListType):
        return f"list of {_type_name(inner.item_type)}"
    if isinstance(inner, inspect.DictType):
        return f"map of {_type_name(inner.value_type)}"
    if isinstance(inner, inspect.StructType):
        return f"[{inner.cls.__name__}](#{inner.cls.__name__.lower()})"
    return _SCALARS[type(inner)]


def _unset(field: inspect.Field, notes: dict[str, Any]) -> str:
    if is_required(field):
        return "required"
    if notes.get("default"):
        return f"**{notes['default']}**"
    return str(notes.get("unset", ""))


def _meaning(type_: inspect.Type) -> str:
    inner, notes = unwrap(type_)
    parts = [notes.get("description", "")]
    _, members = unwrap(inner.item_type) if isinstance(inner, inspect.ListType) else (None, notes)
    if "enum" in members:
        parts.append(f"{'Any' if members is not notes else 'One'} of {_quoted(*members['enum'])}.")
    parts += [text.format(notes[key]) for key, text in _LIMITS if key in notes]
    if "pattern" in notes:
        parts.append(f"Must match `{notes['pattern']}`.")
    return " ".join(part for part in parts if part)


def _quoted(*words: str) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _column(name: str, priority: int) -> str:
    return f"{name} (wide)" if priority else name


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
