"""How an object is written down: the base of every wire type, and the words that describe its fields.

Not a validator. Decoding checks types only; limits, enums and defaults live in the schema that is made from
these classes, so that an object which an API server accepted can always be read.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec import Meta, Struct

_CAPITALS = {
    "api": "API",
    "ca": "CA",
    "dns": "DNS",
    "http": "HTTP",
    "id": "ID",
    "ip": "IP",
    "tls": "TLS",
    "url": "URL",
    "urls": "URLs",
}


def wire_name(field: str) -> str:
    """Turn a Python field name into its JSON name: `skip_tls_verify` becomes `skipTLSVerify`."""
    first, *rest = field.split("_")
    return first + "".join(_CAPITALS.get(word, word.capitalize()) for word in rest)


class Wire(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, rename=wire_name):
    """Base of all wire types: immutable, unknown fields ignored, a field at its default not written.

    Change a value with `msgspec.structs.replace`. `schema_extra` is merged into the schema of the class.
    """

    schema_extra: ClassVar[Mapping[str, Any]] = {}


def doc(text: str, **schema: Any) -> Meta:
    """Describe a field: `text` is what `kubectl explain` shows, `schema` are OpenAPI keywords in snake_case.

    Besides the keywords: `required` overrides "required means no default", `map_key` makes a list a map
    keyed by that member, `meaning` of an absent field goes into the reference as `unset`.
    """
    return Meta(description=text, extra_json_schema=schema or None)
