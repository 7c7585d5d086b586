"""Killed or cut off anywhere, however often: it always ends well, and no key that was in use is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from certwright.api.certmanager import Certificate, CertificateRequest, IssuerRef, PrivateKey
from certwright.api.codec import convert, to_builtins
from certwright.api.foreign import Secret
from certwright.apiserver.handler import ApiServer
from certwright.kube.errors import NotFound
from certwright.kube.requests import Request
from certwright.pki import sign
from certwright.pki.csr import parse_request
from certwright.pki.keys import public_key_of_private
from certwright.testing.builders import ca_issuer, ca_secret, certificate, self_signed_issuer
from certwright.testing.checks import is_ready, keys_match
from certwright.testing.clock import Clock
from certwright.testing.cluster import Cluster, Running, as_admin, embedded_server, own_namespace
from certwright.testing.tap import READS, Trouble

NAMES = ("one", "two")
CA_SECRET = "the-ca"
TOLERANCE = timedelta(minutes=6)  # longer than any back-off of a key


class Fault(Struct, frozen=True):
    """At the `at`-th write from now the process is killed or the connection breaks, before or after it.

    With `action`, it is an unexpected error after the `at`-th action of a Certificate's plan.
    """

    at: int
    done: bool = False
    fatal: bool = True
    action: bool = False


Step = Callable[["World"], Awaitable[None]]


class World:
    """A cluster whose controllers fail as planned, and are started again."""

    def __init__(self, cluster: Cluster, faults: list[Fault]) -> None:
        self.cluster = cluster
        self.faults = list(faults)
        self.triggers = 0
        self.lost_requests = False
        self.running: Running | None = None
        self._left = 0
        self._fault: Fault | None = None

    async def begin(self) -> None:
        """Start controllers, with the next fault laid out."""
        self._lay_out()
        self.running = await self.cluster.start(cue=self._cue)
        controller = self.running.controllers.certificate_engine.controller
        perform = controller.perform

        async def failing(world: Any, action: Any) -> None:
            await perform(world, action)
            if self._fault is not None and self._fault.action and self._due():
                self._lay_out()
                raise RuntimeError("on purpose")

        controller.perform = failing  # type: ignore[method-assign]

    async def settle(self) -> None:
        """Until there is nothing left to do but to wait, start what was killed."""
        while True:
            assert self.running is not None
            settled = asyncio.ensure_future(self.cluster.settled())
            dead = asyncio.ensure_future(self.running.tap.dead.wait())
            await asyncio.wait({settled, dead}, return_when=asyncio.FIRST_COMPLETED)
            killed = dead.done()
            for task in (settled, dead):
                task.cancel()
            await asyncio.gather(settled, dead, return_exceptions=True)
            if not killed:
                return
            await self.cluster.kill(self.running)
            await self.begin()

    async def wait(self, span: timedelta) -> None:
        """Let time pass, in one jump, whatever happens then."""
        self.cluster.clock.jump(span)
        assert self.running is not None
        self.running.look_again()
        await self.settle()

    def _lay_out(self) -> None:
        self._fault = self.faults.pop(0) if self.faults else None
        self._left = self._fault.at if self._fault else 0

    def _due(self) -> bool:
        self._left -= 1
        return self._left < 0

    async def _cue(self, request: Request) -> Trouble | None:
        fault = self._fault
        if fault is None or fault.action or request.verb in READS or request.resource == "events":
            return None
        if not self._due():
            return None
        if fault.fatal:
            self._fault = None
        else:
            self._lay_out()
        return Trouble(done=fault.done, fatal=fault.fatal)


async def run(
    server: ApiServer,
    steps: list[Step],
    faults: list[Fault],
    *,
    never: bool = False,
    temporary: bool = False,
    slow: bool = False,
) -> None:
    """Play steps under faults; then everything must be well.

    `never` is the rotationPolicy, `temporary` asks for temporary certificates, and `slow` gives one of the
    two Certificates to an issuer that is not ours.
    """
    spec: dict[str, Any] = {"private_key": NEVER} if never else {}
    if temporary:
        spec["annotations"] = {"cert-manager.io/issue-temporary-certificate": "true"}
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(own_namespace(lambda: as_admin(server), Clock(), server))
        await cluster.create(ca_secret(CA_SECRET), ca_issuer("ca", CA_SECRET), self_signed_issuer("ss"))
        since = await cluster.resource_version()
        world = World(cluster, faults)
        await world.begin()
        await world.settle()
        await cluster.create(certificate("one", THEIRS if slow else "ca", **spec))
        await cluster.create(certificate("two", "ss", **spec))
        for step in steps:
            await step(world)
        world.faults.clear()
        world._fault = None
        await give_back_the_ca(world)
        await world.settle()
        for _ in range(3):
            await others_sign(world)
            await world.wait(TOLERANCE)
        await check(world, since, rotates=not never)


async def check(world: World, since: str, *, rotates: bool) -> None:
    """Everything converged, nothing is left over, no key was lost, and nothing is left to be done."""
    cluster = world.cluster
    requests = await cluster.objects(CertificateRequest)
    secrets = await cluster.objects(Secret)
    for name in NAMES:
        found, secret = await cluster.certificate(name), await cluster.secret(f"{name}-tls")
        mine = [r for r in requests if r.metadata.owner_references[0].uid == found.metadata.uid]
        assert is_ready(found), found.status
        assert keys_match(secret)
        assert found.status.next_private_key_secret_name == ""
        assert [r.metadata.name for r in mine] == [f"{name}-{found.status.revision}"] or world.lost_requests
        for request in mine[-1:]:
            key = public_key_of_private(secret.data["tls.key"])
            assert parse_request(request.spec.request).public_key == key
        assert 1 <= (found.status.revision or 0) <= 1 + world.triggers
    assert {s.metadata.name for s in secrets} == {CA_SECRET, *(f"{name}-tls" for name in NAMES)}
    assert world.running is not None
    assert len(world.running.controllers.held_keys) == 0
    await check_history(cluster, since, rotates=rotates)
    await cluster.stop(world.running)
    again = await cluster.start()
    await cluster.settled()
    assert again.tap.writes == []


async def check_history(cluster: Cluster, since: str, *, rotates: bool) -> None:
    """Never was there a key without its certificate; without rotation, only a deletion ends a key's life."""
    kept: dict[str, bytes] = {}
    for change in await cluster.history(Secret, since):
        secret = convert(change.object, Secret)
        name = secret.metadata.name
        if not name.endswith("-tls"):
            continue
        assert keys_match(secret)
        if change.type == "DELETED":
            kept.pop(name, None)
            continue
        key = secret.data["tls.key"]
        assert rotates or kept.setdefault(name, key) == key


