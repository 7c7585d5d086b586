"""Golden worlds of plan_request and conclude: see cases/request/."""

from typing import Any

from certwright.api.outcomes import IssuerBroken, Pending, Permanent, Signed
from certwright.plan.actions import Emit, PatchStatus, Plan, Sign
from certwright.plan.request import conclude, plan_request

OUTCOMES = {"signed": Signed, "pending": Pending, "permanent": Permanent, "broken": IssuerBroken}


def rendered(plan: Plan) -> dict[str, Any]:
    out: dict[str, Any] = {"actions": [], "events": [], "waiting_for": plan.waiting_for}
    out["summary"] = plan.summary
    if plan.wake_at is not None:
        out["wake_at"] = plan.wake_at.isoformat().replace("+00:00", "Z")
    for action in plan.actions:
        if isinstance(action, PatchStatus):
            conditions = action.status.get("conditions", [])
            out["conditions"] = {c["type"]: f"{c['status']}/{c['reason']}" for c in conditions}
            out["messages"] = {c["type"]: c.get("message", "") for c in conditions}
            out["fields"] = sorted(set(action.status) - {"conditions"})
            out["manager"] = action.field_manager
            out["by_apply"] = action.apply
        if isinstance(action, Sign):
            out["approve"], out["issuer_type"] = action.approve, action.issuer_type
        if not isinstance(action, Emit):
            out["actions"].append(type(action).__name__)
        out["events"] += [f"{e.type} {e.reason} ({e.component})" for e in action.events]
    return out


def test_plans_as_the_golden_world_says(case: dict[str, Any], worlds: Any) -> None:
    world = worlds(case)
    request_world = world.request_world()
    if outcome := case.get("outcome"):
        (kind, arguments), *_ = outcome.items()
        if kind == "signed":
            chain = arguments.get("garbage", "").encode() or world.chain({"key": arguments.get("key", "A")})
            answer: Any = Signed(chain, b"", tuple(map(tuple, arguments.get("warnings", ()))))
        else:
            answer = OUTCOMES[kind](**arguments)
        approve, policy = case.get("approve", True), world.policy()
        plan = conclude(request_world, answer, world.now, approve=approve, policy=policy)
    else:
        plan = plan_request(request_world, world.policy(), world.now)
    got = rendered(plan)
    assert {key: got.get(key) for key in case["want"]} == case["want"]
