"""Which names of objects and data keys Kubernetes allows, and its words for those it does not.

Every function returns the complaints, none when all is well. Source:
`k8s.io/apimachinery/pkg/api/validate/content`.
"""

from __future__ import annotations

import re
from typing import Final

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = _LABEL + r"(\." + _LABEL + ")*"
_DNS_1035: Final = "[a-z]([-a-z0-9]*[a-z0-9])?"
_DATA_KEY: Final = "[-._a-zA-Z0-9]+"
_is_label = re.compile(_LABEL).fullmatch
_is_subdomain = re.compile(_SUBDOMAIN).fullmatch
_is_dns_1035 = re.compile(_DNS_1035).fullmatch
_is_data_key = re.compile(_DATA_KEY).fullmatch


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} characters"


def _pattern(message: str, pattern: str, *examples: str) -> str:
    shown = "  or ".join(f"'{example}'," for example in examples)
    return f"{message} (e.g. {shown} regex used for validation is '{pattern}')"


def dns_label(name: str) -> list[str]:
    """RFC 1123 label: namespaces."""
    found = [_too_long(63)] if len(name) > 63 else []
    if not _is_label(name):
        if _is_subdomain(name):
            return [*found, "must not contain dots"]
        message = (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
            "and must start and end with an alphanumeric character"
        )
        found.append(_pattern(message, _LABEL, "my-name", "123-abc"))
    return found


def dns_subdomain(name: str) -> list[str]:
    """RFC 1123 subdomain: most objects."""
    found = [_too_long(253)] if len(name) > 253 else []
    if not _is_subdomain(name):
        message = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
            "and must start and end with an alphanumeric character"
        )
        found.append(_pattern(message, _SUBDOMAIN, "example.com"))
    return found


def dns_1035_label(name: str) -> list[str]:
    """RFC 1035 label: the plural and singular names of a CRD."""
    found = [_too_long(63)] if len(name) > 63 else []
    if not _is_dns_1035(name):
        message = (
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
            "start with an alphabetic character, and end with an alphanumeric character"
        )
        found.append(_pattern(message, _DNS_1035, "my-name", "abc-123"))
    return found


def generated_name_prefix(prefix: str) -> str:
    """A generateName as it is checked: a trailing dash stands for the letters that will follow."""
    return prefix[:-2] + "a" if prefix.endswith("-") and len(prefix) > 1 else prefix


def path_segment(name: str) -> list[str]:
    """What can stand in a URL path."""
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{char}'" for char in "/%" if char in name]


def data_key(key: str) -> list[str]:
    """A key in the data of a Secret or ConfigMap."""
    found = [_too_long(253)] if len(key) > 253 else []
    if not _is_data_key(key):
        message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        found.append(_pattern(message, _DATA_KEY, "key.name", "KEY_NAME", "key-name"))
    elif key in (".", ".."):
        found.append(f"must not be '{key}'")
    elif key.startswith(".."):
        found.append("must not start with '..'")
    return found
