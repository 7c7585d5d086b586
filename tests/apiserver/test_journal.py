"""Opening a database: what is wrong with it is said in one line, and nothing in it is touched."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from certwright.apiserver.data_directory import DataDirectoryError
from certwright.apiserver.journal import FORMAT, Journal


@pytest.fixture
def database(tmp_path):
    """A database of some hundred pages."""
    path = tmp_path / "state.db"
    journal = Journal.open(path)
    journal.append([(n, f"g/p/ns/{n}", 0, False, b"x" * 1000) for n in range(1, 400)])
    journal.close()
    return path


def _refused(path):
    before = path.read_bytes()
    with pytest.raises(DataDirectoryError) as caught:
        Journal.open(path)
    assert path.read_bytes() == before
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(f"{path} ")


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "state.db"
    path.write_bytes(b"certificate: yes\n" * 1000)
    path.chmod(0o600)
    assert _refused(path) == "is not a database; restore a backup, or move it away to start empty"


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "state.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (title)")
    connection.close()
    path.chmod(0o600)
    assert _refused(path) == "is another program's database; move it away"


def test_a_newer_format_asks_for_a_newer_program(database):
    connection = sqlite3.connect(database)
    connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    assert "written by a newer certwright" in _refused(database)


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "index"])
def test_a_damaged_file_is_reported_as_such(database, damage):
    data = bytearray(database.read_bytes())
    if damage == "truncated":
        del data[len(data) // 2 :]
    elif damage == "overwritten":
        data[8192 : len(data) // 2] = os.urandom(len(data) // 2 - 8192)
    else:
        data[4096 * 3 : 4096 * 3 + 100] = b"\xff" * 100
    database.write_bytes(data)
    assert "is damaged" in _refused(database)


def test_an_empty_file_is_a_new_database(tmp_path):
    path = tmp_path / "state.db"
    path.touch()
    Journal.open(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_directory_in_its_place_is_refused(tmp_path):
    with pytest.raises(DataDirectoryError, match="cannot be opened"):
        Journal.open(tmp_path)


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(
        DataDirectoryError, match=r"No such file or directory.*check the owner and mode of .*absent"
    ):
        Journal.open(tmp_path / "absent" / "state.db")


OPEN_AS_NOBODY = """
import os, sys
from certwright.apiserver.journal import Journal
if os.geteuid() == 0:
    os.setuid(65534)  # root may write everything
try:
    Journal.open(sys.argv[1])
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(("directory_mode", "file_mode"), [(0o777, 0o444), (0o555, 0o666), (0o555, 0o444)])
def test_without_permission_to_write_it_says_what_to_check(database, directory_mode, file_mode):
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "state.db"
        shutil.copy(database, path)
        path.chmod(file_mode)
        path.parent.chmod(directory_mode)
        command = [sys.executable, "-c", OPEN_AS_NOBODY, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        path.parent.chmod(0o700)
        assert done.stdout.startswith(f"DataDirectoryError {path} "), done
        assert "check" in done.stdout
        assert "\n" not in done.stdout.strip()


def test_companion_files_of_an_earlier_process_become_private(database):
    journal = Journal.open(database)
    journal.append([(1000, "k", 0, False, b"{}")])
    copies = [Path(f"{database}.copy{suffix}") for suffix in ("", "-wal", "-shm")]
    for copy in copies:
        shutil.copy(str(copy).replace(".copy", ""), copy)
        copy.chmod(0o644)
    journal.close()
    reopened = Journal.open(copies[0])
    assert reopened.holds(1000)
    assert {copy.stat().st_mode & 0o777 for copy in copies} == {0o600}
    reopened.close()


def test_a_batch_of_any_size_is_one_transaction(database):
    journal = Journal.open(database)
    rows = [(1000 + n, f"k{n}", 0, False, b"{}") for n in range(300)]
    with pytest.raises(Exception, match="UNIQUE"):
        journal.append([*rows, (2000, "k7", 0, False, b"{}")])
    assert not journal.holds(1000)
    journal.append(rows)
    assert journal.holds(1299)
    journal.close()


def test_a_commit_is_on_disk_when_it_returns(database):
    journal = Journal.open(database)
    full = 2
    assert (journal._writer.pragma("journal_mode"), journal._writer.pragma("synchronous")) == ("wal", full)
    journal.close()
