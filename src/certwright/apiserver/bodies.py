"""From the bytes of a body to JSON objects: JSON, YAML, protobuf, and what repeats itself. It knows no kinds.

YAML is read as `sigs.k8s.io/yaml` reads it: dates and `12:30` stay text, keys are text, nothing is executed.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec
import yaml

from certwright.apiserver import protobuf_objects
from certwright.apiserver.kinds import Object
from certwright.apiserver.protobuf_objects import MEDIA_TYPE as PROTOBUF
from certwright.apiserver.protobuf_reader import ProtobufError
from certwright.apiserver.status import StatusError, bad_request, unsupported_media_type

JSON: Final = "application/json"
YAML: Final = "application/yaml"
READABLE: Final = (JSON, YAML, PROTOBUF)
DEPTH_LIMIT: Final = 1000

_decode = msgspec.json.Decoder().decode


def media_type(content_type: str) -> str:
    """The type without its parameters; JSON when a client does not say."""
    return content_type.partition(";")[0].strip().lower() or JSON


def decode(body: bytes, content_type: str = JSON) -> Any:
    """The value in a body. Raises StatusError: 415 for another format, 400 for text that cannot be read."""
    wanted = media_type(content_type)
    if wanted == JSON:
        return decode_json(body)
    if wanted in (YAML, "application/apply-patch+yaml"):
        return decode_yaml(body)
    if wanted == PROTOBUF:
        return decode_protobuf(body)
    raise unsupported_media_type(READABLE)


def decode_json(body: bytes) -> Any:
    """The value in a JSON text. Raises StatusError (400)."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from None
    except RecursionError:
        raise bad_request("couldn't get version/kind; json parse error: exceeded max depth") from None


def decode_protobuf(body: bytes) -> Object:
    """The object in a protobuf body. Raises StatusError: 400 for other bytes, 415 naming other kinds."""
    try:
        return protobuf_objects.decode(body)
    except ProtobufError as error:
        raise bad_request(f"couldn't get version/kind; protobuf parse error: {error}") from None
    except protobuf_objects.UnknownKindError as kind:
        why = f"the body of the request was the protobuf form of {kind}"
        raise unsupported_media_type((JSON, YAML), why) from None


def decode_object(body: bytes, content_type: str = JSON) -> Object:
    """As `decode`, and it must be a JSON object."""
    value = decode(body, content_type)
    if not isinstance(value, dict):
        raise bad_request("couldn't get version/kind; json parse error: the body is not a JSON object")
    return value


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as Kubernetes reads it: only null, booleans, numbers and text."""

    strict = False


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _firsts in (
    (
        "bool",
        r"^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF|true|True|TRUE|false|False|FALSE)$",
        "yYnNoOtTfF",
    ),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9_]*)$", list("-+0123456789")),
    (
        "float",
        r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$",
        list("-+0123456789."),
    ),
    ("merge", r"^(?:<<)$", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_firsts))


_TRUE: Final = frozenset(("y", "yes", "on", "true"))


def _boolean(loader: Any, node: yaml.ScalarNode) -> bool:
    return str(loader.construct_scalar(node)).lower() in _TRUE


def _integer(loader: Any, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    sign = -1 if text.startswith("-") else 1
    text = text.lstrip("+-")
    if re.fullmatch("0[0-7]+", text):
        return sign * int(text, 8)
    return sign * int(text, 0)


def _number(loader: Any, node: yaml.ScalarNode) -> float:
    return float(loader.construct_scalar(node))


def _map(loader: Any, node: yaml.MappingNode) -> Object:
    loader.flatten_mapping(node)
    found: Object = {}
    for key_node, value_node in node.value:
        if key_node.tag == "tag:yaml.org,2002:null":
            raise yaml.YAMLError("a key may not be null")
        key = str(key_node.value)
        if key in found and loader.strict:
            line = key_node.start_mark.line + 1
            raise yaml.YAMLError(f'unmarshal errors: line {line}: key "{key}" already set in map')
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:bool", _boolean)
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_constructor("tag:yaml.org,2002:map", _map)


class _StrictLoader(_Loader):
    """As `_Loader`, and a key may stand only once."""

    strict = True


def decode_yaml(body: bytes, *, strict: bool = False) -> Any:
    """The value in a YAML text of one document; with `strict`, no key twice. Raises StatusError (400)."""
    if body.lstrip()[:1] == b"{" and not strict:
        try:
            return decode_json(body)
        except StatusError:
            pass  # YAML's own flow style looks like JSON at first
    try:
        value = yaml.load(body, Loader=_StrictLoader if strict else _Loader)  # noqa: S506 - a subclass of the safe loader
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        text = " ".join(str(error).split())
        prefix = "error strict decoding YAML" if strict else "error decoding YAML"
        raise bad_request(f"{prefix}: error converting YAML to JSON: yaml: {text}") from None
    except RecursionError:
        raise bad_request("error converting YAML to JSON: yaml: exceeded max depth") from None
    return value


def repeated_fields(body: bytes) -> list[str]:
    """The paths of the fields that stand twice in a JSON text, as Kubernetes' strict decoding names them."""
    found: list[str] = []
    try:
        _repeated(json.loads(body, object_pairs_hook=_Pairs), "", found)
    except (ValueError, RecursionError):
        return []
    return found


class _Pairs(list[tuple[str, Any]]):
    """An object with every field in it, also those that stand twice."""


def _repeated(value: Any, path: str, found: list[str]) -> None:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, child in value:
            below = f"{path}.{key}" if path else key
            if key in seen:
                found.append(below)
            seen.add(key)
            _repeated(child, below, found)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _repeated(child, f"{path}[{index}]", found)
