"""The files that `candor init` writes: settings and a commented policy draft.

Owns their text; never writes a file.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence

from relay.consent.origins import DEFAULT_PORTS, host_of, is_loopback
from relay.model import SIGNAL_BY_NAME

DEMO_DAYS = 183
_DEMO_HOSTS = ".corp.example"
"""The demonstration's own apps have a part that is not recorded; a named one's is not known."""

_POLICY = """\
# The policy of this programme: what may be recorded, where, for whom, for how long.
# `candor policy check` says what it means for a person and what is still wrong. When it is right,
# the controller and the representative each sign it on their own machine (`candor policy sign`).
# The notice that people read is made from these facts.

# a-z, 0-9 and -; never changes.
programme = {programme}
# Rises with each version.
number = 1
# "none", or "demo" where one machine holds all keys.
mark = {mark}
# Where devices send to; never changes.
relay = {relay}

# Who is asked, in one sentence.
eligible = {eligible}
# What for, one sentence each.
purposes = {purposes}

# Nothing computed from fewer people is given out as anonymous.
k = 10
# After this many days what is needed to read a day's recordings is destroyed,
retention_days = 183
# and backups are unreadable this many days later.
backup_days = 7

# UTC, both days included.
[window]
first_day = {first_day}
last_day = {last_day}

# Who answers for the programme.
[contacts.controller]
name = {controller_name}
email = {controller_email}

[contacts.data_protection_officer]
name = {officer_name}
email = {officer_email}

# Of the employees; holds the second key.
[contacts.representative]
name = {representative_name}
email = {representative_email}

# One table for each app. Numbers are never reused. Exact origins only. Nothing under an excluded
# path, such as "/payroll", is recorded. Signals: {signals}.
# key_timing can identify a person by how they type; leave it out unless a purpose needs it.
{apps}
# Public keys; a change makes another programme.
[keys]
{keys}
"""

_APP = """\
[[apps]]
app = {number}
id = {id}
name = {name}
origins = [{origin}]
excluded_paths = {excluded}
signals = {signals}
"""

_NO_APP = "".join(
    f"# {line}\n"
    for line in _APP.format(
        number=1,
        id='"crm"',
        name='"CRM"',
        origin='"https://crm.corp.example"',
        excluded='["/payroll"]',
        signals='["click", "pointer"]',
    ).splitlines()
)
_DEMO = {
    "programme": "demo",
    "eligible": "Whoever tries Candor on this computer.",
    "purposes": ["Showing how Candor works, with nobody's real work."],
    "controller_name": "Demo controller",
    "controller_email": "controller@corp.example",
    "officer_name": "Demo data protection officer",
    "officer_email": "privacy@corp.example",
    "representative_name": "Demo representative",
    "representative_email": "representative@corp.example",
}
_BLANK: dict[str, object] = {name: [] if name == "purposes" else "" for name in _DEMO}


def settings_toml(relay: str, keys: Mapping[str, str]) -> str:
    """Return candor.toml for a relay that devices reach at this origin."""
    scheme, _, authority = relay.removesuffix("/").partition("://")
    named = authority.removeprefix(host_of(relay.removesuffix("/"))).removeprefix(":")
    port = int(named or DEFAULT_PORTS[scheme])
    lines = [
        "# Settings of this relay; `candor settings` prints them, `candor settings --help-all`",
        "# explains each (in the source: relay/docs/settings.md).",
        "# Both public keys decide whose policies are accepted here.",
        f"controller_key = {_toml(keys['controller'])}",
        f"representative_key = {_toml(keys['representative'])}",
        f"port = {port}",
    ]
    if not is_loopback(relay):
        lines += [
            "# Where a proxy ends TLS: what it forwards to (host, port), and behind_proxy = true.",
            'host = "0.0.0.0"',
        ]
    lines.append("")
    return "\n".join(lines)


def draft_toml(
    relay: str, apps: Sequence[str], keys: Mapping[str, str], *, demo_from: dt.date | None
) -> str:
    """Return a policy draft.

    Args:
        relay: Origin of the relay.
        apps: Origins of apps, one app each.
        keys: Public keys by name.
        demo_from: First day of a demonstration, which is filled in completely; None leaves open
            what a person must decide.
    """
    last = demo_from and demo_from + dt.timedelta(days=DEMO_DAYS - 1)
    values = {
        **(_BLANK if demo_from is None else _DEMO),
        "mark": "none" if demo_from is None else "demo",
        "relay": relay,
        "first_day": demo_from.isoformat() if demo_from else "",
        "last_day": last.isoformat() if last else "",
    }
    ids = _ids(apps)
    return _POLICY.format(
        **{name: _toml(value) for name, value in values.items()},
        keys="\n".join(f"{name} = {_toml(key)}" for name, key in sorted(keys.items())),
        signals=", ".join(SIGNAL_BY_NAME),
        apps="\n".join(
            _app(number, ids[number - 1], origin, demo=demo_from is not None)
            for number, origin in enumerate(apps, start=1)
        )
        or _NO_APP,
    )


def _app(number: int, app_id: str, origin: str, *, demo: bool) -> str:
    signals = sorted(name for name in SIGNAL_BY_NAME if demo or name != "key_timing")
    return _APP.format(
        number=number,
        id=_toml(app_id),
        name=_toml(app_id.upper() if len(app_id) <= len("crm") else app_id.capitalize()),
        origin=_toml(origin),
        excluded=_toml(["/payroll"] if demo and host_of(origin).endswith(_DEMO_HOSTS) else []),
        signals=_toml(signals),
    )


def _ids(origins: Sequence[str]) -> list[str]:
    """Return an id for each origin: the first label of its host, made unique."""
    ids: list[str] = []
    for number, origin in enumerate(origins, start=1):
        label = host_of(origin).strip("[]").partition(".")[0].replace("_", "-")[:24]
        usable = label if label.isalnum() and not label.isdigit() else f"app-{number}"
        ids.append(usable if usable not in ids else f"{usable}-{number}")
    return ids


def _toml(value: object) -> str:
    """Write text or a list of texts as TOML, which for these is the same as JSON."""
    return json.dumps(value, ensure_ascii=False)
