import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certwright.kube.cluster import ConfigError, ExecPlugin, Identity
from certwright.kube.credentials import Plugin, TokenFile, credentials_for
from certwright.kube.errors import Unauthorized

NOW = datetime(2026, 1, 1, tzinfo=UTC)
V1 = "client.authentication.k8s.io/v1"


async def test_the_ways_to_be_somebody(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    ways = {
        "Bearer from-file": Identity(token_file=tmp_path / "token", token="inline"),
        "Bearer inline": Identity(token="inline", username="u"),
        "Basic dTpw": Identity(username="u", password="p"),
        "": Identity(),
    }
    for header, identity in ways.items():
        assert await credentials_for(identity, lambda: 0.0).authorization() == header


async def test_a_token_file_is_read_again_when_it_may_have_changed(tmp_path: Path) -> None:
    file, time = tmp_path / "token", [0.0]
    file.write_text("one")
    credentials = TokenFile(file, lambda: time[0])
    file.write_text("two")
    assert await credentials.authorization() == "Bearer one"
    time[0] = 11
    assert await credentials.authorization() == "Bearer two"
    file.unlink()
    time[0] = 22
    assert await credentials.authorization() == "Bearer two"


async def test_a_rejected_token_is_replaced_at_once_if_there_is_another(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    credentials = TokenFile(file, lambda: 0.0)
    assert not credentials.rejected()
    file.write_text("two")
    assert credentials.rejected()
    assert await credentials.authorization() == "Bearer two"


def test_a_token_file_that_is_no_good_at_first_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none: No such file"):
        TokenFile(tmp_path / "none", lambda: 0.0)
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        TokenFile(tmp_path / "empty", lambda: 0.0)


class Login:
    """A credential plugin: a script that prints an answer and leaves a mark for each time it ran."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = NOW

    def answers(self, status: dict[str, Any] | None, version: str = V1, code: int = 0) -> None:
        answer = {"kind": "ExecCredential", "apiVersion": version, "status": status}
        self.prints(json.dumps(answer), code)

    def prints(self, text: str, code: int = 0) -> None:
        lines = [
            "import os, sys",
            f"open({str(self.directory / 'runs')!r}, 'a').write('x')",
            f"open({str(self.directory / 'info')!r}, 'w').write(os.environ['KUBERNETES_EXEC_INFO'])",
            f"print({text!r})",
            f"sys.exit({code})",
        ]
        (self.directory / "login.py").write_text("\n".join(lines))

    @property
    def runs(self) -> int:
        return len((self.directory / "runs").read_text())

    def plugin(self, **more: Any) -> Plugin:
        spec = ExecPlugin(command=sys.executable, args=(str(self.directory / "login.py"),), **more)
        return Plugin(spec, lambda: self.now)


@pytest.fixture
def login(tmp_path: Path) -> Login:
    return Login(tmp_path)


async def test_a_plugins_token_is_kept_until_it_expires(login: Login) -> None:
    login.answers({"token": "one", "expirationTimestamp": (NOW + timedelta(minutes=5)).isoformat()})
    plugin = login.plugin()
    answers = await asyncio.gather(*[plugin.authorization() for _ in range(5)])
    assert set(answers) == {"Bearer one"}
    assert login.runs == 1
    login.answers({"token": "two"})
    login.now += timedelta(minutes=4)
    assert await plugin.authorization() == "Bearer one"
    login.now += timedelta(minutes=1)
    assert await plugin.authorization() == "Bearer two"
    login.now += timedelta(days=400)
    assert await plugin.authorization() == "Bearer two"
    assert login.runs == 2


async def test_a_rejected_answer_is_asked_for_again(login: Login) -> None:
    login.answers({"token": "one"})
    plugin = login.plugin()
    await plugin.authorization()
    login.answers({"token": "two"})
    assert plugin.rejected()
    assert await plugin.authorization() == "Bearer two"


async def test_a_plugin_may_give_a_certificate_instead(login: Login) -> None:
    login.answers({"clientCertificateData": "CERT", "clientKeyData": "KEY"})
    plugin = login.plugin()
    assert await plugin.authorization() == ""
    assert plugin.certificate() == (b"CERT", b"KEY")


async def test_a_plugin_learns_version_and_cluster(login: Login) -> None:
    version = "client.authentication.k8s.io/v1beta1"
    login.answers({"token": "x"}, version)
    await login.plugin(api_version=version, cluster={"server": "https://api"}).authorization()
    assert json.loads((login.directory / "info").read_text()) == {
        "apiVersion": version,
        "kind": "ExecCredential",
        "spec": {"interactive": False, "cluster": {"server": "https://api"}},
    }


async def test_what_can_go_wrong_is_said_without_quoting_the_answer(login: Login) -> None:
    plugin = login.plugin()
    secret = {"token": "hunter2"}
    trials: list[tuple[Any, str]] = [
        (lambda: login.prints("hunter2"), "did not print an ExecCredential"),
        (lambda: login.answers(secret, "client.authentication.k8s.io/v1beta1"), f"ExecCredential of {V1}"),
        (lambda: login.answers(secret, code=3), "ended with code 3"),
        (lambda: login.answers({"clientKeyData": "hunter2"}), "neither a token nor a client certificate"),
        (lambda: login.answers(None), "neither a token nor a client certificate"),
    ]
    for prepare, message in trials:
        prepare()
        with pytest.raises(Unauthorized, match=message) as caught:
            await plugin.authorization()
        assert "hunter2" not in repr(caught.value)


async def test_a_missing_plugin_tells_how_to_install_it() -> None:
    plugin = Plugin(ExecPlugin(command="/nowhere/login", install_hint="brew install\n  login"))
    with pytest.raises(Unauthorized, match=r"cannot be run: No such file .*\. brew install login"):
        await plugin.authorization()
