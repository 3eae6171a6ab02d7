"""Running async code from tests that drive a browser.

Owns one thread at a time: the browser's driver has an event loop of its own in the main one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def aside(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run async work to its end in a thread of its own and return what it returns."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()
