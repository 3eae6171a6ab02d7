"""The mark that mutated input carries, and the search for it in what a decoder says.

Owns both; never decides which decoders may say what they read.
"""

from __future__ import annotations

import traceback
from typing import Final

CANARY: Final = "zqCanary7"
"""No word of ours: where it is said, input was quoted."""
POINTING: Final = f"x - at `$.{CANARY}`"
"""The same, made to look like the end of msgspec's messages, which name a place there."""


def is_quoted_by(error: BaseException) -> bool:
    """Tell whether an error's text, or the traceback that a log would hold, quotes its input."""
    said = "".join(traceback.format_exception_only(error))
    while error.__cause__ is not None or not error.__suppress_context__:
        following = error.__cause__ or error.__context__
        if following is None:
            break
        error = following
        said += "".join(traceback.format_exception_only(error))
    return CANARY in said or CANARY.encode().hex() in said
