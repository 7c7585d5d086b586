"""What holds of every plan for a Certificate, whatever the world; and where plans lead, whatever goes wrong.

`Model` is a cluster as far as plans can tell: it does what a plan asks for, and forgets what was only held in
memory when it crashes.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certwright.api import annotations as ann
from certwright.api import conditions
from certwright.api.certmanager import (
    Certificate,
    CertificateRequest,
    CertificateRequestCondition,
    CertificateRequestSpec,
)
from certwright.api.codec import convert, to_builtins
from certwright.api.foreign import Secret
from certwright.api.meta import ManagedFieldsEntry, ManagedObjectMeta, ObjectMeta
from certwright.pki import csr, keys, sign
from certwright.pki.certificate import parse_certificate
from certwright.pki.temporary import temporary_certificate
from certwright.plan import actions, target_secret
from certwright.plan.actions import Action, Plan
from certwright.plan.certificate import plan_certificate
from certwright.plan.secret_facts import secret_facts
from certwright.plan.situation import is_issuing, request_facts, revision_of
from certwright.plan.world import CertificateWorld, HeldKey, Policy
from certwright.testing.builders import authority

Case = dict[str, Any]
NOW = "2026-01-01T00:00:00Z"
LIFETIME = timedelta(days=90)
CA = sign.load_ca(*authority("model", datetime(2025, 1, 1, tzinfo=UTC), timedelta(days=3650)))
PASSES = 12  # more than any way to rest takes

# --- worlds ---------------------------------------------------------------------------------------

letters = st.sampled_from(["A", "B", "C", "D384"])
times = st.sampled_from([None, "2025-12-31T23:00:00Z", NOW])


def fitting(letter: str) -> dict[str, Any]:
    """The spec that a certificate for this key was made for."""
    return {"privateKey": {"algorithm": "ECDSA", "size": int(letter[1:] or 256)}}


@st.composite
def pairs(draw: st.DrawFn) -> Case:
    letter = draw(letters)
    issued = {"key": letter, "spec": fitting(letter), "temporary": draw(st.booleans())}
    issued["from"] = draw(
        st.sampled_from(["2025-12-31T00:00:00Z", "2025-10-20T00:00:00Z", "2025-09-01T00:00:00Z"])
    )
    other = draw(st.sampled_from([{}, {ann.CERTIFICATE_NAME: "other"}, {ann.ISSUER_NAME: "other"}]))
    return {
        "key": draw(st.sampled_from([letter, letter, letter, "A"])),
        "certificate": issued,
        "annotations": other,
    }


secrets = st.one_of(
    st.none(),
    st.just({}),
    st.builds(lambda key: {"key": key}, letters),
    st.just({"data": {"tls.key": "nonsense", "tls.crt": "nonsense"}}),
    pairs(),
    pairs(),
)
next_keys = st.lists(
    st.one_of(
        st.fixed_dictionaries({"name": st.sampled_from(["web-k", "web-l", "web-m"]), "key": letters}),
        st.fixed_dictionaries({"name": st.just("web-n"), "data": st.just({"tls.key": "nonsense"})}),
    ),
    max_size=3,
    unique_by=lambda short: str(short["name"]),
)


@st.composite
def requests(draw: st.DrawFn) -> Case:
    letter, when = draw(letters), draw(times)
    ready = draw(st.sampled_from([None, "Pending", "Pending", "Failed", "Issued"]))
    status: Case = {"conditions": []}
    if ready == "Issued":
        status["certificate"] = draw(st.sampled_from([{"key": letter}, {"key": "A"}, "nonsense"]))
    if ready == "Failed" and when is not None:
        status["failureTime"] = when
    if ready is not None:
        status["conditions"] += [{"type": "Ready", "status": str(ready == "Issued"), "reason": ready}]
    decided = draw(st.sampled_from([None, None, "Denied", "InvalidRequest", "Approved"]))
    if decided is not None:
        decision = {"type": decided, "status": "True", "reason": "Policy"}
        status["conditions"] += [decision | ({"lastTransitionTime": when} if when else {})]
    name = draw(st.sampled_from(["web.example", "web.example", "old.example"]))
    short: Case = {
        "revision": draw(st.sampled_from([1, 2, 3, 3, "", "x"])),
        "key": letter,
        "key_name": draw(st.sampled_from(["web-k", "web-l", "web-h"])),
        "name": f"r{draw(st.integers(0, 99))}",
        "spec": {"dnsNames": [name], **fitting(letter)},
        "status": status,
    }
    if draw(st.integers(0, 9)) == 0:
        short["csr"] = "nonsense"
    if draw(st.integers(0, 9)) == 0:
        short["metadata"] = {"deletionTimestamp": NOW, "finalizers": ["example.com/hold"]}
    return short


@st.composite
def statuses(draw: st.DrawFn) -> Case:
    status: Case = {"conditions": []}
    issuing = draw(st.sampled_from([None, "True", "True", "False"]))
    if issuing is not None:
        when = draw(times)
        condition = {"type": "Issuing", "status": issuing, "reason": "DoesNotExist"}
        status["conditions"] += [condition | ({"lastTransitionTime": when} if when else {})]
    if draw(st.booleans()):
        ready = {"type": "Ready", "status": draw(st.sampled_from(["True", "False"])), "reason": "Ready"}
        status["conditions"] += [ready]
    for field, values in (
        ("revision", st.sampled_from([None, 0, 1, 2])),
        ("lastFailureTime", times),
        ("failedIssuanceAttempts", st.sampled_from([None, 1, 5, 99])),
        ("nextPrivateKeySecretName", st.sampled_from([None, "web-k", "web-l", "web-gone"])),
    ):
        value = draw(values)
        if value is not None:
            status[field] = value
    return status


@st.composite
def under_way(draw: st.DrawFn) -> Case:
    """The parts of a world in the middle of an issuance, with its key stored and its request made."""
    letter, revision = draw(letters), draw(st.sampled_from([0, 2]))
    began = {"type": "Issuing", "status": "True", "reason": "DoesNotExist", "lastTransitionTime": NOW}
    fits = {"revision": revision + 1, "key": letter, "key_name": "web-k", "name": "made"}
    spec = {"dnsNames": ["web.example"], **fitting(letter)}
    request = draw(requests()) | fits | {"spec": spec}
    issued = request["status"].get("certificate")
    if isinstance(issued, dict):
        issued["key"] = letter
    return {
        "status": {"revision": revision, "conditions": [began], "nextPrivateKeySecretName": "web-k"},
        "next_keys": [{"name": "web-k", "key": letter}],
        "requests": [request, *draw(st.lists(requests(), max_size=1))],
    }


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A world in the short form of the golden cases."""
    key: Case = {"algorithm": "ECDSA", "size": draw(st.sampled_from([0, 256, 384]))}
    policy = draw(st.sampled_from(["", "Always", "Never"]))
    wish = {ann.ISSUE_TEMPORARY_CERTIFICATE: "true"} if draw(st.booleans()) else {}
    held = draw(st.one_of(st.none(), st.fixed_dictionaries({"name": st.just("web-h"), "key": letters})))
    world: Case = {
        "now": NOW,
        "certificate": {
            "metadata": {"annotations": wish},
            "spec": {"privateKey": key | ({"rotationPolicy": policy} if policy else {})},
            "status": draw(statuses()),
        },
        "secret": draw(secrets),
        "next_keys": draw(next_keys),
        "held_key": held,
        "requests": draw(st.lists(requests(), max_size=3, unique_by=lambda short: str(short["name"]))),
        "signs_in_process": draw(st.booleans()),
        "policy": {"stable_request_names": draw(st.booleans())},
    }
    if draw(st.booleans()):
        parts = draw(under_way())
        world["certificate"]["status"] = parts.pop("status")
        key["size"] = fitting(parts["next_keys"][0]["key"])["privateKey"]["size"]
        world["certificate"]["spec"]["privateKey"] |= key
        world |= parts
    return world


