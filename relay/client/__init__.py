"""The independent Python device, and what else speaks to a relay from outside.

Owns a second implementation of `candor.v1` that shares no codec with the relay; never imports the
relay's messages, store or web.
"""

from relay.client.consenting import Grants, grants_of
from relay.client.device import Device
from relay.client.enrolment import Enrolment, parse_enrolment
from relay.client.joining import Offer
from relay.client.outbox import Events
from relay.client.transports import Choice, Pace
from relay.client.web import Web, tls_context

__all__ = [
    "Choice",
    "Device",
    "Enrolment",
    "Events",
    "Grants",
    "Offer",
    "Pace",
    "Web",
    "grants_of",
    "parse_enrolment",
    "tls_context",
]
