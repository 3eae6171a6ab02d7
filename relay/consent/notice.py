"""The notice: what a participant reads before saying yes or no, made from the policy's own facts.

Owns the text; deterministic, so that everyone can make it again and compare its hash.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Iterable

from relay.consent.document import Contact, Policy
from relay.consent.sentences import (
    KEY_TIMING_LEAK,
    SIGNAL_WORDS,
    app_sentence,
    date,
    mark_sentence,
    retention_sentence,
    signals_used,
)

WIDTH = 72

_NEVER = (
    "What you write, read, copy or paste; titles, addresses, names or values of anything.",
    (
        "Anything, not even counts, from fields for passwords, one-time codes or payment, from "
        "hidden fields, and from regions that the app marks as private."
    ),
    (
        "Pictures of your screen, sound, or anything outside the apps listed above: the browser "
        "itself gives Candor no access elsewhere."
    ),
)
_LIMITS = (
    "Positions, counts and timing can hint at content, such as how long a text was.",
    (
        "Whoever watches the network or your computer sees that it talks to Candor, and how much. "
        "The operator sees when a pseudonymous stream sends, not whose it is."
    ),
    (
        "Whoever manages your computer can install other software, or a changed Candor. Both key "
        "holders together can read what you sent. What was opened before you leave stays opened."
    ),
    "Consent at work needs a works agreement as well. Candor does not replace one.",
)
_RIGHTS = (
    (
        "You can withdraw at any time, as easily as you agreed, without giving a reason and "
        "without any consequence. What was done before stays lawful (GDPR, article 7(3))."
    ),
    (
        "You can ask for access to your data, its correction, erasure, restriction, or a copy to "
        "take along, and you can object (GDPR, articles 15 to 18, 20 and 21)."
    ),
    "You can complain to your data protection authority (GDPR, article 77).",
)


def render_notice(policy: Policy) -> str:
    """Return the notice as plain English text, lines of at most 72 characters where words allow.

    Args:
        policy: The facts. Its `notice` is not read, since that is the hash of this text.
    """
    mark = mark_sentence(policy)
    contacts = policy.contacts
    sections = [
        _section(
            f"Notice: programme {policy.programme}, policy {policy.number}",
            [
                *([mark] if mark else []),
                "Please read this before you decide. Yes and no are equal.",
            ],
        ),
        _section(
            "Who asks, and whom",
            [
                f"{_contact(contacts.controller)} answers for this programme.",
                f"Who is asked: {policy.eligible}",
                "Taking part is your choice. Nobody using Candor can see who said yes or no.",
            ],
        ),
        _section("What for", _items(policy.purposes)),
        _paragraphs(
            "Never for appraisal: no page, interface or dataset gives anyone else figures about "
            "one person, and recordings are not used to judge how anyone works."
        ),
        _section("Where", _items(app_sentence(app) for app in policy.apps)),
        _section(
            "What would be recorded, for each kind that you switch on",
            _items(_signal(name) for name in signals_used(policy)),
        ),
        _section("What is never recorded", _items(_NEVER)),
        _section(
            "Who can read it",
            [
                (
                    f"Your browser seals everything before it leaves, and sends it to "
                    f"{policy.relay}. Opening it takes two keys, held by two sides on their own "
                    f"machines: the researchers' and that of your representative, "
                    f"{contacts.representative.name}. Neither can open anything alone. The "
                    "operator, who runs the server, cannot open anything."
                ),
                "Your own copy opens on your own computer.",
                f"Nothing computed from fewer than {policy.k} people is given out as anonymous.",
            ],
        ),
        _section(
            "How long",
            [
                (
                    f"Recording is possible from {date(policy.first_day)} to "
                    f"{date(policy.last_day)} (UTC), and ends by itself."
                ),
                retention_sentence(policy),
            ],
        ),
        _section(
            "How to stop",
            [
                (
                    "Pause: one click on the Candor button, for the site, for an hour, or until "
                    "you resume. Withdraw: the Candor button, then Withdraw; it takes effect on "
                    "your computer at once, also offline. Removing the extension stops it too."
                ),
            ],
        ),
        _section("Your rights", _items(_RIGHTS)),
        _section("What Candor cannot promise", _items(_LIMITS)),
        _section(
            "Whom you can ask",
            _items(
                (
                    f"Controller: {_contact(contacts.controller)}",
                    f"Data protection officer: {_contact(contacts.data_protection_officer)}",
                    f"Representative: {_contact(contacts.representative)}",
                )
            ),
        ),
    ]
    return "\n\n".join(sections) + "\n"


def notice_hash(text: str) -> str:
    """Return SHA-256 of the notice's UTF-8 bytes in lower-case hex, as a policy names it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _signal(name: str) -> str:
    words = SIGNAL_WORDS[name]
    return f"{words} {KEY_TIMING_LEAK}" if name == "key_timing" else words


def _contact(contact: Contact) -> str:
    return f"{contact.name} ({contact.email})"


def _section(title: str, paragraphs: Iterable[str]) -> str:
    return f"{title.upper()}\n\n" + "\n".join(_paragraphs(text) for text in paragraphs)


def _items(texts: Iterable[str]) -> Iterable[str]:
    return (f"- {text}" for text in texts)


def _paragraphs(text: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        subsequent_indent="  " if text.startswith("- ") else "",
        break_long_words=False,
        break_on_hyphens=False,
    )
