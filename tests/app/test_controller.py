"""`certwright controller` and `certwright why` as real processes against a server of their own."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from certwright.api.crds import all_crds
from certwright.api.meta import CERTIFICATES
from certwright.apiserver.handler import ApiServer
from certwright.apiserver.listener import Listener
from certwright.app.apply import apply_all, install_crds
from certwright.app.manifests import load
from certwright.kube.client import Client
from certwright.kube.kubeconfig import load_kubeconfig
from certwright.kube.transport import HttpTransport

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
PATIENCE = 60


class Cluster:
    """An API server on a port, and a client of it."""

    def __init__(self, listener: Listener) -> None:
        self.kubeconfig = listener.kubeconfig
        self.url = listener.url
        self.client = Client(HttpTransport(load_kubeconfig(self.kubeconfig)))


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    server = await ApiServer.open(None)
    listener = await Listener.open(server, tmp_path)
    found = Cluster(listener)
    yield found
    await found.client.close()
    await listener.close()
    await server.close()


@asynccontextmanager
async def certwright(*arguments: object) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "certwright", *map(str, arguments), stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_with(process: Process, text: str) -> str:
    """Read the log up to the line that holds `text`."""
    assert process.stderr is not None
    seen = ""
    while line := (await process.stderr.readline()).decode():
        seen += line
        if text in line:
            return line
    raise AssertionError(f"{text!r} never came: {seen}")


async def why(cluster: Cluster, *arguments: str) -> tuple[int | None, str, str]:
    async with certwright("why", "--kubeconfig", cluster.kubeconfig, *arguments) as process:
        output, errors = await process.communicate()
        return process.returncode, output.decode(), errors.decode()


async def test_it_waits_for_the_definitions_then_issues_counts_and_stops(cluster: Cluster) -> None:
    port = await free_port()
    arguments = ("--kubeconfig", cluster.kubeconfig, "--metrics-listen-address", f"127.0.0.1:{port}")
    async with certwright("controller", *arguments) as process:
        assert cluster.url in await line_with(process, "works on")
        waiting = await line_with(process, "level=warn")
        assert "CustomResourceDefinitions are not there" in waiting
        assert "certwright crds | kubectl apply -f -" in waiting
        await install_crds(cluster.client, all_crds(), [])
        await apply_all(cluster.client, load([str(EXAMPLES)]), pytest.fail)
        metrics = await metrics_with(
            port, r'certmanager_certificate_ready_status\{name="web",[^}]*condition="True"\} 1'
        )
        process.terminate()
        rest = (await process.communicate())[1].decode()
        assert process.returncode == 0
        assert rest.endswith("msg=stopped\n")
        assert "level=error" not in rest
    assert 'certmanager_issuer_ready_status{name="ca",namespace="default",condition="True"} 1' in metrics
    assert re.search(
        r'certmanager_certificate_not_after_timestamp_seconds\{name="root",.*\} \d{10}\n', metrics
    )
    assert re.search(r'certmanager_controller_sync_call_count\{controller="[a-z-]+"\} [1-9]', metrics)
    assert re.search(
        r'certwright_api_calls_total\{verb="create",resource="events",code="201"\} [1-9]', metrics
    )
    assert "process_resident_memory_bytes " in metrics
    for line in metrics.splitlines():
        assert re.fullmatch(r'(# (HELP|TYPE) \S+ .+)|([a-z_]+(\{(\w+="[^"]*",?)+\})? \S+)', line), line


async def test_a_namespaced_controller_leaves_the_rest_alone(cluster: Cluster) -> None:
    await install_crds(cluster.client, all_crds(), [])
    await apply_all(cluster.client, load([str(EXAMPLES)]), pytest.fail)
    options = ("--namespace", "elsewhere", "--metrics-listen-address", "0")
    async with certwright("controller", "--kubeconfig", cluster.kubeconfig, *options) as process:
        filled = await line_with(process, "caches are filled")
        assert "0 certificates" in filled


async def test_why_says_who_is_to_move(cluster: Cluster) -> None:
    await install_crds(cluster.client, all_crds(), [])
    await apply_all(cluster.client, load([str(EXAMPLES)]), pytest.fail)
    code, output, errors = await why(cluster, "certificate/web")
    assert (code, errors) == (0, "")
    sentence, *checks = output.splitlines()
    assert sentence.startswith('Certificate "default/web" ')
    assert sentence.endswith(".")
    assert checks
    assert all(line.startswith(("  ok ", "  -> ")) for line in checks)


async def test_why_explains_its_own_failures(cluster: Cluster) -> None:
    await install_crds(cluster.client, all_crds(), [])
    code, output, errors = await why(cluster, "cert/nothing", "-n", "kube-system")
    assert (code, output) == (1, "")
    assert errors == 'certwright: error: certificates.cert-manager.io "nothing" not found\n'
    assert (await why(cluster, "pod/web"))[::2] == (
        2,
        "certwright: error: there is no why for 'pod'; the kinds are:"
        " certificate, certificaterequest, issuer, clusterissuer\n",
    )
    assert (await why(cluster, "web"))[0] == 2
    assert "no context 'x'" in (await why(cluster, "issuer/ca", "--context", "x"))[2]


async def test_a_kubeconfig_that_is_none_is_one_line(tmp_path: Path) -> None:
    for name, text in (("missing", None), ("broken", "a: [")):
        path = tmp_path / name
        if text is not None:
            path.write_text(text)
        async with certwright("controller", "--kubeconfig", path) as process:
            errors = (await process.communicate())[1].decode()
            assert process.returncode == 1
            assert errors.startswith(f"certwright: error: {path}")
            assert errors.count("\n") == 1


async def test_outside_of_a_pod_a_kubeconfig_is_needed() -> None:
    async with certwright("controller") as process:
        errors = (await process.communicate())[1].decode()
    assert process.returncode == 1
    assert "--kubeconfig" in errors


async def test_a_metrics_port_in_use_is_named(cluster: Cluster) -> None:
    port = cluster.url.rpartition(":")[2]
    options = ("--metrics-listen-address", f"127.0.0.1:{port}")
    async with certwright("controller", "--kubeconfig", cluster.kubeconfig, *options) as process:
        errors = (await process.communicate())[1].decode()
    assert process.returncode == 1
    assert f"certwright: error: --metrics-listen-address 127.0.0.1:{port}: " in errors


async def test_what_is_switched_off_is_left_alone_and_idle_gates_are_told_of(cluster: Cluster) -> None:
    await install_crds(cluster.client, all_crds(), [])
    await apply_all(cluster.client, load([str(EXAMPLES)]), pytest.fail)
    options = ("--controllers=-certificates-trigger", "--feature-gates=SecretsFilteredCaching=false")
    arguments = ("--kubeconfig", cluster.kubeconfig, "--metrics-listen-address=0", *options)
    async with certwright("controller", *arguments) as process:
        told = await line_with(process, "level=warn")
        assert "feature gate SecretsFilteredCaching=false changes nothing" in told
        await line_with(process, "caches are filled")
        found = await judged(cluster, "web")
        assert {c["type"]: c["reason"] for c in found["status"]["conditions"]} == {"Ready": "DoesNotExist"}


async def free_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def metrics_with(port: int, pattern: str) -> str:
    """Scrape until a line matches."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE):
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                    text = await answer.text()
            except aiohttp.ClientConnectionError:
                text = ""
            if re.search(pattern, text):
                return text
            await asyncio.sleep(0.05)


async def judged(cluster: Cluster, name: str) -> dict[str, Any]:
    """The Certificate, once a controller has said something of it."""
    while True:
        found: dict[str, Any] = await cluster.client.get(CERTIFICATES, name, "default", type_=dict)
        if found.get("status", {}).get("conditions"):
            return found
        await asyncio.sleep(0.05)
