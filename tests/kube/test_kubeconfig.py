import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from certwright.kube.cluster import ConfigError
from certwright.kube.kubeconfig import find_config, in_cluster, load_kubeconfig

PEM = b"-----BEGIN CERTIFICATE-----\n"


def config(user: dict[str, Any] | None = None, **cluster: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "main",
        "clusters": [{"name": "c", "cluster": {"server": "https://api:6443"} | cluster}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
    }


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_a_context_gives_server_namespace_and_user(tmp_path: Path) -> None:
    path = write(tmp_path / "config", config({"token": "t0ken"}, **{"tls-server-name": "kubernetes"}))
    found = load_kubeconfig(path, environment={})
    assert (found.server, found.namespace) == ("https://api:6443", "shop")
    assert found.identity.token == "t0ken"
    assert found.tls.server_name == "kubernetes"
    assert found.proxy is None


def test_files_are_relative_to_the_kubeconfig_and_data_wins_over_files(tmp_path: Path) -> None:
    user = {
        "client-certificate": "me.crt",
        "client-key": "keys/me.key",
        "client-key-data": base64.encodebytes(b"key" * 50).decode(),
        "tokenFile": "token",
    }
    path = write(tmp_path / "config", config(user, **{"certificate-authority": "ca.crt"}))
    found = load_kubeconfig(path, environment={})
    assert found.tls.ca is not None
    assert found.tls.ca.file == tmp_path / "ca.crt"
    assert found.tls.certificate is not None
    assert found.tls.certificate.file == tmp_path / "me.crt"
    assert found.tls.key is not None
    assert found.tls.key.data == b"key" * 50
    assert found.identity.token_file == tmp_path / "token"


def test_several_files_are_merged_and_the_first_to_say_something_wins(tmp_path: Path) -> None:
    first = config({"token": "first"})
    del first["clusters"], first["current-context"]
    second = config({"token": "second"})
    paths = [write(tmp_path / "one", first), tmp_path / "missing", write(tmp_path / "two", second)]
    found = load_kubeconfig(environment={"KUBECONFIG": ":".join(map(str, paths))})
    assert found.identity.token == "first"
    assert found.server == "https://api:6443"


def test_another_context_can_be_asked_for(tmp_path: Path) -> None:
    document = config()
    document["contexts"].append({"name": "bare", "context": {"cluster": "c"}})
    path = write(tmp_path / "config", document)
    assert load_kubeconfig(path, "bare", environment={}).namespace == "default"


def test_impersonation_becomes_headers(tmp_path: Path) -> None:
    user = {"as": "jane", "as-groups": ["a", "b"], "as-uid": "7", "as-user-extra": {"scopes": ["x"]}}
    found = load_kubeconfig(write(tmp_path / "config", config(user)), environment={})
    assert found.identity.impersonate == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-scopes", "x"),
    )


def test_a_credential_plugin_is_described(tmp_path: Path) -> None:
    plugin = {
        "command": "./bin/login",
        "args": ["--now"],
        "env": [{"name": "A", "value": "b"}],
        "apiVersion": "client.authentication.k8s.io/v1",
        "provideClusterInfo": True,
        "interactiveMode": "IfAvailable",
    }
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    path = write(tmp_path / "config", config({"exec": plugin}, extensions=[extension]))
    found = load_kubeconfig(path, environment={}).identity.plugin
    assert found is not None
    assert found.command == str(tmp_path / "bin/login")
    assert (found.args, found.env) == (("--now",), (("A", "b"),))
    assert found.cluster == {"server": "https://api:6443", "config": {"audience": "x"}}