# What happens from outside. Each counts how often it may make a Certificate be issued again.


async def nothing(world: World) -> None:
    await world.settle()


async def edit(world: World) -> None:
    world.triggers += 1
    for name in NAMES:
        patch = {"spec": {"dnsNames": [f"{name}-{world.triggers}.example"]}}
        await world.cluster.patch(Certificate, name, patch)


async def edit_and_settle(world: World) -> None:
    await edit(world)
    await world.settle()


async def delete_secret(world: World) -> None:
    world.triggers += 1
    for name in NAMES:
        await _delete(world, Secret, f"{name}-tls")


async def delete_next_keys(world: World) -> None:
    for secret in await world.cluster.objects(Secret):
        if "cert-manager.io/next-private-key" in secret.metadata.labels:
            await _delete(world, Secret, secret.metadata.name)


async def delete_requests(world: World) -> None:
    world.triggers += 1
    world.lost_requests = True
    for request in await world.cluster.objects(CertificateRequest):
        await _delete(world, CertificateRequest, request.metadata.name)


async def renew_by_hand(world: World) -> None:
    world.triggers += 1
    for name in NAMES:
        found = await world.cluster.certificate(name)
        now = to_builtins(world.cluster.clock.now().replace(microsecond=0))
        mark = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "lastTransitionTime": now}
        kept = [c for c in to_builtins(found.status.conditions) if c["type"] != "Issuing"]
        status = {"conditions": [*kept, mark | {"message": "by hand"}]}
        await world.cluster.patch(Certificate, name, {"status": status}, "status")


async def take_the_ca(world: World) -> None:
    await _delete(world, Secret, CA_SECRET)


async def give_back_the_ca(world: World) -> None:
    if not await world.cluster.exists(Secret, CA_SECRET):
        await world.cluster.create(ca_secret(CA_SECRET))


async def live_to_the_renewal(world: World) -> None:
    world.triggers += 1
    await world.settle()
    await world.wait(timedelta(days=61))


async def wait_a_moment(world: World) -> None:
    await world.wait(timedelta(seconds=2))


async def others_say_later(world: World) -> None:
    for request in await _undecided(world):
        await _answer(world, request, {"type": "Ready", "status": "False", "reason": "Pending"})


