import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from certwright.api.meta import SECRETS
from certwright.kube import requests
from certwright.kube.cluster import ClusterConfig, Identity, Source, Tls
from certwright.kube.errors import Unreachable
from certwright.kube.transport import HttpTransport

GET = requests.get(SECRETS, "tls", "shop")


@pytest.fixture
async def transport() -> AsyncIterator[Callable[..., HttpTransport]]:
    made: list[HttpTransport] = []

    def make(server: str, **more: Any) -> HttpTransport:
        made.append(HttpTransport(ClusterConfig(server=server, **more)))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def test_any_status_is_an_answer(peer: Any, transport: Any) -> None:
    peer.plays(peer.text("nope", 404, Retry_After="3"))
    answer = await transport(peer.url).send(GET)
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (404, b"nope", "3")
    assert "nope" not in repr(answer)


async def test_the_server_may_live_below_a_path(peer: Any, transport: Any) -> None:
    peer.plays(peer.json({}))
    await transport(f"{peer.url}/k8s/clusters/c-1/").send(GET)
    assert peer.asked[0].path == "/k8s/clusters/c-1/api/v1/namespaces/shop/secrets/tls"


async def test_queries_arrive_as_they_were_meant(peer: Any, transport: Any) -> None:
    peer.plays(peer.json({}))
    selection = requests.Selection(resource=SECRETS, label_selector="a in (b,c),d!=é+ &")
    await transport(peer.url).send(requests.list_(selection))
    assert peer.queries() == [{"labelSelector": "a in (b,c),d!=é+ &"}]


async def test_redirects_are_not_followed_so_that_tokens_stay_here(peer: Any, transport: Any) -> None:
    peer.plays(peer.text("", 302, Location="http://elsewhere.invalid/"))
    answer = await transport(peer.url, identity=Identity(token="t")).send(GET)
    assert answer.status == 302


async def test_credentials_and_impersonation_are_sent(peer: Any, transport: Any) -> None:
    peer.plays(peer.json({}))
    who = Identity(token="t0ken", impersonate=(("Impersonate-Group", "a"), ("Impersonate-Group", "b")))
    await transport(peer.url, identity=who).send(GET)
    headers = peer.asked[0].headers
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers.getall("Impersonate-Group") == ["a", "b"]


async def test_after_a_401_a_rotated_token_is_tried_once(peer: Any, transport: Any, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    made = transport(peer.url, identity=Identity(token_file=file))
    file.write_text("new")
    peer.plays(peer.status(401, "Unauthorized"), peer.json({}), peer.status(401, "Unauthorized"))
    assert (await made.send(GET)).status == 200
    assert [asked.headers["Authorization"] for asked in peer.asked] == ["Bearer old", "Bearer new"]
    assert (await made.send(GET)).status == 401
    assert len(peer.asked) == 3


async def test_a_stream_gives_bytes_as_they_come_and_a_refusal_as_well(peer: Any, transport: Any) -> None:
    made = transport(peer.url)
    peer.plays(peer.stream(b"one\n", b"two\n"), peer.status(410, "Expired"))
    for status, content in ((200, b"one\ntwo\n"), (410, b"Expired")):
        async with made.stream(GET) as (code, _, chunks):
            body = b"".join([chunk async for chunk in chunks])
        assert code == status
        assert content in body


async def test_a_stream_that_breaks_off_is_unreachable(peer: Any, transport: Any) -> None:
    peer.plays(peer.stream(b"one\n", then="break"))
    with pytest.raises(Unreachable, match=r"get secrets shop/tls: .*: the connection broke"):
        async with transport(peer.url).stream(GET) as (_, _, chunks):
            _ = [chunk async for chunk in chunks]


async def test_nobody_at_the_other_end(transport: Any) -> None:
    with pytest.raises(Unreachable, match=r"get secrets shop/tls: http://127\.0\.0\.1:1: cannot connect"):
        await transport("http://127.0.0.1:1").send(GET)


class Secure:
    """A server with TLS that wants to see client certificates, and the CA of both."""

    def __init__(self) -> None:
        self.ca = trustme.CA()
        self.url = ""
        self.peers: list[str | None] = []

    async def handle(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        peer = request.transport.get_extra_info("peercert")
        names = dict(pair for rdn in peer["subject"] for pair in rdn) if peer else {}
        self.peers.append(names.get("commonName"))
        return web.json_response({})

    def client(self, name: str) -> tuple[bytes, bytes]:
        leaf = self.ca.issue_cert(f"{name}.test", common_name=name)
        return leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes()

    @property
    def source(self) -> Source:
        return Source(label="ca", data=self.ca.cert_pem.bytes())


@pytest.fixture
async def secure() -> AsyncIterator[Secure]:
    made = Secure()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_OPTIONAL
    made.ca.issue_cert("kubernetes.test").configure_cert(context)
    made.ca.configure_trust(context)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    made.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def test_a_certificate_for_another_name_is_refused_unless_that_name_is_expected(
    secure: Secure, transport: Any
) -> None:
    with pytest.raises(Unreachable, match="its certificate is not accepted"):
        await transport(secure.url, tls=Tls(ca=secure.source)).send(GET)
    named = Tls(ca=secure.source, server_name="kubernetes.test")
    assert (await transport(secure.url, tls=named).send(GET)).status == 200


async def test_a_certificate_of_another_ca_is_refused_unless_nothing_is_checked(
    secure: Secure, transport: Any
) -> None:
    other = Source(label="ca", data=trustme.CA().cert_pem.bytes())
    with pytest.raises(Unreachable, match="its certificate is not accepted"):
        await transport(secure.url, tls=Tls(ca=other, server_name="kubernetes.test")).send(GET)
    assert (await transport(secure.url, tls=Tls(insecure=True)).send(GET)).status == 200


async def test_a_renewed_client_certificate_is_used_without_a_restart(secure: Secure, tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def renew(name: str) -> None:
        for file, content in zip((certificate, key), secure.client(name), strict=True):
            file.write_bytes(content)

    renew("first")
    time = [0.0]
    tls = Tls(
        insecure=True,
        certificate=Source(label="crt", file=certificate),
        key=Source(label="key", file=key),
    )
    made = HttpTransport(ClusterConfig(server=secure.url, tls=tls), lambda: time[0])
    await made.send(GET)
    renew("second")
    time[0] = 60
    await made.send(GET)
    await made.close()
    assert secure.peers == ["first", "second"]


async def test_plain_requests_go_through_the_proxy_with_its_credentials(peer: Any, transport: Any) -> None:
    peer.plays(peer.json({}))
    proxy = peer.url.replace("http://", "http://user:hunter2@")
    await transport("http://cluster.invalid", proxy=proxy).send(GET)
    assert peer.asked[0].headers["Host"] == "cluster.invalid"
    assert peer.asked[0].headers["Proxy-Authorization"].startswith("Basic ")


async def test_a_proxy_that_refuses_to_connect_is_named_without_its_password(
    peer: Any, transport: Any
) -> None:
    peer.plays(otherwise=peer.text("no", 407))
    proxy = peer.url.replace("http://", "http://user:hunter2@")
    with pytest.raises(Unreachable, match="the proxy answered 4") as caught:
        await transport("https://cluster.invalid", proxy=proxy).send(GET)
    assert "hunter2" not in repr(caught.value)
