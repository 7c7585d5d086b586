"""An API server in this process, called as a client calls it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio

from certwright.apiserver.handler import ApiServer
from certwright.apiserver.wire import MASTERS, Request, UserInfo
from certwright.testing.clock import Clock

ADMIN = UserInfo("admin", (MASTERS,))
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
CONDITION = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"type": "string"}, "status": {"type": "string"}},
}
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer", "default": 3, "maximum": 100},
                "color": {"type": "string"},
            },
        },
        "status": {
            "type": "object",
            "properties": {"phase": {"type": "string"}, "conditions": {"type": "array", "items": CONDITION}},
        },
    },
}


def definition(**spec: Any) -> dict[str, Any]:
    """A CRD of widgets with a status, columns, and a selectable field."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": SCHEMA},
        "subresources": {"status": {}},
        "selectableFields": [{"jsonPath": ".spec.color"}],
        "additionalPrinterColumns": [
            {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
    }
    names = {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": names,
            "versions": [version],
            **spec,
        },
    }


def widget(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {}, **more}


@dataclass
class Answer:
    status: int
    body: Any
    warnings: tuple[str, ...]
    headers: dict[str, str]

    @property
    def message(self) -> str:
        return str(self.body["message"])

    @property
    def metadata(self) -> dict[str, Any]:
        return self.body["metadata"]  # type: ignore[no-any-return]


class Api:
    """A server and the verbs on it."""

    def __init__(self, server: ApiServer, clock: Clock) -> None:
        self.server = server
        self.clock = clock

    @property
    def revision(self) -> int:
        return self.server.cluster.log.revision

    def request(
        self, method: str, path: str, body: Any = None, *, user: UserInfo = ADMIN, **query: str
    ) -> Request:
        kind = query.pop("content_type", "application/json")
        headers = {"content-type": kind, "user-agent": "tests/1", "accept": query.pop("accept", "")}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return Request(method, path, {name: [value] for name, value in query.items()}, headers, raw, user)

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> Answer:
        answer = await self.server.handle(self.request(method, path, body, **query))
        assert isinstance(answer.body, bytes)
        text = answer.body[:1] in (b"{", b"[")
        return Answer(
            answer.status, json.loads(answer.body) if text else answer.body, answer.warnings, answer.headers
        )

    async def get(self, path: str, **query: Any) -> Answer:
        return await self.call("GET", path, **query)

    async def create(self, path: str, body: Any, **query: Any) -> Answer:
        return await self.call("POST", path, body, **query)

    async def put(self, path: str, body: Any, **query: Any) -> Answer:
        return await self.call("PUT", path, body, **query)

    async def delete(self, path: str, body: Any = None, **query: Any) -> Answer:
        return await self.call("DELETE", path, body, **query)

    async def patch(self, path: str, body: Any, kind: str = "merge", **query: Any) -> Answer:
        return await self.call("PATCH", path, body, content_type=TYPES[kind], **query)

    async def watch(self, path: str, **query: str) -> AsyncIterator[dict[str, Any]]:
        """The events of a watch, one by one."""
        answer = await self.server.handle(self.request("GET", path, watch="true", **query))
        assert answer.status == 200, answer.body
        assert not isinstance(answer.body, bytes)
        async for chunk in answer.body:
            for line in chunk.splitlines():
                yield json.loads(line)


@pytest_asyncio.fixture
async def api() -> AsyncIterator[Api]:
    """A server in memory, with widgets."""
    clock = Clock()
    server = await ApiServer.open(None, clock.now)
    found = Api(server, clock)
    assert (await found.create(CRDS, definition())).status == 201
    yield found
    await server.close()
