"""Manifests on a server in this process."""

from collections.abc import AsyncIterator

import pytest

from certwright.api.crds import all_crds
from certwright.api.meta import CUSTOM_RESOURCE_DEFINITIONS, ISSUERS, SECRETS
from certwright.apiserver.handler import ApiServer
from certwright.apiserver.wire import MASTERS, UserInfo
from certwright.app.apply import apply_all, install_crds, without_fields
from certwright.app.errors import RunError
from certwright.app.inprocess import InProcess
from certwright.app.manifests import Manifest
from certwright.kube.client import Client


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    server = await ApiServer.open(None)
    yield Client(InProcess(server, UserInfo("tester", (MASTERS,))))
    await server.close()


def manifest(kind: str, name: str, api_version: str = "v1", **fields: object) -> Manifest:
    obj = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **fields}
    return Manifest(source="test.yaml", document=1, object=obj)


def issuer(**spec: object) -> Manifest:
    return manifest("Issuer", "ca", "cert-manager.io/v1", spec=spec)


async def test_applying_again_changes_nothing(client: Client) -> None:
    secret = manifest("Secret", "s", stringData={"a": "1"}, data={"b": "Mg=="})
    versions = []
    for _ in range(2):
        await install_crds(client, all_crds(), [])
        crds = await client.list_(CUSTOM_RESOURCE_DEFINITIONS, type_=dict)
        versions.append([crd["metadata"]["resourceVersion"] for crd in crds])
    assert versions[0] == versions[1]
    for action in ("created", "unchanged"):
        done = await apply_all(client, [secret, issuer(selfSigned={})], pytest.fail)
        assert [each.action for each in done] == [action, action]
    stored = await client.get(SECRETS, "s", "default", type_=dict)
    assert stored["data"] == {"a": "MQ==", "b": "Mg=="}


async def test_a_field_that_left_the_manifest_leaves_the_object(client: Client) -> None:
    await install_crds(client, all_crds(), [])
    await apply_all(client, [issuer(ca={"secretName": "x", "ocspServers": ["http://o"]})], pytest.fail)
    (done,) = await apply_all(client, [issuer(ca={"secretName": "x"})], pytest.fail)
    assert done.action == "changed"
    stored = await client.get(ISSUERS, "ca", "default", type_=dict)
    assert stored["spec"] == {"ca": {"secretName": "x"}}


async def test_what_others_added_stays_and_what_they_changed_is_set_back(client: Client) -> None:
    await install_crds(client, all_crds(), [])
    await apply_all(client, [issuer(ca={"secretName": "x"})], pytest.fail)
    patch = {"metadata": {"annotations": {"note": "mine"}}, "spec": {"ca": {"secretName": "y"}}}
    await client.merge_patch(ISSUERS, "ca", "default", patch, type_=dict, field_manager="somebody")
    await apply_all(client, [issuer(ca={"secretName": "x"})], pytest.fail)
    stored = await client.get(ISSUERS, "ca", "default", type_=dict)
    assert stored["spec"] == {"ca": {"secretName": "x"}}
    assert stored["metadata"]["annotations"] == {"note": "mine"}


@pytest.mark.parametrize("present", [False, True])
async def test_unknown_fields_are_dropped_with_warnings(client: Client, present: bool) -> None:
    await install_crds(client, all_crds(), [])
    if present:
        await apply_all(client, [issuer(selfSigned={})], pytest.fail)
    warnings: list[str] = []
    for _ in range(2):
        await apply_all(client, [issuer(selfSigned={}, colour="red", a={"b": 1})], warnings.append)
    expected = [f'test.yaml, document 1, Issuer ca: unknown field "spec.{name}"' for name in ("a", "colour")]
    assert sorted(warnings) == sorted(expected * 2)
    stored = await client.get(ISSUERS, "ca", "default", type_=dict)
    assert stored["spec"] == {"selfSigned": {}}


@pytest.mark.parametrize("present", [False, True])
async def test_all_that_is_wrong_is_told_and_the_rest_is_applied(client: Client, present: bool) -> None:
    await install_crds(client, all_crds(), [])
    if present:
        await apply_all(client, [issuer(selfSigned={})], pytest.fail)
    bad = issuer(ca={"secretName": 5, "ocspServers": "x"}, nonsense=1)
    good = manifest("Secret", "s", data={})
    with pytest.raises(RunError) as caught:
        await apply_all(client, [bad, good], pytest.fail)
    fields = [line.split(": ")[1] for line in caught.value.lines]
    assert sorted(fields) == ["spec.ca.ocspServers", "spec.ca.secretName"]
    await client.get(SECRETS, "s", "default", type_=dict)


async def test_definitions_that_the_user_brings_are_not_overwritten(client: Client) -> None:
    crd = next(each for each in all_crds() if each["metadata"]["name"] == "issuers.cert-manager.io")
    own = Manifest(source="test.yaml", document=1, object=crd)
    await install_crds(client, all_crds(), [own])
    names = {each["metadata"]["name"] for each in await client.list_(CUSTOM_RESOURCE_DEFINITIONS, type_=dict)}
    assert "certificates.cert-manager.io" in names
    assert "issuers.cert-manager.io" not in names


def test_fields_are_taken_out_by_path() -> None:
    obj = {"a": {"b": [{"c": 1, "d": 2}, {"c": 3}]}, "x.y": {"z": 1, "w": 2}, "x": {"y": 3}}
    assert without_fields(obj, ["a.b[0].c", "x.y.z"]) == {
        "a": {"b": [{"d": 2}, {"c": 3}]},
        "x.y": {"w": 2},
        "x": {"y": 3},
    }
