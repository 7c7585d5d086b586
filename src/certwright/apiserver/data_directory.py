"""The directory an embedded server keeps its state in, locked and private; not what is in the files.

Every error here is one line that names the path and the next step, because it is what `certwright up` prints.
"""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from types import TracebackType

DATABASE = "state.db"
LOCK = "lock"


class DataDirectoryError(Exception):
    """The state on disk cannot be used; the message names the path and what to do about it."""


class DataDirectory:
    """A locked data directory. The lock goes with the process, however that ends.

    Use `DataDirectory.open`, and `close` (or a with-statement) to give it up.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> DataDirectory:
        """Create the directory where it is missing (mode 0700), and lock it.

        Raises `DataDirectoryError` when it is in use by another server, or cannot be created or written.
        """
        directory = Path(path).absolute()
        _create(directory)
        _refuse_open_doors(directory)
        lock = _open_lock(directory)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(lock, 32).decode("ascii", "replace").strip()
            os.close(lock)
            if not isinstance(error, BlockingIOError):
                raise DataDirectoryError(
                    f"{directory} cannot be locked ({error.strerror}); use a local disk"
                ) from None
            who = f"process {owner}" if owner else "another process"
            raise DataDirectoryError(
                f"{directory} is in use by {who}; stop it, or choose another directory"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
        return cls(directory, lock)

    @property
    def database(self) -> Path:
        """Where the log is."""
        return self.path / DATABASE

    def close(self) -> None:
        """Give the lock up; calling it again does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> DataDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_private(path: Path, data: bytes) -> None:
    """Put `data` at `path` with mode 0600, all of it or nothing, on disk when this returns.

    Raises `DataDirectoryError` when the disk is full or the directory cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataDirectoryError(
            f"{path} cannot be written ({error.strerror}); check space and permissions"
        ) from None


def read_private(path: Path) -> bytes:
    """The bytes of a file that holds a secret.

    Raises `FileNotFoundError` when there is none (the caller makes one), `DataDirectoryError` when everybody
    may read or change it, or it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & (stat.S_IRWXO | stat.S_IWGRP):
                raise DataDirectoryError(f"{path} is open to others (mode {mode:04o}); run: chmod 600 {path}")
            return file.read()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataDirectoryError(
            f"{path} cannot be read ({error.strerror}); check its owner and mode"
        ) from None


def create_private(path: Path) -> None:
    """Make sure there is a file at `path` that only its owner may read; an existing one keeps its content.

    SQLite gives its companion files (`-wal`, `-shm`) the mode of the database, so this covers them; leftovers
    of an earlier process are narrowed too. Raises `OSError`.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        sync_directory(path.parent)
    except FileExistsError:
        for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            if name.exists() and stat.S_IMODE(name.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
                name.chmod(0o600)


def sync_directory(path: Path) -> None:
    """Make a creation or renaming inside `path` survive a power cut. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create(directory: Path) -> None:
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700)
    except FileExistsError:
        if not directory.is_dir():
            raise DataDirectoryError(f"{directory} is not a directory; choose another path") from None
    except NotADirectoryError:
        raise DataDirectoryError(
            f"{directory} is below something that is not a directory; choose another path"
        ) from None
    except OSError as error:
        raise DataDirectoryError(
            f"{directory} cannot be created ({error.strerror}); check its parent"
        ) from None


def _refuse_open_doors(directory: Path) -> None:
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise DataDirectoryError(
            f"{directory} is open to others (mode {mode:04o}); run: chmod 700 {directory}"
        )


def _open_lock(directory: Path) -> int:
    try:
        return os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataDirectoryError(
            f"{directory} cannot be written ({error.strerror}); check its owner and mode"
        ) from None