# --- what holds of every plan ---------------------------------------------------------------------

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def planned(case: Case, worlds: Any) -> tuple[CertificateWorld, Plan]:
    made = worlds(case)
    world = made.certificate_world()
    return world, plan_certificate(world, made.policy(), made.now)


@QUICK
@given(cases())
def test_a_plan_says_where_things_stand_and_writes_the_status_at_most_once(worlds: Any, case: Case) -> None:
    _, plan = planned(case, worlds)
    assert plan.summary
    assert plan.trace
    assert sum(isinstance(action, actions.PatchStatus) for action in plan.actions) <= 1


@QUICK
@given(cases())
def test_nothing_is_done_for_a_certificate_that_is_being_deleted(worlds: Any, case: Case) -> None:
    case["certificate"]["metadata"] |= {"deletionTimestamp": NOW, "finalizers": ["foregroundDeletion"]}
    _, plan = planned(case, worlds)
    assert plan.actions == ()


@QUICK
@given(cases())
def test_a_key_and_its_certificate_are_only_replaced_by_both(worlds: Any, case: Case) -> None:
    world, plan = planned(case, worlds)
    for action in plan.actions:
        if isinstance(action, actions.StoreTemporary):
            assert world.secret is None or not world.secret.serves
        if isinstance(action, actions.ApplySecret) and action.request is not None:
            request = next(r for r in world.requests if r.metadata.name == action.request)
            asked = csr.parse_request(request.spec.request)
            issued = parse_certificate(request.status.certificate)
            assert issued.public_key == asked.public_key
        if isinstance(action, actions.DeleteSecret):
            assert action.name in {secret.metadata.name for secret in world.next_keys}


