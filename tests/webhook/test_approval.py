"""Who may approve or deny: whoever has the right on the signer, which has to be served."""

from collections.abc import Callable
from typing import Any

import pytest

from certwright.api.meta import CERTIFICATE_REQUESTS, CERTIFICATES
from certwright.webhook import approval
from certwright.webhook.approval import Signer
from certwright.webhook.fields import FieldError
from certwright.webhook.writes import Object, Requester, Write

Writer = Callable[..., Write]

SERVED = {
    ("cert-manager.io", "Issuer"): Signer("issuers", namespaced=True),
    ("cert-manager.io", "ClusterIssuer"): Signer("clusterissuers", namespaced=False),
    ("x.example", "Robot"): Signer("robots", namespaced=True),
}


def request(*conditions: str, ref: Object | None = None) -> Object:
    listed = [{"type": type_, "status": "True"} for type_ in conditions]
    spec = {"request": "", "issuerRef": ref or {"name": "i"}}
    return {"metadata": {"name": "r"}, "spec": spec, "status": {"conditions": listed}}


async def judged(write: Write, granted: tuple[str, ...] = ()) -> tuple[list[FieldError], list[str]]:
    """The errors, and the signers that were asked for."""
    asked: list[str] = []

    async def find(group: str, kind: str) -> Signer | None:
        return SERVED.get((group, kind))

    async def may(user: Requester, name: str) -> bool:
        assert user == write.user
        asked.append(name)
        return name in granted

    return await approval.check(write, find, may), asked


def status(write: Writer, old: Object, new: Object) -> Write:
    return write(CERTIFICATE_REQUESTS, new, old, subresource="status")


@pytest.mark.parametrize("decision", ["Approved", "Denied"])
@pytest.mark.parametrize(
    ("ref", "names"),
    [
        ({"name": "i"}, ["issuers.cert-manager.io/*", "issuers.cert-manager.io/shop.i"]),
        (
            {"name": "i", "kind": "ClusterIssuer", "group": "cert-manager.io"},
            ["clusterissuers.cert-manager.io/*", "clusterissuers.cert-manager.io/i"],
        ),
        (
            {"name": "i", "kind": "Robot", "group": "x.example"},
            ["robots.x.example/*", "robots.x.example/shop.i"],
        ),
    ],
)
async def test_the_right_is_that_on_the_kind_or_on_the_signer(
    write: Writer, decision: str, ref: Object, names: list[str]
) -> None:
    tried = status(write, request(ref=ref), request(decision, ref=ref))
    errors, asked = await judged(tried)
    assert [(error.field, error.reason) for error in errors] == [("status.conditions", "FieldValueForbidden")]
    assert 'user "alice"' in errors[0].message
    assert asked == names
    assert await judged(tried, (names[0],)) == ([], names[:1])
    assert await judged(tried, (names[1],)) == ([], names)


async def test_nobody_may_approve_for_a_kind_that_is_not_served(write: Writer) -> None:
    ref = {"name": "i", "kind": "Robot", "group": "y.example"}
    errors, asked = await judged(status(write, request(ref=ref), request("Approved", ref=ref)))
    assert [(error.field, error.reason) for error in errors] == [("spec.issuerRef", "FieldValueForbidden")]
    assert "Robot in group y.example" in errors[0].message
    assert asked == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["Approved"], ["Approved"]),
        (["Approved"], ["Approved", "Ready"]),
        ([], ["Ready"]),
        ([], ["InvalidRequest"]),
        (["Approved"], []),
    ],
)
async def test_other_writes_of_the_status_need_no_right(
    write: Writer, old: list[str], new: list[str]
) -> None:
    assert await judged(status(write, request(*old), request(*new))) == ([], [])


async def test_other_objects_need_no_right(write: Writer) -> None:
    tried: list[Any] = [
        write(CERTIFICATE_REQUESTS, request("Approved"), request()),
        write(CERTIFICATE_REQUESTS, request("Approved"), subresource="status"),
        write(CERTIFICATES, request("Approved"), request(), subresource="status"),
    ]
    for each in tried:
        assert await judged(each) == ([], [])
