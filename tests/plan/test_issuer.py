"""Golden worlds of plan_issuer: see cases/issuer/."""

from typing import Any

from certwright.plan.actions import PatchStatus
from certwright.plan.issuer import plan_issuer


def test_plans_as_the_golden_world_says(case: dict[str, Any], worlds: Any) -> None:
    world = worlds(case)
    plan = plan_issuer(world.issuer_world(), world.now, world.policy())
    got: dict[str, Any] = {"writes": len(plan.actions), "events": []}
    for action in plan.actions:
        assert isinstance(action, PatchStatus)
        (condition,) = action.status["conditions"]
        got |= {"condition": condition, "manager": action.field_manager, "by_apply": action.apply}
        got["events"] += [f"{e.type} {e.reason}: {e.message} ({e.component})" for e in action.events]
    assert {key: got.get(key) for key in case["want"]} == case["want"]
