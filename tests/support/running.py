"""A published demo programme on a free port of this computer, for tests without a browser.

Owns the order of its start and its end.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.relay import Relay
from tests.support.tls import Authority


@contextlib.contextmanager
def start_relay(folder: Path, command: Sequence[str] = ("-m", "relay")) -> Iterator[Relay]:
    """Run a relay whose policy is published, until the `with` block ends.

    Args:
        folder: Everything goes below it.
        command: What is started instead of `candor`; only a sabotage needs it.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    authority = Authority(folder / "authority")
    relay = Relay(
        folder / "programme", authority, origin=f"https://127.0.0.1:{port}", command=command
    )
    relay.port = port
    relay.init()
    relay.start()
    try:
        relay.publish()
        yield relay
    finally:
        relay.stop()
