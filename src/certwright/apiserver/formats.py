"""The string formats a structural schema may name, as predicates; not a validator for anything else.

Names are compared without dashes (`date-time` is `datetime`); names upstream does not know mean nothing.
Source: kube-openapi `strfmt`, as kube-apiserver registers it.
"""

from __future__ import annotations

import binascii
import ipaddress
import re
from collections.abc import Callable
from datetime import date
from email.utils import parseaddr
from typing import Final

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_BYTE: Final = r"(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])"
_TIME: Final = re.compile(r"(\d{2}):(\d{2}):(\d{2})(.\d+)?(z|[+-]\d{2}:\d{2})", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_GO_DURATION: Final = re.compile(r"[+-]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
_LOOSE_DURATION: Final = re.compile(r"\d+\s*([A-Za-zµ]+)", re.ASCII)
_LOOSE_UNIT: Final = re.compile(
    r"(ns|nano.*|us|µs|micro.*|ms|milli.*|s|sec.*|m|min.*|h|hr|hour.*|d|day.*|w|wk|week.*)", re.ASCII
)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CARD: Final = re.compile(
    r"4\d{12}(\d{3})?|5[1-5]\d{14}|6(011|5\d\d)\d{12}|3[47]\d{13}|3(0[0-5]|[68]\d)\d{11}", re.ASCII
)
_HOST_LABEL: Final = re.compile(r"[^\W_]([^\W_-]|-(?!$)){0,62}")


def supported(name: str) -> Callable[[str], bool] | None:
    """The predicate for a format name, or None where the name means nothing."""
    return _FORMATS.get(name.replace("-", ""))


def _matches(pattern: str, flags: int = 0) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII | flags)
    return lambda text: compiled.fullmatch(text) is not None


def is_base64(text: str) -> bool:
    """Standard alphabet, padded; the empty text is not base64 here (upstream's pattern wants a group)."""
    try:
        return bool(binascii.a2b_base64(text, strict_mode=True))
    except ValueError:
        return False


def is_date(text: str) -> bool:
    """A full date of RFC 3339 that exists."""
    if _DATE.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return text.startswith("0000-")
    return True


def is_datetime(text: str) -> bool:
    """A date-time of RFC 3339, in either case; seconds to 59."""
    day, separator, rest = text.lower().partition("t")
    if not separator or not is_date(day):
        return False
    found = _TIME.fullmatch(rest)
    return found is not None and found[1] <= "23" and found[2] <= "59" and found[3] <= "59"


def is_duration(text: str) -> bool:
    """A Go duration, or a text that holds numbers with time units (`3 days`)."""
    if _GO_DURATION.fullmatch(text):
        return True
    return any(_LOOSE_UNIT.fullmatch(unit.lower()) for unit in _LOOSE_DURATION.findall(text))


def _is_address(version: int) -> Callable[[str], bool]:
    def predicate(text: str) -> bool:
        if version == 4:
            text = ".".join(part.lstrip("0") or "0" if part.isdigit() else part for part in text.split("."))
        try:
            return ipaddress.ip_address(text).version == version and "%" not in text
        except ValueError:
            return False

    return predicate


def _is_cidr(text: str) -> bool:
    address, slash, length = text.partition("/")
    if not slash or not length.isdecimal():
        return False
    bits = 32 if _is_address(4)(address) else 128 if _is_address(6)(address) else -1
    return int(length) <= bits


def _is_hostname(text: str) -> bool:
    labels = text.removesuffix(".").split(".") if text.count(".") > 1 else text.split(".")
    if len(text) > 255 or not all(_HOST_LABEL.fullmatch(label) and len(label) <= 63 for label in labels):
        return False
    return len(labels) == 1 or (len(labels[-1]) >= 2 and labels[-1].isalpha())


def _is_uri(text: str) -> bool:
    if not text or _BAD_ESCAPE.search(text) or any(char < " " or char == "\x7f" for char in text):
        return False
    if text.startswith("/") or text == "*":
        return True
    found = _SCHEME.match(text)
    if found is None:
        return False
    rest = text[found.end() :]
    return not (rest.startswith("//") and " " in rest[2:].split("/", 1)[0])


def _is_email(text: str) -> bool:
    local, at, domain = parseaddr(text)[1].rpartition("@")
    return bool(at and local and domain) and " " not in domain


def _is_isbn10(text: str) -> bool:
    digits = re.sub(r"[\s-]+", "", text)
    if re.fullmatch(r"[0-9]{9}[0-9X]", digits) is None:
        return False
    values = [10 if digit == "X" else int(digit) for digit in digits]
    return sum(place * value for place, value in enumerate(values, 1)) % 11 == 0


def _is_isbn13(text: str) -> bool:
    digits = re.sub(r"[\s-]+", "", text)
    if re.fullmatch(r"[0-9]{13}", digits) is None:
        return False
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0


def _is_card(text: str) -> bool:
    digits = re.sub(r"[^0-9]+", "", text)
    if _CARD.fullmatch(digits) is None:
        return False
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _is_uuid(third: str, fourth: str) -> Callable[[str], bool]:
    return _matches(f"[0-9a-f]{{8}}-?[0-9a-f]{{4}}-?{third}-?{fourth}-?[0-9a-f]{{12}}", re.IGNORECASE)


_ANY: Final = "[0-9a-f]{4}"
_VARIANT: Final = "[89ab][0-9a-f]{3}"

_FORMATS: Final[dict[str, Callable[[str], bool]]] = {
    "bsonobjectid": _matches("[0-9a-fA-F]{24}"),
    "uri": _is_uri,
    "email": _is_email,
    "hostname": _is_hostname,
    "ipv4": _is_address(4),
    "ipv6": _is_address(6),
    "cidr": _is_cidr,
    "mac": _matches(
        r"([0-9a-f]{2}([:-]))([0-9a-f]{2}\2){4}([0-9a-f]{2}\2[0-9a-f]{2}\2)?[0-9a-f]{2}"
        r"|([0-9a-f]{4}\.){2,3}[0-9a-f]{4}",
        re.IGNORECASE,
    ),
    "uuid": _is_uuid(_ANY, _ANY),
    "uuid3": _is_uuid("3[0-9a-f]{3}", _ANY),
    "uuid4": _is_uuid("4[0-9a-f]{3}", _VARIANT),
    "uuid5": _is_uuid("5[0-9a-f]{3}", _VARIANT),
    "isbn": lambda text: _is_isbn10(text) or _is_isbn13(text),
    "isbn10": _is_isbn10,
    "isbn13": _is_isbn13,
    "creditcard": _is_card,
    "ssn": _matches(r"[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}"),
    "hexcolor": _matches("#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "rgbcolor": _matches(rf"rgb\(\s*{_BYTE}\s*,\s*{_BYTE}\s*,\s*{_BYTE}\s*\)"),
    "byte": is_base64,
    "password": lambda _text: True,
    "date": is_date,
    "duration": is_duration,
    "datetime": is_datetime,
    "k8sshortname": _matches(rf"(?=.{{,63}}\Z){_LABEL}"),
    "k8slongname": _matches(rf"(?=.{{,253}}\Z){_LABEL}(\.{_LABEL})*"),
}
