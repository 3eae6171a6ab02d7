"""Hearing SIGTERM from the first moment of `candor serve`, before anything slow is loaded.

Owns that handler until the relay sets its own; as the first process of a container it would
otherwise not be ended by SIGTERM at all. Imported first, for this effect; never does more.
"""

from __future__ import annotations

import os
import signal
import sys


def _end(*_: object) -> None:
    os._exit(0)  # nothing is open yet, and an exception could be caught by what is being loaded


if sys.argv[1:2] == ["serve"]:
    signal.signal(signal.SIGTERM, _end)
