"""The address that a service listens on."""

from __future__ import annotations

import socket
import sys


def bind(host: str, port: int) -> socket.socket:
    """A socket at this address, taken before a service does anything else.

    When it cannot be had, the process ends with a line that says why.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        print(
            f"error: {host}:{port} cannot be used ({error.strerror}); "
            "stop what uses it or choose another by --port.",
            file=sys.stderr,
        )
        sys.exit(2)
    return listener
