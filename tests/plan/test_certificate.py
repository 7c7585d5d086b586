"""Golden worlds of plan_certificate: see cases/certificate/."""

from typing import Any

from certwright.plan import actions
from certwright.plan.actions import Plan
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
