"""Reading kubeconfig files and a Pod's service account into a `ClusterConfig`, as client-go does.

Every problem is a ConfigError of one line that names file, entry and field. It connects to nothing.
"""

import base64
import binascii
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
import yaml

from certwright.api.codec import DecodeError, convert
from certwright.kube.cluster import (
    SERVICE_ACCOUNT,
    ClusterConfig,
    ConfigError,
    ExecPlugin,
    Identity,
    Source,
    Tls,
)
from certwright.kube.proxies import check_proxy, proxy_for

_EXEC_VERSIONS: Final = (
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
)
_EXEC_EXTENSION: Final = "client.authentication.k8s.io/exec"

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Base(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    pass


class _Extension(_Base, frozen=True, kw_only=True):
    name: str = ""
    extension: Any = None


class _Cluster(_Base, frozen=True, kw_only=True):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    extensions: list[_Extension] = []


class _Variable(_Base, frozen=True, kw_only=True):
    name: str = ""
    value: str = ""


class _Exec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    command: str = ""
    args: list[str] = []
    env: list[_Variable] = []
    api_version: str = ""
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


class _User(_Base, frozen=True, kw_only=True):
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    password: str = ""
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    exec: _Exec | None = None
    auth_provider: Any = None
    impersonate: str = msgspec.field(default="", name="as")
    impersonate_uid: str = msgspec.field(default="", name="as-uid")
    impersonate_groups: list[str] = msgspec.field(default=[], name="as-groups")
    impersonate_extra: dict[str, list[str]] = msgspec.field(default={}, name="as-user-extra")


class _Context(_Base, frozen=True, kw_only=True):
    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(_Base, frozen=True, kw_only=True):
    name: str
    cluster: _Cluster = _Cluster()


class _NamedUser(_Base, frozen=True, kw_only=True):
    name: str
    user: _User = _User()


class _NamedContext(_Base, frozen=True, kw_only=True):
    name: str
    context: _Context = _Context()


class _File(_Base, frozen=True, kw_only=True):
    clusters: list[_NamedCluster] = []
    users: list[_NamedUser] = []
    contexts: list[_NamedContext] = []
    current_context: str = ""


T = TypeVar("T")


class _Found(msgspec.Struct, frozen=True):
    """An entry, the file it stands in (relative paths start there) and its place, for messages."""

    entry: Any
    file: Path
    place: str

    def path(self, text: str) -> Path:
        """A path as the file means it."""
        return self.file.parent / text

    def error(self, what: str) -> ConfigError:
        """An error about this entry."""
        return ConfigError(f"{self.file}: {self.place}{what}")


def find_config(
    path: str | Path | None = None,
    context: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> ClusterConfig:
    """The configured cluster: the named kubeconfig, else a Pod's service account, else the usual kubeconfig.

    Raises ConfigError.
    """
    if path is None and context is None and not environment.get("KUBECONFIG") and _is_in_cluster(environment):
        return in_cluster(environment)
    return load_kubeconfig(path, context, environment)


def load_kubeconfig(
    path: str | Path | None = None,
    context: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> ClusterConfig:
    """Read a kubeconfig and take one of its contexts, by default the current one.

    Without `path`, the files of $KUBECONFIG are merged (the first to set something wins), or
    ~/.kube/config is read. Raises ConfigError.
    """
    files = _read_files([Path(path)] if path is not None else _usual_files(environment), path is not None)
    where = ", ".join(str(file) for file, _ in files)
    contexts = {found.entry.name: found for found in _entries(files, "contexts")}
    wanted = context or next((file.current_context for _, file in files if file.current_context), "")
    if wanted not in contexts:
        known = f"it has {', '.join(sorted(contexts))}" if contexts else "it has none"
        problem = f"no context {wanted!r}" if wanted else "no current-context is set"
        raise ConfigError(f"{where}: {problem} ({known})")
    chosen: _Context = contexts[wanted].entry.context
    cluster = _lookup(files, "clusters", chosen.cluster, contexts[wanted])
    user = _lookup(files, "users", chosen.user, contexts[wanted]) if chosen.user else None
    return _assemble(cluster, user, chosen.namespace, environment)


def in_cluster(
    environment: Mapping[str, str] = os.environ, directory: Path = SERVICE_ACCOUNT
) -> ClusterConfig:
    """The API server of the cluster this Pod runs in, with its service account. Raises ConfigError."""
    if not _is_in_cluster(environment):
        raise ConfigError("not in a Pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    token, ca, namespace = directory / "token", directory / "ca.crt", directory / "namespace"
    if not token.is_file():
        raise ConfigError(f"in a Pod, but {token} is missing: is automountServiceAccountToken off?")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return ClusterConfig(
        server=server,
        namespace=namespace.read_text().strip() if namespace.is_file() else "default",
        tls=Tls(ca=Source(label=str(ca), file=ca) if ca.is_file() else None),
        identity=Identity(token_file=token),
        proxy=proxy_for(server, environment),
    )


def _is_in_cluster(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("KUBERNETES_SERVICE_HOST") and environment.get("KUBERNETES_SERVICE_PORT"))


def _usual_files(environment: Mapping[str, str]) -> list[Path]:
    listed = [Path(part) for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    return listed or [Path(environment.get("HOME") or Path.home(), ".kube", "config")]


def _read_files(paths: Iterable[Path], must_exist: bool) -> list[tuple[Path, _File]]:
    paths = list(paths)
    present = [path for path in paths if must_exist or path.exists()]
    if not present:
        raise ConfigError(f"no kubeconfig: {', '.join(map(str, paths))} does not exist")
    return [(path, _read_file(path)) for path in present]


def _read_file(path: Path) -> _File:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, in C where there is one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}: not valid YAML{line}") from None
    try:
        return convert(document or {}, _File)
    except DecodeError as error:
        raise ConfigError(f"{path}: {error}") from None


def _entries(files: list[tuple[Path, _File]], kind: str) -> list[_Found]:
    """The entries of a kind, the one that counts last where several have one name."""
    return [
        _Found(entry, path, f"{kind}[{entry.name}].")
        for path, file in reversed(files)
        for entry in reversed(getattr(file, kind))
    ]


def _lookup(files: list[tuple[Path, _File]], kind: str, name: str, context: _Found) -> _Found:
    found = {found.entry.name: found for found in _entries(files, kind)}.get(name)
    if found is None:
        field = kind.removesuffix("s")
        raise context.error(f"{field}: there is no {field} {name!r}")
    return found


def _assemble(
    cluster: _Found, user: _Found | None, namespace: str, environment: Mapping[str, str]
) -> ClusterConfig:
    spec: _Cluster = cluster.entry.cluster
    server = _server(cluster, spec)
    if spec.proxy_url:
        proxy: str | None = check_proxy(spec.proxy_url, f"{cluster.file}: {cluster.place}proxy-url")
    else:
        proxy = proxy_for(server, environment)
    return ClusterConfig(
        server=server,
        namespace=namespace or "default",
        tls=_tls(cluster, user),
        identity=_identity(user, cluster) if user is not None else Identity(),
        proxy=proxy,
    )


def _server(cluster: _Found, spec: _Cluster) -> str:
    server = spec.server if "://" in spec.server else f"https://{spec.server}"
    try:
        url = urlsplit(server)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable or url.query or url.fragment or url.username:
        raise cluster.error(f"server: {spec.server!r} is not the URL of a server")
    return server.rstrip("/")


def _tls(cluster: _Found, user: _Found | None) -> Tls:
    spec: _Cluster = cluster.entry.cluster
    ca = _ca(cluster, spec)
    if ca is not None and spec.insecure_skip_tls_verify:
        raise cluster.error("insecure-skip-tls-verify: contradicts certificate-authority; remove one")
    who: _User = user.entry.user if user is not None else _User()
    owner = user or cluster
    certificate = _source(owner, "client-certificate", who.client_certificate, who.client_certificate_data)
    key = _source(owner, "client-key", who.client_key, who.client_key_data)
    if (certificate is None) != (key is None):
        raise owner.error("client-certificate: it needs client-key, and the other way round")
    return Tls(
        ca=ca,
        certificate=certificate,
        key=key,
        server_name=spec.tls_server_name,
        insecure=spec.insecure_skip_tls_verify,
    )


def _ca(found: _Found, spec: _Cluster) -> Source | None:
    file, data = spec.certificate_authority, spec.certificate_authority_data
    return _source(found, "certificate-authority", file, data)


def _source(found: _Found, field: str, file: str, data: str) -> Source | None:
    """Inline data wins over a file, as in client-go."""
    label = f"{found.file}: {found.place}{field}"
    if data:
        try:
            content = base64.b64decode("".join(data.split()), validate=True)
        except binascii.Error:
            raise ConfigError(f"{label}-data: not valid base64") from None
        return Source(label=f"{label}-data", data=content)
    return Source(label=label, file=found.path(file)) if file else None


def _identity(user: _Found, cluster: _Found) -> Identity:
    spec: _User = user.entry.user
    if spec.auth_provider is not None:
        raise user.error("auth-provider: Kubernetes has dropped these; use an exec plugin")
    return Identity(
        token_file=user.path(spec.token_file) if spec.token_file else None,
        token=spec.token,
        username=spec.username,
        password=spec.password,
        plugin=_plugin(user, spec.exec, cluster) if spec.exec is not None else None,
        impersonate=_impersonation(spec),
    )


def _impersonation(spec: _User) -> tuple[tuple[str, str], ...]:
    headers = [("Impersonate-User", spec.impersonate), ("Impersonate-Uid", spec.impersonate_uid)]
    headers += [("Impersonate-Group", group) for group in spec.impersonate_groups]
    for name, values in spec.impersonate_extra.items():
        headers += [(f"Impersonate-Extra-{name}", value) for value in values]
    return tuple((name, value) for name, value in headers if value)


def _plugin(user: _Found, spec: _Exec, cluster: _Found) -> ExecPlugin:
    if not spec.command:
        raise user.error("exec.command: required, but missing")
    if spec.api_version not in _EXEC_VERSIONS:
        raise user.error(f"exec.apiVersion: {spec.api_version!r} is not one of {', '.join(_EXEC_VERSIONS)}")
    if spec.interactive_mode == "Always":
        raise user.error("exec.interactiveMode: a plugin that needs a terminal cannot be used here")
    command = str(user.path(spec.command)) if os.sep in spec.command else spec.command
    return ExecPlugin(
        command=command,
        args=tuple(spec.args),
        env=tuple((variable.name, variable.value) for variable in spec.env),
        api_version=spec.api_version,
        install_hint=spec.install_hint,
        cluster=_cluster_info(cluster) if spec.provide_cluster_info else None,
    )


def _cluster_info(cluster: _Found) -> dict[str, object]:
    """What a plugin with provideClusterInfo learns (client.authentication.k8s.io Cluster)."""
    spec: _Cluster = cluster.entry.cluster
    ca = _ca(cluster, spec)
    info: dict[str, object] = {
        "server": spec.server,
        "tls-server-name": spec.tls_server_name,
        "insecure-skip-tls-verify": spec.insecure_skip_tls_verify,
        "certificate-authority-data": base64.b64encode(ca.read()).decode("ascii") if ca else "",
        "proxy-url": spec.proxy_url,
        "config": next((item.extension for item in spec.extensions if item.name == _EXEC_EXTENSION), None),
    }
    return {name: value for name, value in info.items() if value}
