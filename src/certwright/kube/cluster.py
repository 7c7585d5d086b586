"""Where an API server is and how to be somebody there, as values. Nothing is opened here."""

from pathlib import Path
from typing import Final

import msgspec


class ConfigError(ValueError):
    """The way to the cluster is configured wrongly. The message is one line, for whoever can fix it."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes given inline or as a file that may change; `label` is the name of the setting, for messages."""

    label: str
    data: bytes | None = None
    file: Path | None = None

    def __repr__(self) -> str:
        return f"Source({self.label}, {self.file or 'inline'})"

    def read(self) -> bytes:
        """The bytes as they are now. Raises ConfigError."""
        if self.file is None:
            return self.data or b""
        try:
            return self.file.read_bytes()
        except OSError as error:
            raise ConfigError(f"{self.label}: cannot read {self.file}: {error.strerror}") from None


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """How to check the server, and the certificate to show it.

    `server_name` replaces the host name in the check and in SNI. Without `ca`, the system's CAs count.
    """

    ca: Source | None = None
    certificate: Source | None = None
    key: Source | None = None
    server_name: str = ""
    insecure: bool = False


class ExecPlugin(msgspec.Struct, frozen=True, kw_only=True):
    """A program that prints credentials (client.authentication.k8s.io). `cluster` is told to it if set."""

    command: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    api_version: str = "client.authentication.k8s.io/v1"
    install_hint: str = ""
    cluster: dict[str, object] | None = None

    def __repr__(self) -> str:
        return f"ExecPlugin({self.command})"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who to be: at most one of the ways is used, in the order token file, token, user and password, plugin.

    `impersonate` are headers that ask the server to act as somebody else.
    """

    plugin: ExecPlugin | None = None
    token_file: Path | None = None
    token: str = ""
    username: str = ""
    password: str = ""
    impersonate: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        ways = {
            "token file": self.token_file is not None,
            "token": bool(self.token),
            "password": bool(self.username),
            "plugin": self.plugin is not None,
        }
        return f"Identity({next((name for name, used in ways.items() if used), 'none')})"


class ClusterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """All that is needed to talk to one API server.

    `server` is its URL, with a path if it lives below one. `namespace` is the one meant when none is named.
    `proxy` is the URL of an HTTP proxy, None for none.
    """

    server: str
    namespace: str = "default"
    tls: Tls = Tls()
    identity: Identity = Identity()
    proxy: str | None = None


SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a Pod finds its token, CA and namespace."""