async def others_sign(world: World) -> None:
    ca = ca_secret(CA_SECRET).data
    for request in await _undecided(world):
        bundle = sign.sign_request(
            request.spec.request,
            ca=sign.load_ca(ca["tls.crt"], ca["tls.key"]),
            usages=None,
            is_ca=False,
            duration=timedelta(days=90),
            now=world.cluster.clock.now(),
        )
        issued = {"type": "Ready", "status": "True", "reason": "Issued"}
        await _answer(world, request, issued, certificate=to_builtins(bundle.chain_pem))


async def _undecided(world: World) -> list[CertificateRequest]:
    """The requests to the issuer that is not ours, without an answer."""
    return [
        request
        for request in await world.cluster.objects(CertificateRequest)
        if request.spec.issuer_ref == THEIRS and not request.status.certificate
    ]


async def _answer(
    world: World, request: CertificateRequest, condition: dict[str, str], **status: Any
) -> None:
    now = to_builtins(world.cluster.clock.now().replace(microsecond=0))
    kept = [c for c in to_builtins(request.status.conditions) if c["type"] != "Ready"]
    conditions = [*kept, condition | {"message": "as others say", "lastTransitionTime": now}]
    patch = {"status": status | {"conditions": conditions}}
    await world.cluster.patch(CertificateRequest, request.metadata.name, patch, "status")
    await world.settle()


async def _delete(world: World, type_: type[Struct], name: str) -> None:
    try:
        await world.cluster.delete(type_, name)
    except NotFound:
        return


STEPS: tuple[Step, ...] = (
    nothing,
    edit,
    edit_and_settle,
    delete_secret,
    delete_next_keys,
    delete_requests,
    renew_by_hand,
    take_the_ca,
    give_back_the_ca,
    live_to_the_renewal,
    wait_a_moment,
    others_say_later,
    others_sign,
)
NEVER = PrivateKey(algorithm="ECDSA", rotation_policy="Never")
THEIRS = IssuerRef(name="theirs", kind="Signer", group="signer.example")


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[asyncio.Runner, ApiServer]]:
    """A loop and an API server on it, for many examples."""
    with asyncio.Runner() as runner:
        context = embedded_server(Clock())
        server = runner.run(context.__aenter__())
        yield runner, server
        runner.run(context.__aexit__(None, None, None))


# A story, and the writes at which a fault hits what it is about. Two writes for the issuers come first, then
# five for each of the two Certificates.
SCENARIOS: dict[str, tuple[list[Step], range]] = {
    "issuance": ([nothing], range(13)),
    "edit": ([nothing, edit_and_settle], range(12, 25)),
    "renewal": ([live_to_the_renewal], range(12, 25)),
    "secret deleted": ([nothing, delete_secret, nothing], range(12, 25)),
    "issuer late": ([take_the_ca, nothing, give_back_the_ca, nothing], range(1, 17)),
    "renewed by hand": ([nothing, renew_by_hand, nothing], range(12, 25)),
    "issuer late, temporary": (
        [take_the_ca, nothing, give_back_the_ca, nothing],
        range(2, 19, 2),
    ),
    "issuer slow, temporary": ([nothing, others_say_later, others_sign], range(1, 19)),
    "issuer slow, renewal": ([nothing, others_sign, live_to_the_renewal, others_sign], range(14, 27, 2)),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("mode", ["killed", "cut off", "unexpected error"])
def test_a_fault_at_every_write(stage: tuple[asyncio.Runner, ApiServer], scenario: str, mode: str) -> None:
    runner, server = stage
    steps, writes = SCENARIOS[scenario]
    for at in writes:
        for done in (False, True) if mode != "unexpected error" else (False,):
            fault = Fault(at, done, fatal=mode == "killed", action=mode == "unexpected error")
            temporary, slow = "temporary" in scenario, "slow" in scenario
            runner.run(run(server, steps, [fault], never=temporary, temporary=temporary, slow=slow))


faults = st.lists(
    st.builds(Fault, at=st.integers(0, 12), done=st.booleans(), fatal=st.booleans(), action=st.booleans()),
    max_size=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(STEPS), max_size=8), faults, st.booleans(), st.booleans(), st.booleans())
def test_any_faults_in_any_story(
    stage: tuple[asyncio.Runner, ApiServer],
    steps: list[Step],
    planned: list[Fault],
    never: bool,
    temporary: bool,
    slow: bool,
) -> None:
    event("rotates" if not never else "keeps its key")
    event("the issuer is slow" if slow else "the issuer is ours")
    runner, server = stage
    runner.run(run(server, steps, planned, never=never, temporary=temporary, slow=slow))