@QUICK
@given(cases())
def test_no_key_goes_while_a_request_that_can_still_be_used_depends_on_it(worlds: Any, case: Case) -> None:
    world, plan = planned(case, worlds)
    model = Model(case, worlds)
    model.run(plan.actions)
    if not is_issuing(model.certificate):
        return
    had = {facts.key for facts in model.gather().next_keys} | {world.secret.key if world.secret else None}
    if model.held is not None:
        had.add(keys.public_key_of_private(model.held[1]))
    for request in model.requests.values():
        facts = request_facts(request)
        if (
            facts is not None
            and facts.public_key in model.known_keys()
            and revision_of(request) == (model.certificate.status.revision or 0) + 1
            and request.metadata.deletion_timestamp is None
            and not keys.violations(facts.public_key, model.certificate.spec.private_key)
            and plan.waiting_for != "you"
        ):
            assert facts.public_key in had


@QUICK
@given(cases())
def test_plans_come_to_rest_when_nobody_else_does_anything(worlds: Any, case: Case) -> None:
    model = Model(case, worlds)
    for _ in range(PASSES):
        model.run(model.plan().actions)
    assert [action for action in model.plan().actions if not _is_said_once(action)] == []


def _is_said_once(action: Action) -> bool:
    """Whether all that an action does is to say what is only said once."""
    return isinstance(action, actions.Emit) and all(event.once for event in action.events)


# --- where plans lead -----------------------------------------------------------------------------


