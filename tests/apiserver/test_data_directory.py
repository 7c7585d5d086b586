"""The data directory: one owner, nobody else's eyes, and messages that say what to do."""

import os
import subprocess
import sys

import pytest

from certwright.apiserver.data_directory import DataDirectory, DataDirectoryError, read_private, write_private


def test_it_is_made_where_it_is_missing_and_is_private(tmp_path):
    with DataDirectory.open(tmp_path / "a" / "b") as directory:
        assert directory.path.stat().st_mode & 0o777 == 0o700
        assert directory.database == tmp_path / "a" / "b" / "state.db"
        assert {path.stat().st_mode & 0o777 for path in directory.path.iterdir()} == {0o600}


def test_a_second_server_is_told_which_process_has_it(tmp_path):
    with DataDirectory.open(tmp_path / "d"):
        with pytest.raises(DataDirectoryError) as caught:
            DataDirectory.open(tmp_path / "d")
        assert str(caught.value).startswith(f"{tmp_path}/d is in use by process {os.getpid()}; ")
    DataDirectory.open(tmp_path / "d").close()


HOLD = """
import sys
from certwright.apiserver.data_directory import DataDirectory
directory = DataDirectory.open(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_the_lock_ends_with_the_process_that_has_it(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "d")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DataDirectoryError, match=f"in use by process {holder.pid};"):
            DataDirectory.open(tmp_path / "d")
        holder.kill()
        holder.wait(30)
        DataDirectory.open(tmp_path / "d").close()


def test_a_directory_others_can_enter_is_refused(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d").chmod(0o755)
    with pytest.raises(DataDirectoryError, match=r"is open to others \(mode 0755\); run: chmod 700 "):
        DataDirectory.open(tmp_path / "d")


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_what_is_not_a_directory_is_refused(tmp_path, path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryError, match="not a directory; choose another path"):
        DataDirectory.open(tmp_path / path)


def test_a_secret_is_written_for_its_owner_only_and_read_back(tmp_path):
    write_private(tmp_path / "ca.key", b"secret")
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
    assert read_private(tmp_path / "ca.key") == b"secret"
    write_private(tmp_path / "ca.key", b"another")
    assert read_private(tmp_path / "ca.key") == b"another"
    assert [path.name for path in tmp_path.iterdir()] == ["ca.key"]


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o660, 0o601])
def test_a_secret_that_everybody_can_get_at_is_not_read(tmp_path, mode):
    path = tmp_path / "ca.key"
    write_private(path, b"secret")
    path.chmod(mode)
    with pytest.raises(
        DataDirectoryError, match=f"{path} is open to others \\(mode {mode:04o}\\); run: chmod 600 "
    ):
        read_private(path)


def test_a_missing_secret_is_the_callers_business(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "ca.key")


def test_a_secret_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    with pytest.raises(DataDirectoryError, match="cannot be written"):
        write_private(tmp_path / "absent" / "ca.key", b"secret")
    assert list(tmp_path.iterdir()) == []
