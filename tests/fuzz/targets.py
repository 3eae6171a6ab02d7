"""Every decoder and parser that meets bytes from elsewhere, as one function each.

Owns their names. `read` returns what was taken in its one written form, so that two readers of the
same bytes can be compared; it raises nothing but a CandorError.
"""

from __future__ import annotations

from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.targets_consent import CONSENT
from tests.fuzz.targets_protocol import PROTOCOL
from tests.fuzz.targets_readers import READERS

TARGETS: Final[dict[str, Target]] = {**PROTOCOL, **CONSENT, **READERS}
