"""kill -9 at any moment: what was acknowledged is there, and no revision that was seen is given out again."""

import asyncio
import json
import random
import subprocess
import sys

import pytest

from certwright.apiserver.log import Log

WRITER = """
import asyncio, json, sys
from certwright.apiserver.log import Log

async def write(log, name):
    key = f"g/p/ns/{name}"
    while True:
        live = log.get(key)
        made = []
        def make(revision):
            made.append(revision)
            return json.dumps({"revision": revision, "pad": "x" * 500}).encode()
        if live and live.revision % 5 == 0:
            print("delete", key, await log.delete(key, live.revision, make), flush=True)
        else:
            print("write", key, await log.write(key, live.revision if live else 0, make), flush=True)

async def compact(log):
    while True:
        await asyncio.sleep(0.01)
        await log.compact(max(log.floor, log.revision - 50))

async def main():
    log = Log.open(sys.argv[1])
    print("open", "-", log.revision, flush=True)
    await asyncio.gather(compact(log), *(write(log, n) for n in range(8)))

asyncio.run(main())
"""


def _run_and_kill(path, lines):
    """Start a writer, kill it after so many acknowledgements, and return all it has acknowledged."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as child:
        said = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        said += [line for line in child.stdout if line.endswith("\n")]
    return [(verb, key, int(revision)) for verb, key, revision in map(str.split, said)]


@pytest.mark.parametrize("seed", range(2))
def test_no_acknowledged_write_is_lost_and_no_revision_is_used_twice(tmp_path, seed):
    rng = random.Random(seed)
    path = tmp_path / "state.db"
    newest: dict[str, tuple[str, int]] = {}
    seen = 0
    for _ in range(5):
        opened, *acknowledged = _run_and_kill(path, rng.randint(2, 400))
        assert opened[2] >= seen
        revisions = [revision for _, _, revision in acknowledged]
        assert len(set(revisions)) == len(revisions)
        assert min(revisions, default=seen + 1) > seen
        newest.update({key: (verb, revision) for verb, key, revision in acknowledged})
        seen = max([opened[2], *revisions])
        asyncio.run(_check(path, newest, seen))


async def _check(path, newest, seen):
    log = Log.open(path)
    assert log.revision >= seen
    for key, (verb, revision) in newest.items():
        record = log.get(key)
        # a write may have become durable just before its acknowledgement was cut off
        if verb == "write":
            assert record is None or record.revision >= revision
            assert record is not None or log.revision > revision
        elif record is not None:
            assert record.revision > revision
        if record is not None:
            assert json.loads(record.value)["revision"] == record.revision
    await log.close()
