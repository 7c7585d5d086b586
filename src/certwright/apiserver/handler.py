"""`ApiServer`: a Kubernetes API as one function, `handle`, from request to response. No sockets here.

    server = await ApiServer.open(None)          # in memory; or a directory
    response = await server.handle(Request("GET", "/api/v1/secrets", {}, {}, b"", user))

What is not served is refused by name. Refusals are StatusErrors all the way up; anything else is a bug and
answered with 500, logged with its traceback, and never with data of the request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from certwright.apiserver.authorization import check
from certwright.apiserver.background import Background, ensure_namespaces
from certwright.apiserver.builtin import built_in_kinds
from certwright.apiserver.cluster import Admission, Cluster, Target
from certwright.apiserver.custom_resources import is_served, kinds_of
from certwright.apiserver.data_directory import DataDirectory
from certwright.apiserver.definitions import DefinitionRules
from certwright.apiserver.discovery import Discovery
from certwright.apiserver.kinds import Kind, Kinds, Object
from certwright.apiserver.log import Closed, Log, WriteFailed
from certwright.apiserver.paths import parse
from certwright.apiserver.reviews import review
from certwright.apiserver.status import StatusError, internal, not_implemented, unavailable, unknown_path
from certwright.apiserver.verbs import serve
from certwright.apiserver.wire import Request, Response

_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The time, as the default clock."""
    return datetime.now(UTC)


class ApiServer:
    """One API server. Open it with `open`, close it with `close`; in between, `handle` is safe to call
    concurrently.
    """

    def __init__(self, cluster: Cluster, directory: DataDirectory | None) -> None:
        self.cluster = cluster
        self.audit: Callable[[Request, int], None] | None = None
        """Called with every request and the code it was answered with."""
        self._directory = directory
        self._discovery = Discovery(cluster.kinds)
        self._background = Background(cluster)
        cluster.committed = self._committed

    @classmethod
    async def open(
        cls,
        data_dir: Path | str | None,
        clock: Callable[[], datetime] = utc_now,
        *,
        admission: Sequence[Admission] = (),
    ) -> Self:
        """Open the objects in `data_dir` (created when missing), or new ones in memory for None, and begin to
        serve.

        Raises `DataDirectoryError` when the directory is in use, damaged or not writable.
        """
        directory = None if data_dir is None else DataDirectory.open(Path(data_dir))
        try:
            log = Log.open() if directory is None else Log.open(directory.database)
        except BaseException:
            if directory is not None:
                directory.close()
            raise
        kinds = Kinds(built_in_kinds())
        for kind in kinds:
            if isinstance(kind.strategy, DefinitionRules):
                kind.strategy.kinds = kinds
        server = cls(Cluster(log, kinds, clock, admission), directory)
        for record in log.range("apiextensions.k8s.io/customresourcedefinitions/").records:
            server._define(record.object)
        await ensure_namespaces(server.cluster)
        server._background.start()
        return server

    async def close(self) -> None:
        """End the watches, wait for writes under way, close the files. Idempotent."""
        await self._background.stop()
        await self.cluster.log.close()
        if self._directory is not None:
            self._directory.close()

    async def settled(self) -> None:
        """Wait until garbage collection and the emptying of namespaces have nothing more to do; for tests."""
        await self._background.settled()

    async def handle(self, request: Request) -> Response:
        """Answer one request. Never raises for what a client does."""
        try:
            response = await self._route(request)
        except StatusError as error:
            response = error.response()
        except Closed:
            response = unavailable("the server is shutting down").response()
        except WriteFailed as error:
            _log.exception("write failed")
            response = internal(str(error)).response()
        except Exception as error:  # noqa: BLE001 - the one place that has to answer bugs
            _log.exception("bug while answering %s %s", request.method, request.path)
            response = internal(type(error).__name__).response()
        if self.audit is not None:
            self.audit(request, response.status)
        return response

    async def _route(self, request: Request) -> Response:
        path = parse(request.path)
        if not request.user.is_master:
            check(request, path)
        if path is None or not path.plural:
            return self._discovery.answer(request, path)
        kind = self.cluster.kinds.get(path.group, path.version, path.plural)
        if kind is not None:
            target = Target(kind, path.namespace, path.name, path.subresource)
            return await serve(self.cluster, kind, request, target)
        if path.plural == "watch":
            raise not_implemented("the /watch/ paths; use ?watch=true")
        reviewed = review(request, path)
        if reviewed is None:
            raise unknown_path(f"{path.plural} in {path.group or 'the core group'}/{path.version}")
        return reviewed

    def _committed(self, kind: Kind, obj: Object, gone: bool) -> None:
        """Definitions take effect at once."""
        if not isinstance(kind.strategy, DefinitionRules):
            return
        if gone:
            self.cluster.kinds.remove(obj["spec"]["group"], obj["spec"]["names"]["plural"])
        else:
            self._define(obj)
            self._background.kinds_changed()

    def _define(self, definition: Object) -> None:
        if not is_served(definition):
            return
        kinds = self.cluster.kinds
        kinds.remove(definition["spec"]["group"], definition["spec"]["names"]["plural"])
        for kind in kinds_of(definition):
            kinds.put(kind)
