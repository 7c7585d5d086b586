"""What holds of plans for a Certificate whatever happens: they come to rest, and no loop outruns its budget.

The stage carries out plans on the short form of a case, so that the next pass sees what it would see.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certwright.plan import actions
from certwright.plan.actions import Action, Plan
from certwright.plan.certificate import plan_certificate

START = datetime.fromisoformat("2026-01-01T00:00:00Z")
HOUR = timedelta(hours=1)
LIMIT = 4
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Ready",
    "message": "Certificate is up to date and has not expired",
    "lastTransitionTime": "2025-12-31T00:00:00Z",
    "observedGeneration": 1,
}
in_any_order = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Stage:
    """One Certificate, what belongs to it, and a clock; an issuer signs whatever is asked for."""

    def __init__(self, worlds: Any, case: dict[str, Any]) -> None:
        self.case: dict[str, Any] = {"certificate": {}, "requests": [], "recent": {}} | case
        self.now = START
        self.made: list[datetime] = []
        self.events: list[str] = []
        self.webhook = False
        self._worlds = worlds
        self._letters = 0

    def plan(self) -> Plan:
        world = self._worlds(self.case)
        return plan_certificate(world.certificate_world(), world.policy(), self.now)

    def settle(self, passes: int = 60) -> Plan:
        """Plan and do, until there is nothing left to do. Fails when that does not end."""
        for _ in range(passes):
            plan = self.plan()
            for action in plan.actions:
                self._do(action)
            if not any(not isinstance(action, actions.Emit) for action in plan.actions) and not self._sign():
                return plan
        raise AssertionError(f"after {passes} passes there is still something to do: {plan.actions}")

    def restart(self) -> None:
        """All that is only remembered is gone."""
        self.case["recent"] = {}
        self.case.pop("held_key", None)

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.case["certificate"].setdefault("status", {})
        return status

    def condition(self, type_: str) -> dict[str, Any] | None:
        return next((c for c in self.status.get("conditions", []) if c["type"] == type_), None)

    def ask_from_outside(self) -> None:
        """Set Issuing=True, as anybody may who may write the status."""
        kept = [c for c in self.status.get("conditions", []) if c["type"] != "Issuing"]
        asked = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered"}
        self.status["conditions"] = [*kept, asked]

    def edit(self, name: str) -> None:
        certificate = self.case["certificate"]
        certificate["spec"] = {"dnsNames": [name]}
        metadata = certificate.setdefault("metadata", {"generation": 1})
        metadata["generation"] += 1

    def _sign(self) -> bool:
        for request in self.case["requests"]:
            if "status" not in request:
                issued = {"key": request["key"], "from": stamp(self.now)}
                request["status"] = {
                    "certificate": issued,
                    "conditions": [{"type": "Ready", "status": "True", "reason": "Issued"}],
                }
                return True
        return False

    def _do(self, action: Action) -> None:
        self.events += [event.reason for event in action.events]
        match action:
            case actions.PatchStatus(status=changes):
                merged = self.status | changes
                self.case["certificate"]["status"] = {k: v for k, v in merged.items() if v is not None}
            case actions.GenerateKey(name=name):
                self._letters += 1
                self.case["held_key"] = {"name": name, "key": "ABCDEFGH"[self._letters % 8]}
            case actions.ForgetKey():
                self.case.pop("held_key", None)
            case actions.DeleteRequest(name=name):
                self.case["requests"] = [r for r in self.case["requests"] if r["name"] != name]
            case actions.CreateRequest():
                self._create(action)
            case actions.ApplySecret(request=None, labels=labels, annotations=annotations):
                ours = {"ours": True, "labels": labels, "annotations": annotations}
                self.case["secret"] = self.case["secret"] | ours
                repairs = self.case["recent"].setdefault("repairs", [])
                repairs.append(stamp(self.now))
            case actions.ApplySecret(request=name, labels=labels, annotations=annotations):
                request = next(r for r in self.case["requests"] if r["name"] == name)
                self.case["secret"] = {
                    "key": request["key"],
                    "certificate": request["status"]["certificate"] | {"spec": request["spec"]},
                    "labels": labels,
                    "annotations": annotations,
                }

    def _create(self, action: actions.CreateRequest) -> None:
        assert all(request["name"] != action.name for request in self.case["requests"])
        spec = dict(self.case["certificate"].get("spec", {}))
        if self.webhook:
            spec["usages"] = ["any"]
        self.case["requests"].append(
            {
                "name": action.name,
                "revision": action.annotations["cert-manager.io/certificate-revision"],
                "annotations": action.annotations,
                "key": self.case["held_key"]["key"],
                "key_name": action.key_name,
                "spec": spec,
                "metadata": {"creationTimestamp": stamp(self.now)},
            }
        )
        self.made.append(self.now)
        self.case["recent"].setdefault("requests", []).append(stamp(self.now))


def most_within_an_hour(times: list[datetime]) -> int:
    return max((sum(t - HOUR < each <= t for each in times) for t in times), default=0)


def act(stage: Stage, what: str) -> None:
    match what:
        case "the Secret is deleted":
            stage.case.pop("secret", None)
        case "the Secret is overwritten":
            other = {"key": "Z", "certificate": {"key": "Y"}}
            stage.case["secret"] = other | {"written_by": {"cron": ["tls.key"]}}
        case "somebody asks":
            stage.ask_from_outside()
        case "the spec is edited":
            names = {"a.example": "b.example", "b.example": "a.example"}
            now = stage.case["certificate"].get("spec", {}).get("dnsNames", ["a.example"])[0]
            stage.edit(names[now])
        case "a webhook changes requests":
            stage.webhook = not stage.webhook
        case "the process starts anew":
            stage.restart()


DRIVERS = (
    "the Secret is deleted",
    "the Secret is overwritten",
    "somebody asks",
    "the spec is edited",
    "a webhook changes requests",
    "the process starts anew",
    "nothing",
)


@in_any_order
@given(
    steps=st.lists(st.tuples(st.sampled_from(DRIVERS), st.integers(0, 2400)), min_size=1, max_size=25),
)
def test_no_sequence_of_disturbances_makes_more_requests_than_the_budget(
    worlds: Any, steps: list[tuple[str, int]]
) -> None:
    stage = Stage(worlds, {"policy": {"requests_per_hour": LIMIT}})
    stage.settle()
    for what, seconds in steps:
        stage.now += timedelta(seconds=seconds)
        act(stage, what)
        stage.settle()
        assert most_within_an_hour(stage.made) <= LIMIT
        held = stage.condition("RateLimited")
        if held is not None:  # it ends, and is seen to end
            assert stage.now < datetime.fromisoformat(held["lastTransitionTime"]) + HOUR
            assert stage.plan().wake_at is not None


@pytest.mark.parametrize("driver", ["the Secret is deleted", "the Secret is overwritten", "somebody asks"])
def test_a_loop_is_held_back_for_an_hour_and_says_so_once(worlds: Any, driver: str) -> None:
    stage = Stage(worlds, {"policy": {"requests_per_hour": LIMIT}})
    stage.settle()
    for _ in range(200):
        stage.now += timedelta(seconds=10)
        act(stage, driver)
        stage.settle()
    assert len(stage.made) == LIMIT
    assert stage.events.count("TooManyRequests") == 1
    stage.now += HOUR
    stage.settle()
    assert len(stage.made) == LIMIT + 1
    assert stage.condition("RateLimited") is None
    assert stage.condition("Ready") is not None


def test_requests_that_others_delete_are_remembered_until_the_process_ends(worlds: Any) -> None:
    stage = Stage(worlds, {"policy": {"requests_per_hour": LIMIT}})
    for _ in range(50):
        stage.ask_from_outside()
        stage.settle()
        stage.case["requests"] = []
    assert len(stage.made) == LIMIT
    stage.restart()
    for _ in range(50):
        stage.ask_from_outside()
        stage.settle()
    assert len(stage.made) == LIMIT  # the condition remembers


SECRETS: list[dict[str, Any] | None] = [
    None,
    {"key": "A", "certificate": {"key": "A"}},
    {"key": "A", "certificate": {"key": "A"}, "ours": False},
    {"key": "B", "certificate": {"key": "A"}},
    {"key": "A", "certificate": {"key": "A", "from": "2025-01-01T00:00:00Z"}},
    {"key": "A", "certificate": {"key": "A"}, "annotations": {"cert-manager.io/issuer-name": "other"}},
    {"key": "A", "certificate": {"key": "A"}, "annotations": {"cert-manager.io/certificate-name": "other"}},
    {"key": "A", "certificate": {"key": "A"}, "labels": {"team": "a"}},
    {"key": "A", "data": {"tls.crt": "nonsense"}},
    {"ours": False},
]
SPECS: list[dict[str, Any]] = [
    {},
    {"uris": ["HTTP://Example.COM/%7e"]},
    {"otherNames": []},
    {"otherNames": [], "dnsNames": None, "commonName": "web.example"},
    {"literalSubject": "CN=web,O=shop", "dnsNames": ["web.example"]},
    {"renewal": {"policy": "RenewBefore", "windows": [{"cron": "0 3 * * *", "windowDuration": "0s"}]}},
    {"renewal": {"policy": "RenewBefore", "windows": [{"cron": "0 3 * * *", "windowDuration": "1h"}]}},
    {"renewal": {"policy": "Disabled"}},
    {"secretTemplate": {"annotations": {"cert-manager.io/allow-direct-injection": "true"}}},
    {"secretTemplate": {"labels": {"cert-manager.io/team": "a"}}},
    {"renewBefore": "2159h"},
    {"renewBeforePercentage": 99},
]
CONDITIONS: list[list[dict[str, Any]]] = [
    [],
    [READY],
    [READY | {"status": "False", "reason": "DoesNotExist"}],
    [{"type": "Issuing", "status": "True", "reason": "Renewing"}, READY],
    [{"type": "RateLimited", "status": "True", "lastTransitionTime": "2025-12-31T23:30:00Z"}],
    [{"type": "SecretConflict", "status": "True", "reason": "OutsideWriter"}],
    [{"type": "SomebodyElses", "status": "True", "reason": "Theirs"}],
]


@in_any_order
@given(
    secret=st.sampled_from(SECRETS),
    spec=st.sampled_from(SPECS),
    found=st.sampled_from(CONDITIONS),
    revision=st.sampled_from([None, 1, 7]),
    request=st.booleans(),
    spread=st.sampled_from([0.0, 0.05, 0.9]),
)
def test_every_world_comes_to_rest_and_stays_there(
    worlds: Any,
    secret: dict[str, Any] | None,
    spec: dict[str, Any],
    found: list[dict[str, Any]],
    revision: int | None,
    request: bool,
    spread: float,
) -> None:
    status = {"conditions": found} | ({"revision": revision} if revision else {})
    case: dict[str, Any] = {
        "certificate": {"spec": spec, "status": status},
        "policy": {"renewal_spread": spread, "requests_per_hour": 8},
    }
    if secret is not None:
        case["secret"] = secret
    if revision and request:
        case["requests"] = [{"name": f"web-{revision}", "revision": revision, "key": "A", "status": {}}]
    stage = Stage(worlds, msgspec.convert(case, dict[str, Any]))
    plan = stage.settle(passes=20)
    assert len(stage.made) <= 1
    assert stage.plan().actions == plan.actions == ()
    theirs = [c for c in found if c["type"] == "SomebodyElses"]
    assert [c for c in stage.status["conditions"] if c["type"] == "SomebodyElses"] == theirs
