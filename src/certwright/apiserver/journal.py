"""The log's SQLite file: its tables, its statements, and what a damaged or foreign file is answered with.

It knows rows and transactions; who waits for them, and what is in memory, is `log.py`'s business.

One table of rows that are never changed, `log(rev, key, prev, gone, value)`. `prev` is the revision of the
row this one supersedes (0 for the first of its key, the tombstone's revision after a deletion), so UNIQUE
(key, prev) is compare-and-swap on disk, and the same index answers "is this row superseded?": a row is the
newest of its key when no row has its revision as `prev`. That makes a second table of newest rows
unnecessary, which would double the bytes of every write.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw

from certwright.apiserver.data_directory import DataDirectoryError, create_private
from certwright.apiserver.head import after_prefix
from certwright.apiserver.record import Change, Record

MEMORY = ":memory:"
APPLICATION_ID = 0x63657274
FORMAT = 1
ROWS_PER_STATEMENT = 128
COMPACT_STEP = 1000
"""How many revisions one compaction transaction covers: a few milliseconds of the writer's time."""

CHANGES_BYTES = 8 * 1024 * 1024
"""About how much history is read at one go."""

Row = tuple[int, str, int, bool, bytes]
"""rev, key, prev, gone, value"""

_SCHEMA = """
CREATE TABLE log (
    rev INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    prev INTEGER NOT NULL,
    gone INTEGER NOT NULL,
    value BLOB NOT NULL,
    UNIQUE (key, prev)
) STRICT;
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('floor', 0);
"""
_STAMP = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
_INSERT = "INSERT INTO log (rev, key, prev, gone, value) VALUES "
_INSERTS = [_INSERT + ",".join(["(?,?,?,?,?)"] * n) for n in range(ROWS_PER_STATEMENT + 1)]
_NEWEST = """
SELECT key, rev, gone, CASE gone WHEN 0 THEN value ELSE x'' END FROM log AS l
WHERE NOT EXISTS (SELECT 1 FROM log AS n WHERE n.key = l.key AND n.prev = l.rev) ORDER BY rev
"""
_LIST_AT = """
SELECT key, rev, value FROM log AS l
WHERE key > :after AND key >= :low AND (:high IS NULL OR key < :high) AND rev <= :rev AND NOT gone
AND NOT EXISTS (SELECT 1 FROM log AS n WHERE n.key = l.key AND n.prev = l.rev AND n.rev <= :rev)
ORDER BY key LIMIT :limit
"""
_CHANGES = """
SELECT l.key, l.rev, l.value, l.gone, p.rev, p.value
FROM log AS l LEFT JOIN log AS p ON p.rev = l.prev AND NOT p.gone
WHERE l.rev > :after AND l.rev <= :upto AND +l.key >= :low AND (:high IS NULL OR +l.key < :high)
ORDER BY l.rev LIMIT :limit
"""


