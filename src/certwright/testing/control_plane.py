"""A real control plane for tests: etcd and kube-apiserver from a directory, as envtest keeps them.

Set KUBEBUILDER_ASSETS to the directory (`setup-envtest use -p path` prints it). A kube-controller-manager
that is there too collects garbage and ends namespaces; without one nobody does. Nothing is installed here.
"""

import asyncio
import secrets
import socket
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import msgspec

from certwright.kube.client import Client
from certwright.kube.cluster import ClusterConfig, Identity, Tls
from certwright.kube.errors import ApiError
from certwright.kube.requests import Request
from certwright.kube.transport import HttpTransport
from certwright.pki import keys
from certwright.testing.cluster import install

STARTUP_SECONDS = 120.0


class ControlPlane(msgspec.Struct, frozen=True):
    """How to reach it, and whether somebody collects garbage."""

    config: ClusterConfig
    collects_garbage: bool


class ControlPlaneError(RuntimeError):
    """A part of the control plane did not start; the message ends with the last lines that it wrote."""


@asynccontextmanager
async def control_plane(assets: Path) -> AsyncIterator[ControlPlane]:
    """Run a control plane with our CustomResourceDefinitions. Raises ControlPlaneError."""
    with tempfile.TemporaryDirectory(prefix="certwright-") as folder:
        async with AsyncExitStack() as stack:
            yield await _start(_Programs(assets, Path(folder), stack))


class _Programs:
    """Starts programs of the directory `assets`, and ends them with the stack."""

    def __init__(self, assets: Path, folder: Path, stack: AsyncExitStack) -> None:
        self.assets = assets
        self.folder = folder
        self._stack = stack

    async def start(self, name: str, **flags: str) -> Process:
        """Start a program; its output goes to a file."""
        output = (self.folder / f"{name}.log").open("wb")
        self._stack.callback(output.close)
        words = [f"--{flag.replace('_', '-')}={value}" for flag, value in flags.items()]
        process = await asyncio.create_subprocess_exec(
            self.assets / name, *words, stdout=output, stderr=output, start_new_session=True
        )
        self._stack.push_async_callback(_end, process)
        return process

    async def ready(self, name: str, process: Process, config: ClusterConfig, path: str) -> None:
        """Wait until a program answers a path with success."""
        client = Client(HttpTransport(config))
        try:
            async with asyncio.timeout(STARTUP_SECONDS):
                while process.returncode is None:
                    with suppress(ApiError):
                        await client.send(Request(method="GET", path=path, verb="probe"))
                        return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            pass
        finally:
            await client.close()
        lines = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()
        raise ControlPlaneError("\n".join([f"{name} did not become ready", *lines[-5:]]))


async def _start(programs: _Programs) -> ControlPlane:
    folder = programs.folder
    etcd_port, peer_port, port = _free_ports(3)
    etcd = f"http://127.0.0.1:{etcd_port}"
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    (folder / "sa.key").write_bytes(keys.encode(keys.generate("ECDSA", 256), "PKCS1"))
    process = await programs.start(
        "etcd",
        data_dir=str(folder / "etcd"),
        listen_client_urls=etcd,
        advertise_client_urls=etcd,
        listen_peer_urls=f"http://127.0.0.1:{peer_port}",
        unsafe_no_fsync="true",
    )
    await programs.ready("etcd", process, ClusterConfig(server=etcd), "/health")
    process = await programs.start(
        "kube-apiserver",
        etcd_servers=etcd,
        bind_address="127.0.0.1",
        advertise_address="127.0.0.1",
        secure_port=str(port),
        cert_dir=str(folder / "certs"),
        token_auth_file=str(folder / "tokens.csv"),
        service_account_issuer="https://kubernetes.default.svc",
        service_account_signing_key_file=str(folder / "sa.key"),
        service_account_key_file=str(folder / "sa.key"),
        service_cluster_ip_range="10.0.0.0/24",
        endpoint_reconciler_type="none",
        authorization_mode="RBAC",
    )
    config = ClusterConfig(
        server=f"https://127.0.0.1:{port}", tls=Tls(insecure=True), identity=Identity(token=token)
    )
    await programs.ready("kube-apiserver", process, config, "/readyz")
    client = Client(HttpTransport(config))
    await install(client)
    await client.close()
    return ControlPlane(config, await _collect_garbage(programs, config, token))


async def _collect_garbage(programs: _Programs, config: ClusterConfig, token: str) -> bool:
    if not (programs.assets / "kube-controller-manager").is_file():
        return False
    kubeconfig = programs.folder / "kubeconfig"
    kubeconfig.write_bytes(
        msgspec.json.encode(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {"name": "c", "cluster": {"server": config.server, "insecure-skip-tls-verify": True}}
                ],
                "users": [{"name": "u", "user": {"token": token}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    await programs.start(
        "kube-controller-manager",
        kubeconfig=str(kubeconfig),
        bind_address="127.0.0.1",
        secure_port=str(_free_ports(1)[0]),
        cert_dir=str(programs.folder / "certs"),
        leader_elect="false",
        controllers="garbage-collector-controller,namespace-controller",
    )
    return True


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(10):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
