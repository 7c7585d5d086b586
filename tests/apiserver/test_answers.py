"""Requests and what kube-apiserver 1.36.3 answered, replayed against the embedded server.

`data/answers/*.json` hold, for each group, a namespace, what is there at the start, and the exchanges in
order; of an answer only what clients look at: code, reason, causes, message, and the stored fields. Where the
embedded server answers differently on purpose (docs/reference/api-server.md), the exchange is not here.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
import pytest_asyncio

from certwright.api.crds import all_crds
from certwright.apiserver.handler import ApiServer
from certwright.apiserver.wire import MASTERS, Request, UserInfo

GROUPS = {
    path.stem: json.loads(path.read_text())
    for path in sorted(Path(__file__).parent.glob("data/answers/*.json"))
}
ADMIN = UserInfo("admin", (MASTERS,))
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
STORED = ("spec", "data", "type", "immutable", "status")
METADATA = ("generation", "labels", "annotations", "finalizers")


def request(case: dict[str, Any]) -> Request:
    path, _, query = case["path"].partition("?")
    body = case.get("body")
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body is not None else b""
    headers = case.get("headers", {})
    return Request(
        case["method"], unquote(path), parse_qs(query, keep_blank_values=True), headers, raw, ADMIN
    )


def facts(status: int, body: Any) -> dict[str, Any]:
    """What is compared of an answer."""
    found: dict[str, Any] = {"status": status}
    if not isinstance(body, dict):
        return found
    if body.get("kind") == "Status":
        details = body.get("details") or {}
        found |= {"reason": body.get("reason"), "message": body.get("message")}
        found["details"] = {name: details[name] for name in ("name", "group", "kind") if name in details}
        found["causes"] = sorted(
            {(c["reason"], c["field"]) for c in details.get("causes", ()) if "field" in c}
        )
        return found
    metadata = body.get("metadata") or {}
    found |= {name: body[name] for name in STORED if name in body}
    found |= {name: metadata[name] for name in METADATA if name in metadata}
    entries = [[e["manager"], e["operation"], e["fieldsV1"]] for e in metadata.get("managedFields", ())]
    found["managers"] = sorted(entries, key=lambda entry: json.dumps(entry, sort_keys=True))
    return found


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ApiServer]:
    found = await ApiServer.open(None)
    for crd in all_crds():
        assert (await found.handle(request({"method": "POST", "path": CRDS, "body": crd}))).status == 201
    yield found
    await found.close()


@pytest.mark.parametrize("group", GROUPS)
async def test_answers_are_those_of_kube_apiserver(server: ApiServer, group: str) -> None:
    recorded = GROUPS[group]
    namespace = {"metadata": {"name": recorded["namespace"]}}
    start = [{"method": "POST", "path": "/api/v1/namespaces", "body": namespace}, *recorded["setup"]]
    for case in start:
        assert (await server.handle(request(case))).status == 201
    differences = []
    for case in recorded["cases"]:
        answer = await server.handle(request(case))
        assert isinstance(answer.body, bytes)
        body = json.loads(answer.body) if answer.body[:1] == b"{" else None
        got, want = facts(answer.status, body), case["want"]
        if "causes" in want:
            want = {**want, "causes": sorted({(cause[0], cause[1]) for cause in want["causes"]})}
        shown = {name: got.get(name) for name in want}
        if shown != want:
            differences.append(f"{case['name']}:\n   want {want}\n   got  {shown}")
    assert not differences, "\n".join(differences)
