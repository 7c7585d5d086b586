"""A plan for a Certificate while it is being written: collects changes into one status write.

Used inside one call of `plan_certificate` and never seen outside. It decides nothing.
"""

from datetime import datetime
from typing import Any

import msgspec

from certwright.api import conditions
from certwright.api.certmanager import Certificate, CertificateCondition
from certwright.api.reasons import ISSUING, RATE_LIMITED, READY, SECRET_CONFLICT
from certwright.plan.actions import Action, Check, Emit, Event, PatchStatus, Plan

FIELD_MANAGER = "cert-manager-certificates-readiness"

# The conditions that are ours to write; those of others stay as they are.
_OURS = frozenset({READY, ISSUING, RATE_LIMITED, SECRET_CONFLICT})

# Status fields by Python name and wire name, in the order users see them.
_FIELDS = {
    "not_before": "notBefore",
    "not_after": "notAfter",
    "renewal_time": "renewalTime",
    "revision": "revision",
    "next_private_key_secret_name": "nextPrivateKeySecretName",
    "last_failure_time": "lastFailureTime",
    "failed_issuance_attempts": "failedIssuanceAttempts",
}


class Draft:
    """Changes to one Certificate: actions before the status write, the write, actions after it.

    With `server_side_apply` the write is an apply of all that is ours in the status.
    """

    def __init__(self, certificate: Certificate, now: datetime, *, server_side_apply: bool = False) -> None:
        self.certificate = certificate
        self.now = now
        self.server_side_apply = server_side_apply
        self.conditions: list[CertificateCondition] = list(certificate.status.conditions or ())
        self.fields: dict[str, Any] = {}
        self.before: list[Action] = []
        self.events: list[Event] = []
        self.after: list[Action] = []
        self.trace: list[Check] = []
        self.wake_at: datetime | None = None
        self.summary = ""
        self.waiting_for = ""

    def set_condition(self, type_: str, status: str, reason: str, message: str) -> bool:
        """Set a condition by the transition rule; say whether anything but its time moved."""
        old = conditions.find(self.conditions, type_)
        new = CertificateCondition(
            type=type_,
            status=status,
            reason=reason,
            message=message,
            observed_generation=self.certificate.metadata.generation,
        )
        self.conditions = conditions.set_condition(self.conditions, new, self.now)
        return old is None or (old.status, old.reason, old.message) != (status, reason, message)

    def end_condition(self, type_: str, reason: str, message: str) -> None:
        """Remove a condition that no longer holds; as others may own it too, an apply makes it False."""
        if self.server_side_apply:
            self.set_condition(type_, "False", reason, message)
        else:
            self.conditions = conditions.remove(self.conditions, type_)

    def drop_condition(self, type_: str) -> None:
        """Remove a condition that nobody but us writes, if it is there."""
        self.conditions = conditions.remove(self.conditions, type_)

    def set(self, field: str, value: Any) -> None:  # a status field of any type
        """Set a status field by its Python name; None removes it."""
        self.fields[field] = value

    def wake(self, when: datetime | None) -> None:
        """Look again at this moment, if it is ahead and no earlier one is noted already."""
        if when is not None and when > self.now and (self.wake_at is None or when < self.wake_at):
            self.wake_at = when

    def check(self, name: str, passed: bool, detail: str = "") -> bool:
        """Note a step of the reasoning and give its outcome back."""
        self.trace.append(Check(name, passed, detail))
        return passed

    def say(self, summary: str, waiting_for: str = "") -> None:
        """Sum up where things stand; the last word counts."""
        self.summary, self.waiting_for = summary, waiting_for

    def plan(self) -> Plan:
        """Put the actions in order, with one status write holding only what changed."""
        status = self._changes()
        actions = list(self.before)
        if status:
            status = self._all_of_ours() if self.server_side_apply else status
            actions.append(
                PatchStatus(
                    status=status,
                    field_manager=FIELD_MANAGER,
                    apply=self.server_side_apply,
                    events=tuple(self.events),
                )
            )
        elif self.events:
            actions.append(Emit(events=tuple(self.events)))
        actions += self.after
        return Plan(tuple(actions), self.wake_at, tuple(self.trace), self.summary, self.waiting_for)

    def _changes(self) -> dict[str, Any]:
        status = self.certificate.status
        changes: dict[str, Any] = {}
        if self.conditions != list(status.conditions or ()):
            changes["conditions"] = msgspec.to_builtins(self.conditions)
        for field, value in self.fields.items():
            if (getattr(status, field) or None) != (value or None):  # an empty field is an absent one
                changes[_FIELDS[field]] = msgspec.to_builtins(value)
        return changes

    def _all_of_ours(self) -> dict[str, Any]:
        status = self.certificate.status
        values = {field: self.fields.get(field, getattr(status, field)) for field in _FIELDS}
        ours = [condition for condition in self.conditions if condition.type in _OURS]
        return {"conditions": msgspec.to_builtins(ours)} | {
            _FIELDS[field]: msgspec.to_builtins(value) for field, value in values.items() if value
        }
