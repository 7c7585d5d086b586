"""A write under review, and what is found about it: the plain values that every rule takes and gives."""

from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from certwright.api.codec import DecodeError, convert
from certwright.api.duration import DurationError, parse_nanoseconds
from certwright.webhook.fields import FieldError

CREATE: Final = "CREATE"
UPDATE: Final = "UPDATE"

Object = dict[str, Any]
T = TypeVar("T")


class Requester(Struct, frozen=True, kw_only=True):
    """Who writes, as the API server knows them (authentication.k8s.io UserInfo)."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}


class Gates(Struct, frozen=True, kw_only=True):
    """Feature gates of the webhook that decide whether a field may be used at all."""

    literal_certificate_subject: bool = True
    name_constraints: bool = True
    other_names: bool = True


class Write(Struct, frozen=True, kw_only=True):
    """One write: which resource, by whom, and the object before and after.

    `old` is None for a CREATE. Objects are decoded JSON; nothing here changes them.
    """

    operation: str
    group: str
    plural: str
    subresource: str = ""
    namespace: str = ""
    user: Requester = Requester()
    old: Object | None = None
    new: Object


class Findings(Struct, frozen=True):
    """What the rules say: errors refuse the write, warnings are only told."""

    errors: list[FieldError] = []
    warnings: list[str] = []


class Unreadable(ValueError):  # noqa: N818 - says what the object is
    """The object cannot be read as one of its kind (an HTTP 400); `field` is where."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


def part(obj: Object, name: str) -> Object:
    """A member that is an object; empty where it is missing. Raises Unreadable."""
    found = obj.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Unreadable(name, "must be an object")
    return found


def spec_changes(write: Write) -> bool:
    """Whether this write brings another spec than is stored: only then does its content matter."""
    return write.old is None or write.old.get("spec") != write.new.get("spec")


def read(obj: Object, cls: type[T], field: str, *durations: str) -> T:
    """Read part of an object into its type; `durations` are members that must be durations if they are set.

    Raises:
        Unreadable: a member has another type, or is not a duration.
    """
    for name in durations:
        value = obj.get(name)
        try:
            if isinstance(value, str):
                parse_nanoseconds(value)
        except DurationError as error:
            raise Unreadable(f"{field}.{name}", str(error)) from error
    try:
        return convert(obj, cls)
    except DecodeError as error:
        raise Unreadable(".".join(filter(None, (field, error.path))), error.problem) from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Unreadable(field, "cannot be read") from error
