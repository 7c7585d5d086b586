"""A real kubectl, in two ages, against the embedded API server on a real port."""

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from certwright.api.crds import all_crds
from certwright.apiserver.handler import ApiServer
from certwright.apiserver.listener import Listener
from certwright.apiserver.wire import MASTERS, Request, UserInfo
from certwright.app.admission import Rules

OLD = Path(__file__).parents[2] / ".cache/tools/kubectl-1.20/kubectl"
ADMIN = UserInfo("setup", (MASTERS,))
_NUMBERS = itertools.count()
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Served:
    """An API server with cert-manager's CRDs, on a port, in a thread of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self.loop).result(30)

    async def _open(self) -> None:
        self.server = await ApiServer.open(None, admission=[Rules()])
        for crd in all_crds():
            headers = {"content-type": "application/json"}
            answer = await self.server.handle(
                Request("POST", CRDS, {}, headers, json.dumps(crd).encode(), ADMIN)
            )
            assert answer.status == 201, answer.body
        self.listener = await Listener.open(self.server, self.directory)
        self.kubeconfig = self.listener.kubeconfig

    async def _close(self) -> None:
        await self.listener.close()
        await self.server.close()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@dataclass
class Result:
    code: int
    out: str
    err: str


class Kubectl:
    """One kubectl in one namespace."""

    def __init__(self, program: str, kubeconfig: Path, namespace: str, home: Path) -> None:
        self.program = program
        self.namespace = namespace
        self.is_old = program == str(OLD)
        self.environment = {
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(home),
            "PATH": os.environ["PATH"],
        }

    def start(self, *args: str) -> subprocess.Popen[str]:
        """A kubectl that goes on."""
        return subprocess.Popen(
            [self.program, "-n", self.namespace, *args],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args: str, text: str | None = None, env: dict[str, str] | None = None) -> Result:
        """Run to the end, whatever comes of it."""
        done = subprocess.run(
            [self.program, "-n", self.namespace, *args],
            env=self.environment | (env or {}),
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def __call__(self, *args: str, text: str | None = None, env: dict[str, str] | None = None) -> str:
        """Run to the end, which has to be a good one; what was printed."""
        done = self.run(*args, text=text, env=env)
        assert done.code == 0, f"kubectl {' '.join(args)}: {done.err}"
        return done.out


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    found = Served(tmp_path_factory.mktemp("server"))
    yield found
    found.close()


def _programs() -> list[object]:
    newest = shutil.which("kubectl")
    return [
        pytest.param(newest, id="newest", marks=pytest.mark.skipif(newest is None, reason="no kubectl here")),
        pytest.param(
            str(OLD), id="1.20", marks=pytest.mark.skipif(not OLD.exists(), reason="no kubectl 1.20")
        ),
    ]


@pytest.fixture(params=_programs())
def kubectl(
    request: pytest.FixtureRequest, served: Served, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kubectl]:
    """A kubectl with a namespace of its own."""
    words = request.node.name.split("[")[0].removeprefix("test_").replace("_", "-")[:40].rstrip("-")
    name = f"{words}-{next(_NUMBERS)}"
    age = "old" if request.param == str(OLD) else "new"
    home = tmp_path_factory.getbasetemp() / f"home-{age}"
    home.mkdir(exist_ok=True)
    found = Kubectl(request.param, served.kubeconfig, f"{name}-{age}", home)
    found("create", "namespace", found.namespace)
    yield found
    found.run("delete", "namespace", found.namespace, "--wait=false")


@pytest.fixture
def set_status(kubectl: Kubectl, served: Served) -> Callable[[object], None]:
    """Writes the status of the Certificate `web` as a controller does: kubectl 1.20 cannot."""
    path = f"/apis/cert-manager.io/v1/namespaces/{kubectl.namespace}/certificates/web/status"
    headers = {"content-type": "application/merge-patch+json", "user-agent": "controller"}

    def write(status: object) -> None:
        request = Request("PATCH", path, {}, headers, json.dumps(status).encode(), ADMIN)
        answer = asyncio.run_coroutine_threadsafe(served.server.handle(request), served.loop).result(10)
        assert answer.status == 200, answer.body

    return write
