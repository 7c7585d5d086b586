"""What an object or list looks like to the client: plain, metadata only, or a table. Formats are chosen here
only.

Source: `k8s.io/apiserver/pkg/endpoints/handlers/negotiation` and `.../response.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec
import yaml

from certwright.apiserver.kinds import Kind, Object
from certwright.apiserver.log import Record
from certwright.apiserver.options import Query, first
from certwright.apiserver.status import bad_request, not_acceptable

JSON: Final = "application/json"
YAML: Final = "application/yaml"
PLAIN: Final = "plain"
TABLE: Final = "Table"
PARTIAL: Final = "PartialObjectMetadata"
_META: Final = "meta.k8s.io"
_PARTIAL_LIST: Final = "PartialObjectMetadataList"
_ACCEPTED: Final = (JSON, YAML)
_VERSIONS: Final = ("v1", "v1beta1")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Format:
    """How to answer: which form of the object, of which meta version, in which media type."""

    form: str = PLAIN
    version: str = "v1"
    media: str = JSON

    @property
    def api_version(self) -> str:
        """The apiVersion of tables and partial objects."""
        return f"{_META}/{self.version}"


PLAIN_JSON: Final = Format()


@lru_cache(maxsize=256)
def negotiate(accept: str, forms: tuple[str, ...], *, stream: bool = False) -> Format:
    """The best format the client takes. `forms` are those on offer. Raises StatusError (406)."""
    if not accept or accept == JSON:
        return PLAIN_JSON
    for clause in _clauses(accept):
        found = _format(clause, forms, stream)
        if found is not None:
            return found
    raise not_acceptable(_ACCEPTED)


def _clauses(accept: str) -> list[dict[str, str]]:
    """The media ranges in order of preference."""
    clauses = []
    for position, text in enumerate(accept.split(",")):
        media, *parameters = [part.strip() for part in text.split(";")]
        pairs = dict(part.split("=", 1) for part in parameters if "=" in part)
        try:
            quality = float(pairs.pop("q", "1"))
        except ValueError:
            quality = 1.0
        clauses.append((-quality, position, {**pairs, "": media.lower()}))
    return [clause for _, _, clause in sorted(clauses, key=lambda item: item[:2])]


def _format(clause: dict[str, str], forms: tuple[str, ...], stream: bool) -> Format | None:
    media = {"*/*": JSON, "application/*": JSON, "text/yaml": YAML}.get(clause[""], clause[""])
    if media not in _ACCEPTED or (stream and media == YAML):
        return None
    form = clause.get("as")
    if form is None:
        return Format(media=media)
    if clause.get("g", _META) != _META or clause.get("v") not in _VERSIONS or form not in forms:
        return None
    return Format(form, clause["v"], media)


def finish(value: bytes, wanted: Format) -> bytes:
    """The JSON in the media type of the answer."""
    if wanted.media == JSON:
        return value
    return yaml.dump(_decode(value), Dumper=_Dumper, allow_unicode=True, sort_keys=True).encode()


_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def include_object(query: Query) -> str:
    """What the rows of a table carry. Raises StatusError."""
    found = first(query, "includeObject") or "Metadata"
    if found not in ("Metadata", "Object", "None"):
        raise bad_request(f'unrecognized includeObject value: "{found}"')
    return found


def served(kind: Kind, value: bytes) -> bytes:
    """A stored object in the version that was asked for (conversion None: only apiVersion differs)."""
    if not kind.other_versions:
        return value
    obj = _decode(value)
    if obj["apiVersion"] == kind.api_version:
        return value
    return _encode({**obj, "apiVersion": kind.api_version})


def partial(obj: Object, wanted: Format) -> Object:
    """The metadata of an object as an object."""
    return {"kind": PARTIAL, "apiVersion": wanted.api_version, "metadata": obj["metadata"]}


def one(kind: Kind, value: bytes, wanted: Format, query: Query, now: float) -> bytes:
    """An object as the client wants it."""
    if wanted.form == TABLE:
        obj = _decode(served(kind, value))
        return finish(_encode(table(kind, [obj], wanted, include_object(query), now)), wanted)
    if wanted.form == PARTIAL:
        return finish(_encode(partial(_decode(value), wanted)), wanted)
    return finish(served(kind, value), wanted)


def many(
    kind: Kind, records: Sequence[Record], metadata: Object, wanted: Format, query: Query, now: float
) -> bytes:
    """A list as the client wants it; plain lists are the stored bytes, joined."""
    if wanted.form == TABLE:
        include = include_object(query)
        objects = [record.object for record in records]
        return finish(_encode(table(kind, objects, wanted, include, now, metadata)), wanted)
    if wanted.form == _PARTIAL_LIST:
        items = [partial(record.object, wanted) for record in records]
        found = {
            "kind": _PARTIAL_LIST,
            "apiVersion": wanted.api_version,
            "metadata": metadata,
            "items": items,
        }
        return finish(_encode(found), wanted)
    head = _encode({"kind": kind.list_kind, "apiVersion": kind.api_version, "metadata": metadata})
    items_json = b",".join([served(kind, record.value) for record in records])
    return finish(b"".join((head[:-1], b',"items":[', items_json, b"]}\n")), wanted)


def table(
    kind: Kind,
    objects: Sequence[Object],
    wanted: Format,
    include: str,
    now: float,
    metadata: Object | None = None,
    *,
    headers: bool = True,
) -> Object:
    """A table: what `kubectl get` prints. A single object lends the table its resourceVersion."""
    if metadata is None:
        metadata = {"resourceVersion": objects[0]["metadata"]["resourceVersion"]} if objects else {}
    definitions = [column.definition() for column in kind.columns] if headers else []
    return {
        "kind": TABLE,
        "apiVersion": wanted.api_version,
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": [_row(kind, obj, wanted, include, now) for obj in objects],
    }


def _row(kind: Kind, obj: Object, wanted: Format, include: str, now: float) -> Object:
    row: Object = {"cells": [_cell(column.cell, obj, now) for column in kind.columns]}
    if include == "Object":
        row["object"] = {**obj, "apiVersion": kind.api_version}
    elif include == "Metadata":
        row["object"] = partial(obj, wanted)
    else:
        row["object"] = None
    return row


def _cell(cell: Any, obj: Object, now: float) -> Any:
    try:
        return cell(obj, now)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # one malformed object never spoils a list


FORMS_OF_ONE: Final = (TABLE, PARTIAL)
FORMS_OF_MANY: Final = (TABLE, _PARTIAL_LIST)
FORMS_OF_WATCH: Final = (TABLE, PARTIAL)
