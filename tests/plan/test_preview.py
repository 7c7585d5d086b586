"""Golden worlds of previews, before and after a change: see cases/preview/. And what a preview sums up to."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from certwright.plan.effects import CHANGED, CREATED, UNCHANGED, CertificateEffect, ObjectEffect, Preview
from certwright.plan.preview import CertificateCase, IssuerCase, Outlook, certificate_effect, preview
from certwright.plan.world import CertificateWorld, Policy

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def certificate_case(case: dict[str, Any], worlds: Any) -> CertificateCase:
    return CertificateCase(
        before=worlds(case["before"]).certificate_world() if "before" in case else None,
        after=worlds(case["after"]).certificate_world(),
        issuer=Outlook(**case.get("issuer", {"ready": True})),
        fields=tuple(case.get("fields", ())),
    )


def test_foresees_what_the_golden_worlds_say(case: dict[str, Any], worlds: Any) -> None:
    effect = certificate_effect(certificate_case(case, worlds), Policy(renewal_spread=0.0), NOW)
    got = msgspec.json.decode(msgspec.json.encode(effect))
    want = case["want"]
    assert {key: got[key] for key in want} == want


def test_an_unchanged_world_foresees_nothing(case: dict[str, Any], worlds: Any) -> None:
    world = certificate_case(case, worlds).after
    policy = Policy(renewal_spread=0.0)
    effect = certificate_effect(CertificateCase(world, world, Outlook(ready=True)), policy, NOW)
    assert effect.action == "none"


@pytest.fixture
def new(worlds: Any) -> CertificateWorld:
    world: CertificateWorld = worlds({}).certificate_world()
    return world


def issuer(**fields: Any) -> IssuerCase:
    usual = {
        "kind": "Issuer",
        "namespace": "shop",
        "name": "ca",
        "object": UNCHANGED,
        "outlook": Outlook(ready=True),
        "was_ready": True,
        "ca_secret": ("shop", "ca"),
        "signs": ("shop/web", "shop/api"),
    }
    return IssuerCase(**(usual | fields))


def with_issuer(case: IssuerCase, *certificates: CertificateCase) -> Preview:
    return preview(certificates, [case], [], Policy(), NOW)


def test_an_issuer_that_nothing_happens_to_is_left_out() -> None:
    found = with_issuer(issuer())
    assert found.issuers == ()
    assert not found.changes


@pytest.mark.parametrize(
    "fields",
    [
        {"object": CHANGED, "fields": ("spec.ca",)},
        {"object": CREATED},
        {"new_ca": True},
        {"outlook": Outlook(ready=False, detail="gone")},
    ],
    ids=str,
)
def test_an_issuer_that_something_happens_to_is_told(fields: dict[str, Any]) -> None:
    found = with_issuer(issuer(**fields))
    (effect,) = found.issuers
    assert effect.signs_later == ("shop/api", "shop/web")
    assert found.changes


def test_an_issuer_whose_own_certificate_is_issued_gets_a_new_key_pair(new: CertificateWorld) -> None:
    case = CertificateCase(None, new, Outlook(ready=True))
    (effect,) = with_issuer(issuer(ca_secret=("shop", "web-tls")), case).issuers
    assert effect.new_ca == "Certificate web"
    assert effect.signs_now == ("shop/web",)
    assert effect.signs_later == ("shop/api",)


def test_counts_name_every_action_and_each_secret_that_is_written_again() -> None:
    def effect(action: str, change: str = "") -> CertificateEffect:
        return CertificateEffect(
            namespace="shop", name="web", action=action, object=CHANGED, secret_change=change
        )

    actions = ("issue", "issue", "reissue", "block", "none")
    found = Preview(
        certificates=(*map(effect, actions), effect("rewrite", "rewritten"), effect("block", "rewritten"))
    )
    assert found.counts() == {
        "issue": 2,
        "reissue": 1,
        "rewrite": 2,
        "adopt": 0,
        "block": 2,
        "update": 0,
        "none": 1,
    }


@pytest.mark.parametrize(("state", "changes"), [(UNCHANGED, False), (CHANGED, True), (CREATED, True)])
def test_an_object_of_the_manifests_that_changes_is_a_change(state: str, changes: bool) -> None:
    found = Preview(objects=(ObjectEffect(kind="Secret", namespace="shop", name="x", object=state),))
    assert found.changes is changes
