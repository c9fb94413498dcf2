"""Memory that is freed goes back to the system, so that catching up costs none for good."""

from __future__ import annotations

import ctypes

import pyarrow as pa

_MMAP_THRESHOLD = -3  # glibc's M_MMAP_THRESHOLD
_LARGE_BYTES = 128 << 10


def give_back_what_is_freed() -> None:
    """For the whole process; where the C library is not glibc, for Arrow's tables alone.

    Arrow's own pool keeps what it once had. So does glibc: a large piece is mapped on its own
    and unmapped when freed, but each freed one raises the size from which pieces are large, up
    to 32 MiB. A size that was set stays.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_MMAP_THRESHOLD, _LARGE_BYTES)
