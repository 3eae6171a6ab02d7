"""What may be recorded in an app: the grant, cut to what the agreed and the current policy allow.

Owns the cut; whatever a newer policy widens stays off until it is agreed to (promise 9). The
extension cuts by the same rule.
"""

from __future__ import annotations

from relay.consent.document import Policy
from relay.consent.receipt import Receipt
from relay.model import Signal


def is_widened(agreed: Policy, current: Policy) -> bool:
    """Tell whether a newer policy widens anything for a person beyond apps and signals."""
    return (
        current.programme != agreed.programme
        or current.mark != agreed.mark
        or current.eligible != agreed.eligible
        or not set(current.purposes) <= set(agreed.purposes)
        or current.retention_days > agreed.retention_days
        or current.backup_days > agreed.backup_days
        or current.k < agreed.k
    )


def scope(agreed: Policy, current: Policy, receipt: Receipt, app: int) -> Signal:
    """Return the signals that may be recorded in an app; none gives no bits.

    Args:
        agreed: The policy that the receipt names.
        current: The newest verified policy.
        receipt: The newest confirmed receipt.
        app: App number, 1-65535.
    """
    before, now = agreed.app(app), current.app(app)
    if (
        before is None
        or now is None
        or before.id != now.id
        or is_widened(agreed, current)
        or not set(before.origins) & set(now.origins)
    ):
        return Signal(0)
    return receipt.granted(app) & before.signals_bits & now.signals_bits
