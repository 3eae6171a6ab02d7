"""What a policy means for a person, in sentences.

Owns the words for signals, apps and days; the notice and `candor policy check` say the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay.consent.document import App, Mark, Policy, day_text
from relay.model import SIGNAL_BY_NAME, Day

SIGNAL_WORDS = {
    "pointer": "Your pointer's path: where it is in the page, at most once in 10 ms.",
    "click": (
        "Clicks: when, with which button, and on what kind of element (such as a button or a "
        "link), never on which text."
    ),
    "hover": "Resting: how long your pointer stays on what kind of element.",
    "typing": (
        "That you type: when a stretch of typing begins, how many keys it has, how long it lasts, "
        "in what kind of field. Never which keys."
    ),
    "key_timing": (
        "Key timing: when each key goes down, how long it is held, and one of five classes (type, "
        "correct, submit, move, shortcut). Never which key."
    ),
    "scroll": "Scrolling: when and how far.",
    "attention": (
        "Attention: whether the page is in view and in focus, and whether a minute passed without "
        "input."
    ),
    "navigation": (
        "Moving between pages: when you come from one approved app to another or change pages, "
        "and how long you stayed. Never an address or a title."
    ),
}
KEY_TIMING_LEAK = (
    "How you type can identify you: in a published study 200 people were told apart by one typed "
    "sentence with 84 % rank-1 accuracy; removing key contents only lowered it to 81 %."
)
MARK_WORDS: dict[Mark, str | None] = {
    "none": None,
    "demo": (
        "This is a demonstration: one machine holds all keys, so whoever owns it can read "
        "everything alone."
    ),
    "simulation": "This is a simulation: no real person is recorded.",
}

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def signals_used(policy: Policy) -> list[str]:
    """Return the names of every signal that some app of the policy allows, in the usual order."""
    used = {signal for app in policy.apps for signal in app.signals}
    return [name for name in SIGNAL_BY_NAME if name in used]


def app_sentence(app: App) -> str:
    """Say what may be observed in an app, and where not."""
    where = join(app.origins)
    what = join(signal.replace("_", " ") for signal in app.signals)
    outside = (
        f" Nothing under {join(app.excluded_paths, 'or')} is recorded."
        if app.excluded_paths
        else ""
    )
    return f"{app.name} ({where}): {what}.{outside}"


def mark_sentence(policy: Policy) -> str | None:
    """Say what the policy's mark means, or None for an ordinary one."""
    return MARK_WORDS[policy.mark]


def retention_sentence(policy: Policy) -> str:
    """Say how long what is recorded stays readable."""
    return (
        f"Each day's recordings are kept for {days(policy.retention_days)} after they arrive; then "
        f"what is needed to read them is destroyed. Backups become unreadable within "
        f"{days(policy.backup_days)} after that."
    )


def policy_sentences(policy: Policy) -> list[str]:
    """Return what signing this policy would mean for a person, one sentence or two each."""
    mark = mark_sentence(policy)
    return [
        *([mark] if mark else []),
        (
            f"Policy {policy.number} of the programme {policy.programme}, from "
            f"{date(policy.first_day)} to {date(policy.last_day)} (UTC), asks: {policy.eligible}"
        ),
        *(f"For: {purpose}" for purpose in policy.purposes),
        *(f"In {app_sentence(app)}" for app in policy.apps),
        *([KEY_TIMING_LEAK] if "key_timing" in signals_used(policy) else []),
        (
            f"Recordings go to {policy.relay}, sealed. Reading them takes two keys: the "
            f"researchers' and that of {policy.contacts.representative.name}."
        ),
        retention_sentence(policy),
        f"Nothing computed from fewer than {policy.k} people is given out as anonymous.",
    ]


def date(day: Day) -> str:
    """Return a day in words, such as "24 November 2026"."""
    year, month, number = day_text(day).split("-")
    return f"{int(number)} {_MONTHS[int(month) - 1]} {year}"


def days(count: int) -> str:
    """Return a number of days in words."""
    return "1 day" if count == 1 else f"{count} days"


def join(items: Iterable[str], last: str = "and") -> str:
    """Return items as a list in a sentence."""
    *first, final = items
    return f"{', '.join(first)} {last} {final}" if first else final