class Model:
    """A cluster with one Certificate and an issuer, built from a case."""

    def __init__(self, case: Case, worlds: Any) -> None:
        made = worlds(case)
        self.private_key: Callable[[str], bytes] = made.private_key
        self.policy: Policy = made.policy()
        self.now: datetime = made.now
        self.certificate: Certificate = made.certificate(case["certificate"])
        self.secret: Secret | None = None if case["secret"] is None else made.whole_secret(case["secret"])
        self.next_keys: dict[str, Secret] = {
            short["name"]: made.whole_secret(short, "web-next") for short in case["next_keys"]
        }
        self.requests: dict[str, CertificateRequest] = {
            short["name"]: made.request(short, self.certificate) for short in case["requests"]
        }
        held = case["held_key"]
        self.held = (held["name"], self.private_key(held["key"])) if held else None
        self.signs = bool(case["signs_in_process"])
        self._made = 0
        self._first_keys = {facts.key for facts in self.gather().next_keys}
        if self.held is not None:
            self._first_keys.add(keys.public_key_of_private(self.held[1]))

    def known_keys(self) -> set[Any]:
        """The keys that were there in the beginning, and could have been lost."""
        return self._first_keys - {None}

    def gather(self) -> CertificateWorld:
        held = self.held
        return CertificateWorld(
            certificate=self.certificate,
            secret=None if self.secret is None else secret_facts(self.secret),
            requests=tuple(self.requests.values()),
            next_keys=tuple(map(secret_facts, self.next_keys.values())),
            held_key=HeldKey(held[0], keys.public_key_of_private(held[1])) if held else None,
            signs_in_process=self.signs,
        )

    def plan(self) -> Plan:
        return plan_certificate(self.gather(), self.policy, self.now)

    def run(self, steps: Iterable[Action]) -> None:
        """Do actions in order; one that the world no longer allows ends the pass, as a Replan does."""
        for action in steps:
            if not self._do(action):
                return

    def crash(self) -> None:
        self.held = None

    def _do(self, action: Action) -> bool:
        match action:
            case actions.PatchStatus():
                self._patch(action)
            case actions.GenerateKey():
                self._made += 1
                size = action.size or 256
                self.held = (action.name, self.private_key(f"{chr(0x100 + self._made)}{size}"))
            case actions.ReuseKey():
                assert self.secret is not None
                self.held = (action.name, self.secret.data["tls.key"])
            case actions.ForgetKey():
                self.held = None
            case actions.StoreNextKey():
                assert self.held is not None
                assert self.held[0] == action.name
                self.next_keys[action.name] = _next_key(action.name, self.held[1])
            case actions.DeleteSecret():
                self.next_keys.pop(action.name, None)
            case actions.DeleteRequest():
                self.requests.pop(action.name, None)
            case actions.CreateRequest():
                return self._create(action)
            case actions.ApplySecret():
                return self._apply(action)
            case actions.StoreTemporary():
                return self._store_temporary(action)
        return True

    def _patch(self, action: actions.PatchStatus) -> None:
        wire = to_builtins(self.certificate)
        status = wire.setdefault("status", {})
        for field, value in action.status.items():
            if value is None:
                status.pop(field, None)
            else:
                status[field] = value
        self.certificate = convert(wire, Certificate)

    def _pem(self, name: str) -> bytes | None:
        if self.held is not None and self.held[0] == name:
            return self.held[1]
        stored = self.next_keys.get(name)
        return stored.data["tls.key"] if stored is not None else None

    def _create(self, action: actions.CreateRequest) -> bool:
        pem = self._pem(action.key_name)
        assert pem is not None, "the key of a request is always at hand"
        if action.name in self.requests:
            return False
        revision = action.annotations[ann.REVISION]
        rivals = [r for r in self.requests.values() if r.metadata.annotations.get(ann.REVISION) == revision]
        assert rivals == [], "a revision has one request"
        spec = self.certificate.spec
        self.requests[action.name] = CertificateRequest(
            metadata=ObjectMeta(name=action.name, uid=f"uid-{action.name}", annotations=action.annotations),
            spec=CertificateRequestSpec(request=csr.build_request(spec, pem), issuer_ref=spec.issuer_ref),
        )
        return True

    def _apply(self, action: actions.ApplySecret) -> bool:
        before = self.secret
        if action.request is None:
            assert before is not None
            pem, chain = before.data["tls.key"], before.data["tls.crt"]
        else:
            request = self.requests[action.request]
            found = self._pem(request.metadata.annotations[ann.PRIVATE_KEY_SECRET_NAME])
            assert found is not None, "the key of a certificate is at hand when it is stored"
            pem, chain = keys.encode(found, "PKCS1"), request.status.certificate
        self._store(action, pem, chain)
        return True

    def _store_temporary(self, action: actions.StoreTemporary) -> bool:
        request = self.requests[action.request]
        name = request.metadata.annotations[ann.PRIVATE_KEY_SECRET_NAME]
        assert name in self.next_keys, "the key of a temporary certificate is stored before"
        chain = temporary_certificate(
            request.spec.request, usages=None, is_ca=False, duration=LIFETIME, now=action.now
        )
        facts = parse_certificate(chain)
        wanted = target_secret.apply_temporary(self.certificate, facts, existing_type="", owner=False)
        self._store(wanted, keys.encode(self.next_keys[name].data["tls.key"], "PKCS1"), chain)
        return True

    def _store(self, action: actions.ApplySecret, pem: bytes, chain: bytes) -> None:
        data = {ann.TLS_KEY: pem, ann.TLS_CRT: chain}
        fields = {
            "f:data": {f"f:{key}": {} for key in data},
            "f:metadata": {
                "f:labels": {f"f:{key}": {} for key in action.labels},
                "f:annotations": {f"f:{key}": {} for key in action.annotations},
            },
        }
        entry = ManagedFieldsEntry(manager=ann.TARGET_SECRET_MANAGER, operation="Apply", fields_v1=fields)
        metadata = ManagedObjectMeta(
            name=action.name,
            uid="uid-target",
            labels=action.labels,
            annotations=action.annotations,
            managed_fields=[entry],
        )
        self.secret = Secret(metadata=metadata, type=action.type, data=data)
        assert secret_facts(self.secret).serves, "what is stored belongs together"

    def _sign(self, request: CertificateRequest) -> bytes:
        return sign.sign_request(
            request.spec.request, ca=CA, usages=None, is_ca=False, duration=LIFETIME, now=self.now
        ).chain_pem

    def answer(self, how: str) -> None:
        """Let the issuer answer every request that it has not answered for good."""
        for name, request in list(self.requests.items()):
            if how == "nothing" or request_facts(request) is None or _is_final(request):
                continue
            certificate = self._sign(request) if how == "Issued" else b""
            kept = [c for c in request.status.conditions if c.type != "Ready"]
            type_, status = ("Denied", "True") if how == "Denied" else ("Ready", str(how == "Issued"))
            new = CertificateRequestCondition(
                type=type_, status=status, reason=how, last_transition_time=self.now
            )
            answered = msgspec.structs.replace(
                request.status,
                conditions=[*kept, new],
                certificate=certificate,
                failure_time=self.now if how == "Failed" else None,
            )
            self.requests[name] = msgspec.structs.replace(request, status=answered)


