"""kill -9 at random moments while Certificates are issued: does the server ever contradict itself?

`certwright up` runs as a process; clients keep changing objects and watch all there is; the process is
killed and at once started again on the same directory, so many times. In the end everything must be as
it was acknowledged, Ready, and tidy. What is found wrong is listed, nothing is raised for it.

    python -m bench.chaos --kills 200
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import msgspec

from bench import busy, cluster, exported
from bench.actors import Counter, Owner, Writer
from bench.follower import Follower
from bench.ledger import Ledger, Object
from bench.server import Up
from certwright.api.meta import CERTIFICATE_REQUESTS, CERTIFICATES, CONFIG_MAPS, EVENTS, SECRETS

NAMESPACE = "default"
OWNERS = 8
COUNTERS = 3


class Options(msgspec.Struct, frozen=True):
    """How long, and which random moments."""

    kills: int = 200
    certificates: int = 100
    seed: int = 1
    life: float = 1.5
    """The server lives for up to so many seconds after it began to answer."""
    patience: float = 120.0
    """Seconds until all must be Ready in the end."""


class Report(msgspec.Struct):
    """What was seen. `complaints` is empty if all is well."""

    complaints: list[str]
    kills: int = 0
    killed_before_answering: int = 0
    seconds: float = 0.0
    seconds_to_settle: float = 0.0
    versions: int = 0
    acknowledged: int = 0
    issued: int = 0
    operations: int = 0
    secrets_checked: int = 0
    starts: list[float] = []
    """Seconds from each start until connections were accepted."""


async def run(options: Options, directory: Path) -> Report:
    """Run the whole scenario in a directory. Raises ServerError if the server ends by itself."""
    rng = random.Random(options.seed)
    manifests = directory / "authorities.yaml"
    manifests.write_text(busy.authorities())
    export = directory / "export"
    server = Up(directory, manifests, export=export)
    began = time.monotonic()
    try:
        server.start()
        await server.answering()
        async with AsyncExitStack() as stack:
            scene = _Scene(options, server, export, rng)
            await scene.enter(stack)
            await scene.torment()
            await scene.settle()
            return scene.report(time.monotonic() - began)
    finally:
        server.stop()


class _Scene:
    """Everyone who takes part."""

    def __init__(self, options: Options, server: Up, export: Path, rng: random.Random) -> None:
        self.options = options
        self.server = server
        self.rng = rng
        self.ledger = Ledger()
        self.files = exported.Reader(export)
        self.followers: list[Follower] = []
        self.owners: list[Owner] = []
        self.counters: list[Counter] = []
        self.early = 0
        self.starts: list[float] = []
        self.settling = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._busy: list[asyncio.Task[None]] = []

    async def enter(self, stack: AsyncExitStack) -> None:
        """Everyone begins; leaving the stack ends them."""
        options, server, rng = self.options, self.server, self.rng
        client = await stack.enter_async_context(cluster.connect(server.kubeconfig))
        for resource in (SECRETS, CERTIFICATES, CERTIFICATE_REQUESTS, CONFIG_MAPS, EVENTS):
            watching = await stack.enter_async_context(cluster.connect(server.kubeconfig))
            self.followers.append(Follower(watching, resource, self.ledger))
        writer = Writer(client, self.ledger, NAMESPACE)
        manifests = [busy.certificate(number, NAMESPACE) for number in range(options.certificates)]
        for number in range(min(OWNERS, options.certificates)):
            mine = manifests[number::OWNERS]
            self.owners.append(Owner(writer, mine, random.Random(rng.random())))
        for number in range(COUNTERS):
            self.counters.append(Counter(writer, f"counter-{number}", random.Random(rng.random())))
        self._tasks = [asyncio.create_task(each.run()) for each in self.followers]
        self._tasks.append(asyncio.create_task(self.files.run()))
        self._busy = [asyncio.create_task(each.run()) for each in self.owners]
        self._busy += [asyncio.create_task(each.run()) for each in self.counters]
        stack.push_async_callback(_cancel, self._tasks)
        stack.push_async_callback(_cancel, self._busy)

    async def torment(self) -> None:
        """Kill and restart. A third of the kills come before the server answers, wherever it then is."""
        for number in range(self.options.kills):
            early = number > 0 and self.rng.random() < 0.3
            if early:
                await asyncio.sleep(self.rng.uniform(0, 0.8))
            else:
                if number:
                    await self._answering()
                await asyncio.sleep(self.rng.uniform(0, self.options.life))
            self.early += early
            self.server.kill()
            self.files.read_all()
            self._check_tasks()
            self.server.start()
        await self._answering()

    async def _answering(self) -> None:
        began = time.monotonic()
        await self.server.answering()
        self.starts.append(time.monotonic() - began)

    def _check_tasks(self) -> None:
        for task in (*self._tasks, *self._busy):
            if task.done():
                task.result()

    async def settle(self) -> None:
        """Stop changing things, wait until all is Ready, and look at everything once more."""
        began = time.monotonic()
        await _cancel(self._busy)
        for counter in self.counters:
            await counter.check()
        for owner in self.owners:
            await owner.finish(busy.CALM)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.options.patience):
                while self._unfinished():
                    await self.ledger.news()
        self.settling = time.monotonic() - began
        for line in self._unfinished():
            self.ledger.complain(f"after {self.options.patience:g} s: {line}")
        await asyncio.gather(*(follower.compare() for follower in self.followers))
        for follower in self.followers:
            self._check_acknowledged(follower)
        await self._wait_for_files()
        self.files.read_all()

    async def _wait_for_files(self) -> None:
        for _ in range(100):
            if self._is_exported():
                return
            await asyncio.sleep(0.1)
        self.ledger.complain("the exported files are not what the Secrets hold")

    def _check_acknowledged(self, follower: Follower) -> None:
        missed = self.ledger.unwatched(follower.plural, follower.since, follower.gaps)
        if missed:
            self.ledger.complain(f"{follower.plural}: acknowledged, but never watched: {missed[:10]}")

    def _objects(self, plural: str) -> dict[tuple[str, str], Object]:
        return next(each.objects for each in self.followers if each.plural == plural)

    def _unfinished(self) -> list[str]:
        """What is not yet as it must be in the end, a line each."""
        secrets, requests = self._objects("secrets"), self._objects("certificaterequests")
        certificates = self._objects("certificates")
        lines = []
        for key, each in certificates.items():
            secret = secrets.get((key[0], each["spec"]["secretName"]))
            owned = [r for r in requests.values() if busy.owner(r) == each["metadata"]["uid"]]
            why = busy.unfinished(each, secret, owned)
            if why:
                lines.append(f"certificates {key[1]}: {why}")
        expected = self.options.certificates + busy.CAS
        if len(certificates) != expected:
            lines.append(f"{len(certificates)} certificates instead of {expected}")
        if len(requests) != expected:
            lines.append(f"{len(requests)} requests for {expected} certificates")
        for key, secret in secrets.items():
            if secret["metadata"].get("labels", {}).get("cert-manager.io/next-private-key"):
                lines.append(f"secrets {key[1]}: a next private key was left")
        return lines

    def _is_exported(self) -> bool:
        return all(
            self.files.holds(*key, secret["data"])
            for key, secret in self._objects("secrets").items()
            if secret["type"] == "kubernetes.io/tls"
        )

    def report(self, seconds: float) -> Report:
        """The figures of a run that is over."""
        logged = self.server.log.read_text(errors="replace").splitlines()
        bugs = [line for line in logged if "unexpected error" in line or "Traceback" in line]
        complaints = [*self.ledger.complaints, *self.files.complaints, *(f"logged: {line}" for line in bugs)]
        certificates = self._objects("certificates").values()
        return Report(
            complaints=complaints,
            kills=self.options.kills,
            killed_before_answering=self.early,
            seconds=round(seconds, 1),
            seconds_to_settle=round(self.settling, 1),
            versions=len(self.ledger),
            acknowledged=len(self.ledger.acknowledged),
            issued=sum(int(each["status"].get("revision", 0)) for each in certificates),
            operations=sum(each.operations for each in self.owners) + sum(c.writes for c in self.counters),
            secrets_checked=self.ledger.pairs,
            starts=[round(each, 3) for each in self.starts],
        )


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


def main() -> int:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(prog="bench.chaos", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--certificates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="default: a temporary one, removed afterwards")
    args = parser.parse_args()
    options = Options(kills=args.kills, certificates=args.certificates, seed=args.seed)
    with tempfile.TemporaryDirectory(prefix="certwright-chaos-") as temporary:
        report = asyncio.run(run(options, args.directory or Path(temporary)))
    print(table(report))
    return 1 if report.complaints else 0


def table(report: Report) -> str:
    """The report for people."""
    starts = sorted(report.starts)
    figures = msgspec.structs.asdict(report) | {
        "complaints": len(report.complaints),
        "starts": f"p50 {starts[len(starts) // 2]:.2f} s, longest {starts[-1]:.2f} s" if starts else "",
    }
    lines = [f"{key:24} {value}" for key, value in figures.items()]
    return "\n".join([*lines, *report.complaints])


if __name__ == "__main__":
    sys.exit(main())
