"""Writes to be judged, in short form."""

from collections.abc import Callable
from typing import Any

import pytest

from certwright.api.meta import Resource
from certwright.webhook.fields import FieldError
from certwright.webhook.writes import Requester, Write

ALICE = Requester(username="alice", uid="7", groups=("a", "b"), extra={"k": ("1", "2")})


def written(resource: Resource, new: dict[str, Any], old: dict[str, Any] | None = None, **more: Any) -> Write:
    """A write by alice: a CREATE, or with `old` an UPDATE."""
    return Write(
        operation="CREATE" if old is None else "UPDATE",
        group=resource.group,
        plural=resource.plural,
        namespace="shop",
        user=more.pop("user", ALICE),
        old=old,
        new=new,
        **more,
    )


def sorts(errors: list[FieldError]) -> list[str]:
    """Errors without their words: `spec.secretName Required`."""
    return [f"{error.field} {error.reason.removeprefix('FieldValue')}" for error in errors]


@pytest.fixture
def write() -> Callable[..., Write]:
    return written


@pytest.fixture
def short() -> Callable[[list[FieldError]], list[str]]:
    return sorts
