"""Takes the steps of `certwright up` until the first Certificate is Ready, and prints how long each took.

Run by bench.cold_start in a process of its own. Imports are a step like any other, so they are where they
are; nothing may be imported before the first lap that the command line would not have imported.
"""

import time


class Stopwatch:
    """Milliseconds by step; a step that comes twice is added up."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.last = time.monotonic_ns()

    def lap(self, name: str) -> None:
        """Say that a step ended now."""
        now = time.monotonic_ns()
        self.laps[name] = self.laps.get(name, 0.0) + (now - self.last) / 1e6
        self.last = now


def main() -> None:
    """Arguments: when the process was started (monotonic ns), a directory, the manifests."""
    watch = Stopwatch()
    import asyncio
    import json
    import sys
    from pathlib import Path

    started = int(sys.argv[1])
    from certwright.app import up  # noqa: F401 - what the command line imports

    watch.lap("imports")
    asyncio.run(_steps(watch, Path(sys.argv[2]), sys.argv[3]))
    print(json.dumps(watch.laps | {"first Ready": (watch.last - started) / 1e6}))


async def _steps(watch: Stopwatch, root: "Path", manifests: str) -> None:  # type: ignore[name-defined] # noqa: F821
    import asyncio

    from certwright.api.crds import all_crds
    from certwright.apiserver.wire import MASTERS, UserInfo
    from certwright.app.apply import apply_all, install_crds
    from certwright.app.clock import now
    from certwright.app.embedded import Embedded
    from certwright.app.inprocess import InProcess
    from certwright.app.manifests import load
    from certwright.controllers.manager import ControllerConfig, Controllers
    from certwright.kube.client import Client
    from certwright.kube.events import EventRecorder

    watch.lap("imports")
    found = load([manifests])
    watch.lap("reading manifests")
    embedded = await Embedded.open(root / "data", ("127.0.0.1", 0), now)
    client = Client(InProcess(embedded.server, UserInfo("bench", (MASTERS,))), "bench", now)
    watch.lap("opening the data directory, and listening")
    await install_crds(client, all_crds(), found)
    watch.lap("definitions")
    await apply_all(client, found, print)
    watch.lap("applying manifests")
    keys_made = _watch_keys()
    controllers = Controllers(client, now, ControllerConfig(), EventRecorder(client, now))
    ready = asyncio.Event()

    def note(_: object, certificate: object) -> None:
        conditions = getattr(getattr(certificate, "status", None), "conditions", None) or ()
        if any(each.type == "Ready" and each.status == "True" for each in conditions):
            ready.set()

    controllers.certificates.subscribe(note)
    running = asyncio.create_task(controllers.run())
    await controllers.synced()
    watch.lap("filling caches")
    await ready.wait()
    watch.lap("issuance")
    watch.laps["key generation"] = sum(keys_made)
    watch.laps["issuance"] -= sum(keys_made)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await embedded.close()


def _watch_keys() -> list[float]:
    """The milliseconds that each key takes which is made in the event loop; others take place beside it."""
    from certwright.pki import keys

    spent: list[float] = []
    generate = keys.generate

    def timed(algorithm: str, size: int = 0) -> bytes:
        began = time.monotonic_ns()
        made = generate(algorithm, size)
        if algorithm != "RSA":
            spent.append((time.monotonic_ns() - began) / 1e6)
        return made

    keys.generate = timed
    return spent


if __name__ == "__main__":
    main()
