"""The embedded API server alone in a process, without controllers: what its floor is measured on.

python -m bench.alone DIR PORT [--rules]

With --rules it refuses what `certwright up` refuses.
"""

import asyncio
import sys
from pathlib import Path

from bench.cluster import install_crds
from certwright.apiserver.handler import ApiServer
from certwright.apiserver.listener import Listener
from certwright.apiserver.wire import MASTERS, UserInfo
from certwright.app.admission import Rules
from certwright.app.inprocess import InProcess
from certwright.kube.client import Client

ADMIN = UserInfo("bench", (MASTERS,))


async def serve(directory: Path, port: int, *, rules: bool = False) -> None:
    """Serve the state in a directory until cancelled."""
    server = await ApiServer.open(directory, admission=[Rules()] if rules else [])
    await install_crds(Client(InProcess(server, ADMIN), user_agent="certwright-bench"))
    await Listener.open(server, directory, ("127.0.0.1", port))
    await asyncio.Event().wait()


def main() -> None:
    """Serve until killed."""
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), rules="--rules" in sys.argv[3:]))


if __name__ == "__main__":
    main()
