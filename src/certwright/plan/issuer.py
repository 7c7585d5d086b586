"""What an Issuer or ClusterIssuer needs next: its Ready condition. Pure.

The check that needs reading (is the CA's Secret there, is it a CA?) is made while gathering; here
is only decided what its result means.
"""

from datetime import datetime

import msgspec

from certwright.api import conditions
from certwright.api.certmanager import IssuerCondition
from certwright.plan.actions import NORMAL, WARNING, Check, Event, PatchStatus, Plan
from certwright.plan.world import IssuerWorld, Policy

_USUAL = Policy()


def plan_issuer(world: IssuerWorld, now: datetime, policy: Policy = _USUAL) -> Plan:
    """Decide the Ready condition of an issuer. `now` is aware UTC."""
    issuer, checked = world.issuer, world.checked
    if issuer.metadata.deletion_timestamp is not None:
        return Plan(trace=(Check("issuer is not being deleted", passed=False),), summary="is being deleted")
    component = "clusterissuers" if world.kind == "ClusterIssuer" else "issuers"
    before = list(issuer.status.conditions or ())
    condition = IssuerCondition(
        type="Ready",
        status="True" if checked.ready else "False",
        reason=checked.reason,
        message=checked.message,
        observed_generation=issuer.metadata.generation,
    )
    after = conditions.set_condition(before, condition, now.replace(microsecond=0))
    trace = (Check("issuer can sign", checked.ready, checked.message),)
    summary = "is ready" if checked.ready else f"is not ready: {checked.message}"
    if after == before:
        return Plan((), trace=trace, summary=summary)
    events = []
    if checked.event:
        kind = NORMAL if checked.ready else WARNING
        events.append(Event(checked.event, checked.message, component, kind))
    if checked.retry:
        bare = checked.message.removeprefix("Error getting keypair for CA issuer: ")
        events.append(Event("ErrInitIssuer", f"Error initializing issuer: {bare}", component, WARNING))
    apply = policy.server_side_apply
    written = [each for each in after if each.type == "Ready"] if apply else after
    write = PatchStatus(
        status={"conditions": msgspec.to_builtins(written)},
        field_manager=f"cert-manager-{component}",
        apply=apply,
        events=tuple(events),
    )
    return Plan((write,), trace=trace, summary=summary)
