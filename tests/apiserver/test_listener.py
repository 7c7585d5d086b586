import asyncio
import ssl
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml
from cryptography import x509

from certwright.apiserver.handler import ApiServer
from certwright.apiserver.identities import LEAF_LIFE, ensure
from certwright.apiserver.listener import BODY_LIMIT, Listener, ListenError
from certwright.apiserver.wire import UserInfo

SECRETS = "/api/v1/namespaces/default/secrets"
TOKENS = {"alice-token": UserInfo("alice", ("devs",))}


class Served:
    """A listening server and ways to call it."""

    def __init__(self, listener: Listener, directory: Path) -> None:
        self.listener = listener
        self.directory = directory

    def session(self, *, admin: bool = True, token: str = "") -> aiohttp.ClientSession:
        pki = self.directory / "pki"
        context = ssl.create_default_context(cafile=pki / "ca.crt")
        if admin:
            context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connector = aiohttp.TCPConnector(ssl=context)
        return aiohttp.ClientSession(self.listener.url, connector=connector, headers=headers)


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    server = await ApiServer.open(None)
    listener = await Listener.open(server, tmp_path, tokens=TOKENS)
    yield Served(listener, tmp_path)
    await listener.close()
    await server.close()


async def test_the_kubeconfig_lets_the_administrator_in_and_nobody_else_read_it(served: Served) -> None:
    path = served.listener.kubeconfig
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = yaml.safe_load(path.read_text())
    assert config["clusters"][0]["cluster"]["server"] == served.listener.url
    for name in ("ca.key", "admin.key", "serving.key"):
        assert stat.S_IMODE((served.directory / "pki" / name).stat().st_mode) == 0o600
    async with served.session() as session:
        whoami = await session.post(
            "/apis/authentication.k8s.io/v1/selfsubjectreviews", json={"kind": "SelfSubjectReview"}
        )
        user = (await whoami.json())["status"]["userInfo"]
    assert user == {"username": "certwright-admin", "groups": ["system:masters", "system:authenticated"]}


async def test_without_credentials_there_is_health_and_nothing_else(served: Served) -> None:
    async with served.session(admin=False) as session:
        assert (await session.get("/healthz")).status == 200
        assert (await session.get("/version")).status == 200
        assert (await session.get("/api")).status == 403
        refused = await session.get(SECRETS)
        assert refused.status == 403
        assert 'User "system:anonymous" cannot list' in (await refused.json())["message"]


async def test_bearer_tokens_are_known_or_refused(served: Served) -> None:
    async with served.session(admin=False, token="alice-token") as session:
        assert (await session.get("/api")).status == 200
        refused = await session.get(SECRETS)
        assert 'User "alice" cannot list resource "secrets"' in (await refused.json())["message"]
    async with served.session(admin=False, token="wrong") as session:
        assert (await session.get("/api")).status == 401


async def test_a_body_over_the_limit_is_413(served: Served) -> None:
    async with served.session() as session:
        for body in (b"x" * (BODY_LIMIT + 1), chunks(BODY_LIMIT + 1)):
            answer = await session.post(SECRETS, data=body, headers={"content-type": "application/json"})
            assert answer.status == 413
            assert (await answer.json())["reason"] == "RequestEntityTooLarge"


async def chunks(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 65536):
        yield b"x" * min(65536, size - start)


async def test_warnings_are_headers_one_for_each(served: Served) -> None:
    body = {"metadata": {"name": "s"}, "bogus": 1, "other": 2}
    async with served.session() as session:
        answer = await session.post(SECRETS, json=body)
        assert answer.headers.getall("warning") == [
            '299 - "unknown field \\"bogus\\""',
            '299 - "unknown field \\"other\\""',
        ]


async def test_watches_end_cleanly_when_the_listener_closes(served: Served) -> None:
    async with served.session() as session:
        watch = await session.get(SECRETS, params={"watch": "true", "timeoutSeconds": "600"})
        made = await session.post(SECRETS, json={"metadata": {"name": "s"}})
        assert made.status == 201
        assert b'"ADDED"' in await watch.content.readline()
        started = asyncio.get_running_loop().time()
        await served.listener.close()
        assert await watch.content.read() == b""
        assert asyncio.get_running_loop().time() - started < 2


async def test_a_watch_whose_reader_is_gone_is_given_up(served: Served) -> None:
    async with served.session() as session:
        watch = await session.get(SECRETS, params={"watch": "true", "timeoutSeconds": "600"})
        assert len(served.listener._streams) == 1
        (stream,) = served.listener._streams
        watch.close()
        await asyncio.wait([stream], timeout=10)
        assert not served.listener._streams


async def test_a_port_in_use_is_one_clear_line(served: Served, tmp_path: Path) -> None:
    port = int(served.listener.url.rpartition(":")[2])
    server = await ApiServer.open(None)
    with pytest.raises(ListenError, match=f"{port} is in use by another program"):
        await Listener.open(server, tmp_path, ("127.0.0.1", port))
    with pytest.raises(ListenError, match="cannot listen on 203"):
        await Listener.open(server, tmp_path, ("203.0.113.1", 0))
    await server.close()


async def test_old_tls_is_refused(served: Served) -> None:
    context = ssl.create_default_context(cafile=served.directory / "pki" / "ca.crt")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    async with aiohttp.ClientSession(served.listener.url) as session:
        assert (await session.get("/healthz", ssl=context)).status == 200
    assert served.listener._tls.minimum_version == ssl.TLSVersion.TLSv1_2


async def test_certificates_are_kept_until_they_come_near_their_end(tmp_path: Path) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    first = ensure(tmp_path / "pki", "cert.example.com", now)
    again = ensure(tmp_path / "pki", "cert.example.com", now + timedelta(days=100))
    assert again.serving.certificate == first.serving.certificate
    later = ensure(tmp_path / "pki", "cert.example.com", now + LEAF_LIFE - timedelta(days=20))
    assert later.ca == first.ca
    assert later.serving.certificate != first.serving.certificate
    assert later.admin.certificate != first.admin.certificate
    other_host: Any = ensure(tmp_path / "pki", "192.0.2.1", now + LEAF_LIFE - timedelta(days=20))
    names = x509.load_pem_x509_certificate(other_host.serving.certificate).extensions
    addresses = names.get_extension_for_class(x509.SubjectAlternativeName).value
    found = {str(each) for each in addresses.get_values_for_type(x509.IPAddress)}
    assert found == {"127.0.0.1", "::1", "192.0.2.1"}


async def test_what_was_stored_is_there_again_after_a_restart(tmp_path: Path) -> None:
    for expected in ([], ["s"]):
        server = await ApiServer.open(tmp_path / "state")
        listener = await Listener.open(server, tmp_path / "state")
        async with Served(listener, tmp_path / "state").session() as session:
            listed = await (await session.get(SECRETS)).json()
            assert [item["metadata"]["name"] for item in listed["items"]] == expected
            await session.post(SECRETS, json={"metadata": {"name": "s"}})
        await listener.close()
        await server.close()