def _is_final(request: CertificateRequest) -> bool:
    found = request.status.conditions
    ready = conditions.find(found, "Ready")
    return (
        conditions.has(found, "Denied")
        or conditions.has(found, "InvalidRequest")
        or (ready is not None and ready.reason in {"Issued", "Failed"})
    )


def _next_key(name: str, pem: bytes) -> Secret:
    metadata = ManagedObjectMeta(
        name=name, uid=f"uid-{name}", labels={ann.PART_OF: "true", ann.NEXT_PRIVATE_KEY: "true"}
    )
    return Secret(metadata=metadata, data={"tls.key": keys.encode(pem, "PKCS8")})


ANSWERS = ["nothing", "Pending", "Issued", "Failed", "Denied"]
stories = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(ANSWERS), st.integers(0, 40)), max_size=8)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases(), stories)
def test_a_crash_after_any_action_loses_nothing_and_ends_well(
    worlds: Any, case: Case, story: list[tuple[int, str, int]]
) -> None:
    model = Model(case, worlds)
    for done, answer, hours in story:
        served = model.secret
        model.run(model.plan().actions[:done])
        model.crash()
        model.answer(answer)
        model.now += timedelta(hours=hours)
        if served is not None and secret_facts(served).serves:
            assert model.secret is not None
            assert secret_facts(model.secret).serves
            if _keeps_key(model.certificate) and not case["next_keys"] and not case["held_key"]:
                assert secret_facts(model.secret).key == secret_facts(served).key
    _let_the_user_act(model)
    for _ in range(4 * PASSES):
        plan = model.plan()
        model.run(plan.actions)
        model.answer("Issued")
        if not plan.actions:
            if _is_well(model):
                break
            model.now += timedelta(hours=33)
    assert _is_well(model), (model.certificate.status, model.plan())


def _let_the_user_act(model: Model) -> None:
    """What waits for people is done: fixed keys may change, finalizers end, surplus requests are deleted."""
    wire = to_builtins(model.certificate)
    wire["spec"]["privateKey"].pop("rotationPolicy", None)
    model.certificate = convert(wire, Certificate)
    model.requests = {
        name: request
        for name, request in model.requests.items()
        if request.metadata.deletion_timestamp is None and len(model.requests) < 2
    }


def _keeps_key(certificate: Certificate) -> bool:
    spec = certificate.spec.private_key
    return spec is not None and spec.rotation_policy == "Never"


def _is_well(model: Model) -> bool:
    certificate, world = model.certificate, model.gather()
    return (
        conditions.has(certificate.status.conditions, "Ready")
        and not is_issuing(certificate)
        and world.secret is not None
        and world.secret.serves
        and not (
            world.secret.certificate.is_temporary and ann.ISSUER_NAME not in world.secret.metadata.annotations
        )
        and not model.next_keys
        and model.held is None
        and not certificate.status.next_private_key_secret_name
    )