class Journal:
    """An open database. `append` and `compact` belong to one thread, the reading methods to another."""

    def __init__(self, path: str, writer: apsw.Connection, reader: apsw.Connection) -> None:
        self.path = path
        self.in_memory = path == MEMORY
        self._writer = writer
        self._reader = reader

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Journal:
        """Open or create the database.

        Raises `DataDirectoryError` for a file that is damaged, foreign, of a newer format, or not writable;
        nothing in such a file is changed.
        """
        name = os.fspath(path)
        if name == MEMORY:
            connection = apsw.Connection(MEMORY)
            connection.execute(f"BEGIN; {_SCHEMA} {_STAMP} COMMIT;")
            return cls(name, connection, connection)
        try:
            create_private(Path(name))
            writer = _open_checked(name)
            reader = apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY)
            reader.set_busy_timeout(1000)
            return cls(name, writer, reader)
        except (apsw.Error, OSError) as error:
            raise DataDirectoryError(_explain(name, error)) from None

    def newest(self) -> Iterator[tuple[Record, bool]]:
        """The newest record of every key in order of revision; True: a tombstone, without a value."""
        try:
            for key, revision, gone, value in self._reader.execute(_NEWEST):
                yield Record(key, revision, value), bool(gone)
        except apsw.Error as error:
            raise DataDirectoryError(_explain(self.path, error)) from None

    def bounds(self) -> tuple[int, int]:
        """The highest revision ever committed (or compacted away), and the compaction floor."""
        highest, floor = self._reader.execute(
            "SELECT (SELECT coalesce(max(rev), 0) FROM log), (SELECT value FROM meta WHERE name = 'floor')"
        ).get
        return max(highest, floor), floor

    def append(self, rows: Sequence[Row]) -> None:
        """Commit the rows as one transaction; they are durable when this returns. Raises `apsw.Error`.

        As few statements as possible: each one gives the interpreter up and has to get it back from a busy
        loop.
        """
        if len(rows) <= ROWS_PER_STATEMENT:
            self._insert(rows)
            return
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            for start in range(0, len(rows), ROWS_PER_STATEMENT):
                self._insert(rows[start : start + ROWS_PER_STATEMENT])
            self._writer.execute("COMMIT")
        except apsw.Error:
            self.roll_back()
            raise

    def holds(self, revision: int) -> bool:
        """Whether a row of that revision is in the database, asked on the writer's connection."""
        return bool(self._writer.execute("SELECT count(*) FROM log WHERE rev = ?", (revision,)).get)

    def _insert(self, rows: Sequence[Row]) -> None:
        self._writer.execute(_INSERTS[len(rows)], [cell for row in rows for cell in row])

    def roll_back(self) -> None:
        """Leave the transaction that failed, where SQLite has not done so itself."""
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def compact(self, start: int, end: int) -> None:
        """Drop what was superseded, and the tombstones written, after revision `start` and up to `end`.

        A row is dropped when its successor is at or below the floor, never because the row itself is: the
        value that was current at the floor has to stay readable. The floor moves in the same transaction.
        """
        span = {"start": start, "end": end}
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            self._writer.execute(
                "DELETE FROM log WHERE rev IN (SELECT prev FROM log WHERE rev > :start AND rev <= :end)", span
            )
            self._writer.execute("DELETE FROM log WHERE rev > :start AND rev <= :end AND gone", span)
            self._writer.execute("UPDATE meta SET value = :end WHERE name = 'floor'", span)
            self._writer.execute("COMMIT")
        except apsw.Error:
            self.roll_back()
            raise

    def list_at(self, prefix: str, after_key: str, limit: int, revision: int) -> list[Record]:
        """What was live at a revision, in key order, at most `limit` (0: all)."""
        wanted = {
            "after": after_key,
            "low": prefix,
            "high": after_prefix(prefix),
            "rev": revision,
            "limit": limit or -1,
        }
        return [Record(*row) for row in self._reader.execute(_LIST_AT, wanted)]

    def changes(self, prefix: str, after: int, upto: int, limit: int) -> tuple[list[Change], int]:
        """The writes in `after` < revision <= `upto` below a prefix, oldest first, at most `limit`.

        Fewer when they are big. Also returns the revision they reach up to: `upto` when all are there.
        """
        rows = self._reader.execute(
            _CHANGES,
            {"after": after, "upto": upto, "low": prefix, "high": after_prefix(prefix), "limit": limit},
        )
        found: list[Change] = []
        room = CHANGES_BYTES
        for key, rev, value, gone, prev, before in rows:
            record = Record(key, rev, value)
            found.append(Change(record, None if prev is None else Record(key, prev, before), bool(gone)))
            room -= len(value)
            if room < 0:
                return found, rev
        return found, found[-1].record.revision if len(found) == limit else upto

    def close(self) -> None:
        """Close the file; the last connection to go folds the write-ahead log into it."""
        self._reader.close()
        self._writer.close()


def _open_checked(path: str) -> apsw.Connection:
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(5000)
    application, version, tables = (
        connection.pragma(name) for name in ("application_id", "user_version", "schema_version")
    )
    if tables and application != APPLICATION_ID:
        raise DataDirectoryError(f"{path} is another program's database; move it away")
    if version > FORMAT:
        raise DataDirectoryError(
            f"{path} is of format {version}, written by a newer certwright (this one reads {FORMAT}); upgrade"
        )
    if connection.readonly("main"):
        raise DataDirectoryError(f"{path} is read-only; check its owner and mode")
    damage = connection.execute("PRAGMA quick_check(1)").get
    if damage != "ok":
        raise DataDirectoryError(_damaged(path, str(damage).splitlines()[-1]))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("secure_delete", "fast")
    if not tables:
        connection.execute(f"BEGIN IMMEDIATE; {_SCHEMA} {_STAMP} COMMIT;")
    return connection


def _damaged(path: str, detail: str) -> str:
    return f"{path} is damaged ({detail}); restore a backup, or move it away to start empty"


def _explain(path: str, error: apsw.Error | OSError) -> str:
    if isinstance(error, OSError):
        return f"{path} cannot be opened ({error.strerror}); check the owner and mode of {Path(path).parent}"
    if isinstance(error, apsw.NotADBError):
        return f"{path} is not a database; restore a backup, or move it away to start empty"
    if isinstance(error, apsw.CorruptError):
        return _damaged(path, str(error))
    if isinstance(error, apsw.FullError):
        return f"{path} cannot be opened ({error}); free some disk space"
    if isinstance(error, apsw.BusyError):
        return f"{path} is locked by another program; stop it"
    return f"{path} cannot be opened ({error}); check the owner and mode of {Path(path).parent}"
