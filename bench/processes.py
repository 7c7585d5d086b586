"""CPU time and peak memory of processes, read from /proc (Linux). It starts and ends nothing."""

import os
from pathlib import Path

from msgspec import Struct

_TICK = os.sysconf("SC_CLK_TCK")


class Process(Struct, frozen=True):
    """A process to measure, under the name to print."""

    name: str
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time so far, children that were waited for included."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(value) for value in fields[11:15]) / _TICK

    def rss_mb(self) -> float:
        """The resident set now, in MB (VmRSS)."""
        return self._status_mb("VmRSS:")

    def peak_rss_mb(self) -> float:
        """The largest resident set so far, in MB (VmHWM)."""
        return self._status_mb("VmHWM:")

    def _status_mb(self, field: str) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
        return 0.0


def parse(texts: tuple[str, ...]) -> list[Process]:
    """Read NAME=PID pairs. Raises ValueError on anything else."""
    processes = []
    for text in texts:
        name, _, pid = text.partition("=")
        if not name or not pid.isdecimal():
            raise ValueError(f"--process {text}: expected NAME=PID")
        processes.append(Process(name, int(pid)))
    return processes
