"""Secrets as files: complete, private, and never a key beside another certificate."""

import contextlib
import os
import shutil
import stat
from pathlib import Path

import pytest

from certwright.app import export as module
from certwright.app.export import export, is_complete

FIRST = {"tls.crt": b"certificate 1", "tls.key": b"key 1", "ca.crt": b"ca 1"}
SECOND = {"tls.crt": b"certificate 2", "tls.key": b"key 2", "ca.crt": b"ca 2"}


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if not path.name.startswith(".")}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_becomes_three_files_that_only_the_owner_can_reach(tmp_path: Path) -> None:
    assert export(tmp_path / "export", "shop", "web", FIRST)
    directory = tmp_path / "export" / "shop" / "web"
    assert contents(directory) == FIRST
    assert mode(directory / "tls.key") == 0o600
    for parent in (directory, directory.parent, directory.parent.parent, (directory / "..data").resolve()):
        assert mode(parent) == 0o700


def test_the_same_content_again_touches_nothing(tmp_path: Path) -> None:
    export(tmp_path, "shop", "web", FIRST)
    before = (tmp_path / "shop/web/..data").readlink()
    assert not export(tmp_path, "shop", "web", {**FIRST, "other": b"ignored"})
    assert (tmp_path / "shop/web/..data").readlink() == before


def test_a_renewal_replaces_all_files_and_keeps_one_version_for_readers_in_the_middle(tmp_path: Path) -> None:
    export(tmp_path, "shop", "web", FIRST)
    directory = tmp_path / "shop" / "web"
    opened = (directory / "..data").resolve()
    assert export(tmp_path, "shop", "web", SECOND)
    assert contents(directory) == SECOND
    assert (opened / "tls.key").read_bytes() == b"key 1"
    export(tmp_path, "shop", "web", FIRST)
    assert not opened.exists()
    assert contents(directory) == FIRST
    assert len(list(directory.glob("..*"))) == 3


def test_a_ca_that_is_gone_from_the_secret_is_gone_from_the_files(tmp_path: Path) -> None:
    export(tmp_path, "shop", "web", FIRST)
    export(tmp_path, "shop", "web", {key: value for key, value in SECOND.items() if key != "ca.crt"})
    assert contents(tmp_path / "shop/web") == {"tls.crt": b"certificate 2", "tls.key": b"key 2"}


def test_files_that_were_tampered_with_are_put_right(tmp_path: Path) -> None:
    export(tmp_path, "shop", "web", FIRST)
    directory = tmp_path / "shop/web"
    (directory / "tls.crt").unlink()
    (directory / "tls.crt").write_bytes(b"copied by hand")
    (directory / "tls.key").write_bytes(b"")
    assert export(tmp_path, "shop", "web", FIRST)
    assert contents(directory) == FIRST


@pytest.mark.parametrize("step", range(40))
def test_wherever_it_dies_the_key_fits_the_certificate_and_the_next_run_finishes(
    tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path, "shop", "web", FIRST)
    directory = tmp_path / "shop/web"
    calls = 0

    def dying(function):  # type: ignore[no-untyped-def]
        def call(*arguments, **options):  # type: ignore[no-untyped-def]
            nonlocal calls
            calls += 1
            if calls > step:
                raise OSError(28, "No space left on device")
            return function(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in ("open", "fsync"):
            patch.setattr(os, name, dying(getattr(os, name)))
        for name in ("rename", "replace", "symlink_to", "mkdir", "unlink"):
            patch.setattr(Path, name, dying(getattr(Path, name)))
        patch.setattr(shutil, "rmtree", dying(shutil.rmtree))
        with contextlib.suppress(OSError):
            module.export(tmp_path, "shop", "web", SECOND)
    assert contents(directory) in (FIRST, SECOND)
    export(tmp_path, "shop", "web", SECOND)
    assert contents(directory) == SECOND


def test_a_secret_without_a_key_is_not_complete() -> None:
    assert is_complete(FIRST)
    assert not is_complete({"tls.crt": b"certificate", "tls.key": b""})
    assert not is_complete({"tls.key": b"key"})


def test_further_formats_and_keystores_are_files_too_and_go_when_they_go(tmp_path: Path) -> None:
    private = {"key.der", "tls-combined.pem", "keystore.jks", "keystore.p12"}
    public = {"truststore.jks", "truststore.p12"}
    more = {name: name.encode() for name in private | public}
    assert export(tmp_path, "shop", "web", FIRST | more | {"note.txt": b"somebody else's"})
    directory = tmp_path / "shop/web"
    assert contents(directory) == FIRST | more
    modes = {name: (directory / name).stat().st_mode & 0o777 for name in FIRST | more}
    assert {name for name, mode in modes.items() if mode == 0o600} == private | {"tls.key"}
    assert not export(tmp_path, "shop", "web", FIRST | more)
    assert export(tmp_path, "shop", "web", FIRST)
    assert contents(directory) == FIRST