def test_the_proxy_is_the_clusters_own_or_that_of_the_environment(tmp_path: Path) -> None:
    environment = {"HTTPS_PROXY": "http://env:3128"}
    plain = write(tmp_path / "plain", config())
    own = write(tmp_path / "own", config(**{"proxy-url": "http://own:3128"}))
    assert load_kubeconfig(plain, environment=environment).proxy == "http://env:3128"
    assert load_kubeconfig(own, environment=environment).proxy == "http://own:3128"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("clusters: [", "not valid YAML in line 2"),
        ("just words", "expected an object"),
        (b"\xff\xfe\x00", "not a text file"),
        ("", "no current-context is set (it has none)"),
        ({**config(), "current-context": "other"}, "no context 'other' (it has main)"),
        ({**config(), "clusters": []}, "contexts[main].cluster: there is no cluster 'c'"),
        ({**config(), "users": []}, "contexts[main].user: there is no user 'u'"),
        ({**config(), "users": [{"user": {}}]}, "users[0].name: required, but missing"),
        (config({"token": 12345}), "users[0].user.token: expected a string"),
        (config(server=""), "clusters[c].server: '' is not the URL of a server"),
        (config(server="ftp://api"), "clusters[c].server: 'ftp://api' is not the URL of a server"),
        (config(server="https://api:port"), "clusters[c].server:"),
        (
            config(**{"certificate-authority-data": "%%%"}),
            "clusters[c].certificate-authority-data: not valid base64",
        ),
        (
            config(**{"certificate-authority": "ca", "insecure-skip-tls-verify": True}),
            "clusters[c].insecure-skip-tls-verify: contradicts certificate-authority",
        ),
        (config(**{"proxy-url": "socks5://p:1"}), "clusters[c].proxy-url: only http:// and https://"),
        (config({"client-certificate": "x"}), "users[u].client-certificate: it needs client-key"),
        (config({"auth-provider": {"name": "gcp"}}), "users[u].auth-provider: Kubernetes has dropped"),
        (
            config({"exec": {"apiVersion": "client.authentication.k8s.io/v1"}}),
            "users[u].exec.command: required",
        ),
        (
            config({"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1alpha1"}}),
            "users[u].exec.apiVersion: 'client.authentication.k8s.io/v1alpha1' is not one of",
        ),
        (
            config(
                {
                    "exec": {
                        "command": "x",
                        "apiVersion": "client.authentication.k8s.io/v1",
                        "interactiveMode": "Always",
                    }
                }
            ),
            "users[u].exec.interactiveMode: a plugin that needs a terminal",
        ),
    ],
)
def test_every_mistake_is_one_line_that_names_file_and_field(
    tmp_path: Path, content: Any, message: str
) -> None:
    path = tmp_path / "config"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        write(path, content)
    with pytest.raises(ConfigError) as caught:
        load_kubeconfig(path, environment={})
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: No such file"):
        load_kubeconfig(tmp_path / "nowhere", environment={})
    with pytest.raises(ConfigError, match=r"\.kube/config does not exist"):
        load_kubeconfig(environment={"HOME": str(tmp_path)})
    with pytest.raises(ConfigError, match="Is a directory"):
        load_kubeconfig(tmp_path, environment={})


def test_credentials_are_in_no_repr(tmp_path: Path) -> None:
    user = {"token": "hunter2", "client-key-data": base64.b64encode(b"hunter2").decode()}
    user["client-certificate-data"] = user["client-key-data"]
    found = load_kubeconfig(write(tmp_path / "config", config(user)), environment={})
    assert "hunter2" not in repr(found)
    assert "token" in repr(found.identity)


def service_account(directory: Path) -> Path:
    for name, content in (("token", "t0ken\n"), ("ca.crt", PEM.decode()), ("namespace", "certs\n")):
        (directory / name).write_text(content)
    return directory


def test_in_a_pod_the_service_account_counts(tmp_path: Path) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    found = in_cluster(environment, service_account(tmp_path))
    assert (found.server, found.namespace) == ("https://[fd00::1]:443", "certs")
    assert found.identity.token_file == tmp_path / "token"
    assert found.tls.ca is not None
    assert found.tls.ca.file == tmp_path / "ca.crt"


def test_outside_a_pod_or_without_a_token_in_it_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not in a Pod"):
        in_cluster({}, tmp_path)
    with pytest.raises(ConfigError, match="automountServiceAccountToken"):
        in_cluster({"KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "443"}, tmp_path)


def test_a_named_kubeconfig_wins_over_the_pod(tmp_path: Path) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "443"}
    path = write(tmp_path / "config", config())
    assert find_config(path, environment=environment).server == "https://api:6443"
    assert find_config(environment=environment | {"KUBECONFIG": str(path)}).server == "https://api:6443"
    with pytest.raises(ConfigError, match="in a Pod"):
        find_config(environment=environment)
