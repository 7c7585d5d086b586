"""Gives memory back to the system once a process has read what it keeps; no cache, no limits."""

from __future__ import annotations

import contextlib
import ctypes
import gc


def give_back() -> None:
    """Collect garbage, count what is left as permanent, and return free memory (glibc; elsewhere a no-op).

    Reading long lists takes much memory for a short time, which the allocator would keep.
    """
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
