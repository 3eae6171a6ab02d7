"""What every decoder is held to on every input, and how long it may take.

Owns the judgement; the tests, the guided run and the sabotages all ask here.
"""

from __future__ import annotations

import time
from typing import Final

from relay.errors import CandorError
from tests.fuzz.canary import is_quoted_by
from tests.fuzz.target import Target

MAX_SECONDS: Final = 1.0
"""Of this thread's own time, for one input of at most some 100 kB; most take microseconds."""
REFUSED: Final = ""


class FoundError(AssertionError):
    """A decoder broke its promise on an input."""


def judge(target: Target, data: bytes) -> str:
    """Let a decoder read an input; return what it took in its written form, or `REFUSED`.

    Args:
        target: The decoder.
        data: The input.

    Raises:
        FoundError: It raised something else than it documents, quoted its input, or took too long.
    """
    started = time.thread_time()
    try:
        taken = target.read(data)
    except target.errors as error:
        if not target.is_public and is_quoted_by(error):
            raise FoundError(f"quoted its input: {data[:200]!r}") from error
        taken = REFUSED
    except (Exception, RecursionError) as error:
        kind = "documents another error" if isinstance(error, CandorError) else "let it through"
        raise FoundError(f"{kind}: {type(error).__name__} for {data[:200]!r}") from error
    spent = time.thread_time() - started
    if spent > MAX_SECONDS:
        raise FoundError(f"took {spent:.1f} s for {len(data)} bytes: {data[:200]!r}")
    return taken
