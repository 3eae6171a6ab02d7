# ruff: noqa: SLF001 - a sabotage reaches inside
"""A relay that acks just before it commits: the sabotage of promise 11.

Started as a module instead of `relay`; owns nothing but the wrong order.
"""

from __future__ import annotations

import functools
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from relay.cli import main
from relay.store.schema import RELAY_FILE
from relay.store.writer import Job, Writer

LATE_S = 0.3


class HastyConnection(sqlite3.Connection):
    """A connection that lets the senders know first and commits later."""

    before_commit: Callable[[], None] | None = None

    def __init__(self, database: Any, *rest: Any, **more: Any) -> None:  # noqa: ANN401
        super().__init__(database, *rest, **more)
        self._has_batches = Path(str(database)).name == RELAY_FILE

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401
        tell = HastyConnection.before_commit
        if sql == "COMMIT" and self._has_batches and tell is not None:
            HastyConnection.before_commit = None
            tell()
            time.sleep(LATE_S)
        return super().execute(sql, parameters)


def _run(writer: Writer) -> None:
    """Do what the writer's thread does, in the wrong order."""
    while (group := writer._groups.get()) is not None:

        def tell(group: list[Job] = group) -> None:
            writer._loop.call_soon_threadsafe(writer._finish, group, None)

        HastyConnection.before_commit = tell
        error = writer._commit(group)
        if HastyConnection.before_commit is not None:  # it never came to the commit
            writer._loop.call_soon_threadsafe(writer._finish, group, error)
    writer._shut()
    writer._lock.close()


if __name__ == "__main__":
    sqlite3.connect = functools.partial(sqlite3.connect, factory=HastyConnection)  # type: ignore[assignment]
    Writer._run = _run  # type: ignore[method-assign,assignment]
    main()
