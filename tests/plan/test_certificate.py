"""Golden worlds of plan_certificate: see cases/certificate/."""

from typing import Any

import pytest
from msgspec import structs

from certwright.api.codec import to_builtins
from certwright.api.conditions import find, has
from certwright.plan import actions
from certwright.plan.actions import Action, Plan
from certwright.plan.certificate import plan_certificate


def rendered(plan: Plan) -> dict[str, Any]:
    """A plan in the short form of the cases."""
    steps: list[Any] = []
    events: list[str] = []
    out: dict[str, Any] = {"actions": steps, "events": events}
    for action in plan.actions:
        name = type(action).__name__
        target = getattr(action, "name", "")
        if isinstance(action, actions.CreateRequest | actions.DeleteRequest | actions.DeleteSecret):
            name = f"{name} {target}"
        if isinstance(action, actions.ApplySecret):
            name = f"{name} {target} from {action.request}" if action.request else f"{name} {target} again"
            out["apply"] = {"type": action.type, "labels": action.labels, "annotations": action.annotations}
        if isinstance(action, actions.StoreTemporary):
            name = f"{name} for {action.request}"
        if isinstance(action, actions.CreateRequest):
            out["annotations"], out["labels"] = action.annotations, action.labels
        if isinstance(action, actions.PatchStatus):
            status = dict(action.status)
            if "conditions" in status:
                out["conditions"] = {
                    c["type"]: f"{c['status']}/{c.get('reason', '')}" for c in status.pop("conditions")
                }
                out["messages"] = {c["type"]: c.get("message", "") for c in action.status["conditions"]}
            out["status"] = status
            out["by_apply"] = action.apply
        if not isinstance(action, actions.Emit):
            steps.append(name)
        events.extend(f"{e.type} {e.reason} ({e.component})" for e in action.events)
    if plan.wake_at is not None:
        out["wake_at"] = plan.wake_at.isoformat().replace("+00:00", "Z")
    out["waiting_for"] = plan.waiting_for
    out["summary"] = plan.summary
    return out


def test_plans_as_the_golden_world_says(case: dict[str, Any], worlds: Any) -> None:
    world = worlds(case)
    plan = plan_certificate(world.certificate_world(), world.policy(), world.now)
    got = rendered(plan)
    want = case["want"]
    assert {key: got.get(key) for key in want} == want


def test_a_plan_depends_on_nothing_but_its_arguments(case: dict[str, Any], worlds: Any) -> None:
    world = worlds(case)
    arguments = world.certificate_world(), world.policy(), world.now
    assert plan_certificate(*arguments) == plan_certificate(*arguments)


OURS = ("Ready", "Issuing", "RateLimited", "SecretConflict")
BELONGS_TO: dict[str, tuple[type[Action], ...]] = {
    "certificates-trigger": (),
    "certificates-readiness": (),
    "certificates-key-manager": (
        actions.GenerateKey,
        actions.ReuseKey,
        actions.StoreNextKey,
        actions.DeleteSecret,
    ),
    "certificates-request-manager": (actions.CreateRequest,),
    "certificates-issuing": (actions.ApplySecret,),
    "certificates-revision-manager": (),
}


def statuses(world: Any, **policy: Any) -> tuple[Plan, dict[str, Any]]:
    """The plan under changed settings, and the status it leads to, conditions by type."""
    certificate_world = world.certificate_world()
    plan = plan_certificate(certificate_world, structs.replace(world.policy(), **policy), world.now)
    status = to_builtins(certificate_world.certificate.status)
    found = {each["type"]: each for each in status.pop("conditions", [])}
    for action in plan.actions:
        if isinstance(action, actions.PatchStatus):
            changes = dict(action.status)
            changed = {each["type"]: each for each in changes.pop("conditions", [])}
            if action.apply:
                status, found = changes, {t: c for t, c in found.items() if t not in OURS} | changed
            else:
                status, found = status | changes, changed or found
    kept = {name: value for name, value in status.items() if value}
    return plan, kept | {"conditions": found}


@pytest.mark.parametrize("part", BELONGS_TO)
def test_what_is_switched_off_does_and_says_nothing(case: dict[str, Any], worlds: Any, part: str) -> None:
    world = worlds(case)
    off = world.policy().inactive | {part}
    plan, after = statuses(world, inactive=off)
    before = world.certificate_world().certificate.status
    assert not [a for a in plan.actions if isinstance(a, BELONGS_TO[part])]
    assert part not in {event.component for action in plan.actions for event in action.events}
    began = has(before.conditions, "Issuing")
    issues = after["conditions"].get("Issuing", {}).get("status") == "True"
    named = after.get("nextPrivateKeySecretName", "") == (before.next_private_key_secret_name or "")
    holds = {
        "certificates-trigger": began or not issues,
        "certificates-readiness": after["conditions"].get("Ready")
        == to_builtins(find(before.conditions, "Ready")),
        "certificates-key-manager": named,
        "certificates-issuing": after.get("revision") == before.revision,
    }
    assert holds.get(part, True)


def test_an_apply_leads_where_a_patch_leads(case: dict[str, Any], worlds: Any) -> None:
    patching, patched = statuses(worlds(case), server_side_apply=False)
    applying, applied = statuses(worlds(case), server_side_apply=True)
    assert [type(action) for action in applying.actions] == [type(action) for action in patching.actions]
    assert (applying.wake_at, applying.summary) == (patching.wake_at, patching.summary)
    ended = applied["conditions"].get("Issuing", {})
    if "Issuing" not in patched["conditions"] and ended:
        assert (ended["status"], ended["reason"]) == ("False", "Issued")
        del applied["conditions"]["Issuing"]
    assert applied == patched
