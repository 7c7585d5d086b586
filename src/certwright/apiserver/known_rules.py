"""The `x-kubernetes-validations` rules this server evaluates: those of cert-manager's CRDs, as Python, by
their text.

There is no CEL engine here. Other rules are stored, not evaluated, and whoever creates such a CRD is told so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from certwright.apiserver.structural import Rule

VENAFI_ONE_OF: Final = "(has(self.tpp) ? 1 : 0) + (has(self.cloud) ? 1 : 0) + (has(self.ngts) ? 1 : 0) == 1"


def _one_connection(value: Any) -> bool:
    return sum(name in value for name in ("tpp", "cloud", "ngts")) == 1


RULES: Final[Mapping[str, Rule]] = {VENAFI_ONE_OF: _one_connection}


def unknown_rules(schema: Any) -> bool:
    """Whether a schema holds a rule that is not evaluated."""
    if isinstance(schema, list):
        return any(unknown_rules(child) for child in schema)
    if not isinstance(schema, dict):
        return False
    rules = schema.get("x-kubernetes-validations") or ()
    return any(rule.get("rule") not in RULES for rule in rules) or any(
        unknown_rules(child) for name, child in schema.items() if name != "x-kubernetes-validations"
    )
