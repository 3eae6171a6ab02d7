"""Refusals and faults that several rights share.

Owns their wording; decides nothing.
"""

from __future__ import annotations

from relay.errors import ProtocolError
from relay.protocol.effects import Fault
from relay.protocol.messages import Enrol, Grant, Refusal, Withdraw, type_of


def refused(message: Enrol | Grant | Withdraw, reason: str) -> Refusal:
    """Refuse a message for a reason of protocol.md section 7."""
    return Refusal(of=type_of(message), reason=str(reason))


def bad_signature() -> ProtocolError:
    """Return the fault of a device whose own signature does not verify."""
    return ProtocolError(
        "A device's signature does not verify. It must sign this connection's challenge for this "
        "relay's origin.",
        close_code=Fault.BAD_SIGNATURE,
        code=Fault.BAD_SIGNATURE.label,
    )


def unknown_device() -> ProtocolError:
    """Return the fault of a device that is not enrolled here."""
    return ProtocolError(
        "The relay does not know this device in this programme. Enrol first.",
        close_code=Fault.UNKNOWN_DEVICE,
        code=Fault.UNKNOWN_DEVICE.label,
    )
