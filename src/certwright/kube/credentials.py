"""Who we are towards an API server, as request headers that stay fresh. It sends no request."""

import asyncio
import base64
import json
import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from certwright.kube.cluster import ConfigError, ExecPlugin, Identity
from certwright.kube.errors import Unauthorized
from certwright.kube.tls import PemPair

log = logging.getLogger(__name__)

_TOKEN_AGE = 10.0
_LEEWAY = timedelta(seconds=10)
_PLUGIN_TIMEOUT = 60.0


class Credentials(Protocol):
    """Something that knows the Authorization header of the moment."""

    async def authorization(self) -> str:
        """The value of the Authorization header, empty for none. Raises Unauthorized."""
        ...

    def certificate(self) -> PemPair | None:
        """The client certificate that came with it, if any."""
        ...

    def rejected(self) -> bool:
        """The server answered 401: forget what can be made anew, and say whether to try once more."""
        ...


class Fixed:
    """An Authorization header that never changes, or none."""

    def __init__(self, header: str = "") -> None:
        self._header = header

    async def authorization(self) -> str:
        """The header."""
        return self._header

    def certificate(self) -> PemPair | None:
        """None."""
        return None

    def rejected(self) -> bool:
        """There is no other."""
        return False


class TokenFile:
    """A bearer token in a file that is replaced before the token expires, as Kubernetes does in Pods."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._token = self._read()
        self._read_at = now()

    async def authorization(self) -> str:
        """The token, read again after some seconds; a file that cannot be read leaves the last one in use."""
        if self._now() - self._read_at >= _TOKEN_AGE:
            self._read_at = self._now()
            try:
                self._token = self._read()
            except ConfigError as error:
                log.warning("keeping the token read before: %s", error)
        return f"Bearer {self._token}"

    def certificate(self) -> PemPair | None:
        """None."""
        return None

    def rejected(self) -> bool:
        """Whether the file holds another token by now."""
        before = self._token
        try:
            self._token = self._read()
        except ConfigError:
            return False
        return self._token != before

    def _read(self) -> str:
        try:
            token = self._path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise ConfigError(f"token file {self._path}: {reason}") from None
        if not token:
            raise ConfigError(f"token file {self._path} is empty")
        return token


class _PluginStatus(msgspec.Struct, frozen=True, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: datetime | None = None

    @property
    def pair(self) -> PemPair | None:
        if not self.client_certificate_data or not self.client_key_data:
            return None
        return self.client_certificate_data.encode(), self.client_key_data.encode()


class _PluginAnswer(msgspec.Struct, frozen=True, rename="camel"):
    kind: str = ""
    api_version: str = ""
    status: _PluginStatus | None = None


class Plugin:
    """Runs a credential plugin in a process of its own, and keeps its answer until it expires."""

    def __init__(
        self,
        plugin: ExecPlugin,
        clock: Callable[[], datetime] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._plugin = plugin
        self._clock = clock or (lambda: datetime.now(UTC))
        self._environment = os.environ if environment is None else environment
        self._status: _PluginStatus | None = None
        self._lock = asyncio.Lock()

    async def authorization(self) -> str:
        """The token of the plugin's answer, if it gave one. Raises Unauthorized when the plugin fails."""
        if not self._is_fresh():
            async with self._lock:
                if not self._is_fresh():
                    self._status = await self._run()
        token = self._status.token if self._status else None
        return f"Bearer {token}" if token else ""

    def certificate(self) -> PemPair | None:
        """The client certificate of the plugin's answer, if it gave one."""
        return self._status.pair if self._status is not None else None

    def rejected(self) -> bool:
        """Ask the plugin again."""
        self._status = None
        return True

    def _is_fresh(self) -> bool:
        status = self._status
        if status is None:
            return False
        expires = status.expiration_timestamp
        return expires is None or self._clock() < expires - _LEEWAY

    async def _run(self) -> _PluginStatus:
        try:
            process = await asyncio.create_subprocess_exec(
                self._plugin.command,
                *self._plugin.args,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                env={**self._environment, **dict(self._plugin.env), "KUBERNETES_EXEC_INFO": self._info()},
            )
        except OSError as error:
            raise self._failure(f"cannot be run: {error.strerror}", self._plugin.install_hint) from None
        try:
            output, _ = await asyncio.wait_for(process.communicate(), _PLUGIN_TIMEOUT)
        except TimeoutError:
            raise self._failure(f"gave no answer within {_PLUGIN_TIMEOUT:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise self._failure(f"ended with code {process.returncode}")
        return self._parse(output)

    def _parse(self, output: bytes) -> _PluginStatus:
        """Read the answer; it is never quoted in an error, since it holds credentials."""
        try:
            answer = msgspec.json.decode(output, type=_PluginAnswer)
        except msgspec.MsgspecError:
            raise self._failure("did not print an ExecCredential") from None
        if answer.kind != "ExecCredential" or answer.api_version != self._plugin.api_version:
            raise self._failure(f"did not print an ExecCredential of {self._plugin.api_version}")
        status = answer.status
        if status is None or not (status.token or status.pair):
            raise self._failure("gave neither a token nor a client certificate with its key")
        return status

    def _info(self) -> str:
        """What the plugin is told about the request (KUBERNETES_EXEC_INFO)."""
        spec: dict[str, object] = {"interactive": False}
        if self._plugin.cluster is not None:
            spec["cluster"] = self._plugin.cluster
        return json.dumps({"apiVersion": self._plugin.api_version, "kind": "ExecCredential", "spec": spec})

    def _failure(self, what: str, hint: str = "") -> Unauthorized:
        text = f"credential plugin {self._plugin.command} {what}"
        return Unauthorized(0, "CredentialPlugin", f"{text}. {' '.join(hint.split())}" if hint else text)


def credentials_for(identity: Identity, now: Callable[[], float]) -> Credentials:
    """The credentials of an identity; `now` gives seconds on a steady scale. Raises ConfigError."""
    if identity.token_file is not None:
        return TokenFile(identity.token_file, now)
    if identity.token:
        return Fixed(f"Bearer {identity.token}")
    if identity.username:
        pair = f"{identity.username}:{identity.password}".encode()
        return Fixed(f"Basic {base64.b64encode(pair).decode('ascii')}")
    return Plugin(identity.plugin) if identity.plugin is not None else Fixed()
