"""Status conditions: find one, set one by the API's rule. Which conditions a kind has is not decided here."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Final, TypeVar

import msgspec

from certwright.api.meta import whole_second
from certwright.api.wire import Wire, doc

TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"


class Condition(Wire, frozen=True, kw_only=True):
    """One observation about an object: a type, whether it holds, and why."""

    type: Annotated[str, doc("What is observed; each type occurs once in the list.")]
    status: Annotated[str, doc("Whether it holds: True, False or Unknown.", enum=[TRUE, FALSE, UNKNOWN])]
    last_transition_time: Annotated[
        datetime | None, doc("When `status` last changed from one value to another.")
    ] = None
    reason: Annotated[str, doc("One word in CamelCase for why the status is what it is, for programs.")] = ""
    message: Annotated[str, doc("A sentence for people about why the status is what it is.")] = ""


class ObservedCondition(Condition, frozen=True, kw_only=True):
    """A condition that also tells which version of the spec it is about."""

    observed_generation: Annotated[
        int | None,
        doc(
            "The metadata.generation that this condition was computed from. "
            "When it is lower than the current one, the condition is out of date.",
            format="int64",
        ),
    ] = None


C = TypeVar("C", bound=Condition)


def find(conditions: Iterable[C], type_: str) -> C | None:
    """Return the condition of a type, or None."""
    return next((condition for condition in conditions if condition.type == type_), None)


def has(conditions: Iterable[Condition], type_: str, status: str = TRUE) -> bool:
    """Whether the condition of a type is there with this status."""
    return any(each.type == type_ and each.status == status for each in conditions)


def set_condition(conditions: Sequence[C], new: C, now: datetime) -> list[C]:
    """Return the list with `new` in place of the condition of its type, or at the end.

    `lastTransitionTime` becomes `now` only when the status differs from before; otherwise the old time
    stays, even where it is absent. Everything else is taken from `new`.
    """
    before = find(conditions, new.type)
    when = whole_second(now) if before is None or before.status != new.status else before.last_transition_time
    after = msgspec.structs.replace(new, last_transition_time=when)
    if before is None:
        return [*conditions, after]
    return [after if each is before else each for each in conditions]


def remove(conditions: Sequence[C], type_: str) -> list[C]:
    """Return the list without the condition of a type."""
    return [each for each in conditions if each.type != type_]
