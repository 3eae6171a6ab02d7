"""Vectors of canonical JSON, policies, receipts, pages and enrolment strings (sections 1, 2, 8)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator

from tests.vectors.craft import (
    PROGRAMME,
    RELAY,
    Json,
    Vector,
    canonical_text,
    changed,
    drawn,
    encoded,
    hashed,
    packed,
    policy_document,
    receipt_document,
    signing,
    vector,
)

CANONICAL: dict[str, tuple[str, str, bool]] = {
    "sorted": ("Keys are sorted", '{"a":1,"b":[true,"x"]}', True),
    "numeric_keys_as_text": ("Keys sort as text, also digits", '{"10":1,"9":2}', True),
    "text_unescaped": ("Text stands as UTF-8", '{"a":"Köln ✓ 😀"}', True),
    "controls_escaped_short": (
        "Control characters have their short escapes",
        '{"a":"\\n\\u0001"}',
        True,
    ),
    "largest_integer": ("Integers reach 2^53-1", '{"a":9007199254740991}', True),
    "unsorted": ("Unsorted keys are refused", '{"b":1,"a":2}', False),
    "space": ("White space is refused", '{"a": 1}', False),
    "newline_after": ("A newline at the end is refused", '{"a":1}\n', False),
    "repeated_key": ("A key stands once", '{"a":1,"a":1}', False),
    "float": ("Floats are refused", '{"a":1.0}', False),
    "exponent": ("Exponents are refused", '{"a":1e2}', False),
    "minus_zero": ("-0 is refused", '{"a":-0}', False),
    "null": ("null is refused", '{"a":null}', False),
    "integer_of_54_bits": ("Larger integers are refused", '{"a":9007199254740992}', False),
    "escaped_needlessly": ("Needless escapes are refused", '{"a":"\\u0041"}', False),
    "slash_escaped": ("An escaped slash is refused", '{"a":"\\/"}', False),
    "lone_surrogate": ("Half a character is refused", '{"a":"\\ud800"}', False),
    "key_not_ascii": ("Keys are ASCII", '{"ä":1}', False),
    "byte_order_mark": ("A byte order mark is refused", '\ufeff{"a":1}', False),
    "two_documents": ("One document, nothing after it", "{}{}", False),
}

_APP = policy_document()["apps"][0]
POLICY_REFUSED: dict[str, tuple[str, str, Json]] = {
    "unknown_field": ("An unknown field would widen unseen", "screen", "yes"),
    "missing_field": ("Every field is required", "retention_days", None),
    "other_format": ("The format is candor-policy-v1", "format", "candor-policy-v2"),
    "number_zero": ("Numbers begin at 1", "number", 0),
    "number_as_text": ("Numbers are integers", "number", "1"),
    "bool_for_number": ("A boolean is no number", "number", True),
    "mark_unknown": ("Marks are a closed list", "mark", "test"),
    "programme_in_capitals": ("Programmes are a-z, 0-9 and -", "programme", "Assist"),
    "programme_empty": ("A programme has a name", "programme", ""),
    "no_apps": ("A policy approves an app", "apps", []),
    "app_zero": ("App numbers begin at 1", "apps.0.app", 0),
    "apps_out_of_order": ("Apps rise by number", "apps.0.app", 3),
    "app_number_twice": ("An app number stands once", "apps.1.app", 1),
    "app_id_twice": ("An app id stands once", "apps.1.id", "crm"),
    "origin_of_two_apps": (
        "An origin belongs to one app",
        "apps.1.origins",
        ["https://crm.corp.example"],
    ),
    "app_without_origins": ("An app lives somewhere", "apps.0.origins", []),
    "app_without_signals": ("An app has a signal", "apps.0.signals", []),
    "signal_unknown": ("Signals are a closed list", "apps.0.signals", ["screen"]),
    "signals_out_of_order": ("Signals are sorted", "apps.0.signals", ["pointer", "click"]),
    "signal_twice": ("A signal stands once", "apps.0.signals", ["click", "click"]),
    "http_origin": ("Approved origins are https", "apps.0.origins", ["http://crm.corp.example"]),
    "wildcard_origin": ("Wildcards are reserved", "apps.0.origins", ["https://*.corp.example"]),
    "origin_with_path": ("An origin has no path", "apps.0.origins", ["https://crm.corp.example/"]),
    "origin_with_default_port": (
        "The default port is left out",
        "apps.0.origins",
        ["https://crm.corp.example:443"],
    ),
    "origin_in_capitals": (
        "Hosts are in lower case",
        "apps.0.origins",
        ["https://CRM.corp.example"],
    ),
    "origin_with_trailing_dot": (
        "A host has no dot at its end",
        "apps.0.origins",
        ["https://crm.corp.example."],
    ),
    "origin_with_user": (
        "An origin has no credentials",
        "apps.0.origins",
        ["https://me@crm.corp.example"],
    ),
    "origin_of_a_short_number": (
        "A numeric host is four numbers",
        "apps.0.origins",
        ["https://127.1"],
    ),
    "excluded_path_relative": ("Excluded paths begin with /", "apps.0.excluded_paths", ["payroll"]),
    "excluded_path_root": ("Excluding everything is no exclusion", "apps.0.excluded_paths", ["/"]),
    "excluded_path_encoded": (
        "Excluded paths are written decoded",
        "apps.0.excluded_paths",
        ["/pay%72oll"],
    ),
    "catalogue_set": ("Catalogues are reserved", "apps.0.catalogue", "00"),
    "app_with_unknown_field": (
        "Unknown fields are refused inside apps",
        "apps.0",
        {**_APP, "screen": 1},
    ),
    "k_one": ("k is at least 2", "k", 1),
    "retention_too_long": ("Retention is at most 1 096 days", "retention_days", 1_097),
    "no_purpose": ("A programme has a purpose", "purposes", []),
    "purpose_of_two_lines": ("A purpose is one line", "purposes", ["one\ntwo"]),
    "email_with_control": (
        "An email is printable",
        "contacts.representative.email",
        "no\x1cbody@corp.example",
    ),
    "email_with_byte_order_mark": (
        "An email holds nothing that is not seen",
        "contacts.representative.email",
        "nobody@corp.example\ufeff",
    ),
    "email_without_at": ("An email has an @", "contacts.representative.email", "nobody"),
    "contact_missing": (
        "Someone answers for data protection",
        "contacts.data_protection_officer",
        None,
    ),
    "key_missing": ("Every key is named", "keys.requests", None),
    "key_padded": ("Keys have no padding", "keys.codes", encoded(drawn("k")) + "="),
    "key_too_short": ("Signing keys have 32 bytes", "keys.codes", encoded(drawn("k", 31))),
    "sealing_key_too_short": (
        "Sealing keys have 1 216 bytes",
        "keys.inner",
        encoded(drawn("k", 32)),
    ),
    "one_key_for_two_roles": (
        "No two keys are equal",
        "keys.representative",
        encoded(signing("controller").public),
    ),
    "relay_http": ("The relay is https", "relay", "http://candor.corp.example"),
    "window_backwards": (
        "The window does not end before it begins",
        "window",
        {"first_day": "2027-01-01", "last_day": "2026-12-31"},
    ),
    "window_too_long": ("The window is at most 1 096 days", "window.last_day", "2030-11-24"),
    "day_of_year_zero": (
        "Days are of the common era",
        "window",
        {"first_day": "0000-01-01", "last_day": "0000-12-31"},
    ),
    "day_that_is_none": ("Days are real", "window.first_day", "2026-02-30"),
    "notice_in_capitals": ("Hashes are lower case", "notice", "A" * 64),
    "demo_from_elsewhere": ("A demonstration runs on this computer only", "mark", "demo"),
}
RECEIPT_REFUSED: dict[str, tuple[str, str, Json]] = {
    "unknown_field": ("Unknown fields are refused", "extra", 1),
    "missing_field": ("Every field is required", "nonce", None),
    "grants_under_none": ("Kind none grants nothing", "kind", "none"),
    "grant_without_grants": ("Kind grant grants something", "grants", []),
    "grant_without_signals": ("A grant names a signal", "grants.0.signals", []),
    "signal_unknown": ("Signals are a closed list", "grants.0.signals", ["screen"]),
    "signals_out_of_order": ("Signals are sorted", "grants.0.signals", ["pointer", "click"]),
    "app_zero": ("App numbers begin at 1", "grants.0.app", 0),
    "device_too_short": ("A device key has 32 bytes", "device", encoded(drawn("k", 31))),
    "policy_too_short": ("A policy hash has 64 digits", "policy", "00"),
    "given_before_1970": ("Times are not negative", "given_at", -1),
    "bool_for_time": ("A boolean is no time", "given_at", True),
    "language_odd": ("A language is a language tag", "language", "English"),
    "kind_unknown": ("Kinds are grant and none", "kind", "maybe"),
}
PAGES: dict[str, tuple[str, str, Json]] = {
    "exact_origin": ("An approved page", "https://crm.corp.example/customers?id=1#top", 1),
    "default_port": ("The default port is the same origin", "https://crm.corp.example:443/", 1),
    "capitals": ("Hosts and schemes have no case", "HTTPS://CRM.corp.EXAMPLE/", 1),
    "other_port": (
        "Another port is another origin",
        "https://crm.corp.example:8443/",
        "not_approved",
    ),
    "listed_port": ("A listed port is approved", "https://wiki.corp.example:8443/a", 2),
    "http": ("http is another origin", "http://crm.corp.example/", "not_approved"),
    "subdomain": ("A subdomain is another host", "https://a.crm.corp.example/", "not_approved"),
    "suffix": (
        "A longer host is another host",
        "https://crm.corp.example.evil.example/",
        "not_approved",
    ),
    "trailing_dot": ("A dot at the end is refused", "https://crm.corp.example./", "malformed"),
    "credentials": ("Credentials are refused", "https://me:pw@crm.corp.example/", "malformed"),
    "credentials_that_deceive": (
        "A host behind @ is refused",
        "https://crm.corp.example@evil.example/",
        "malformed",
    ),
    "empty_port": ("A port without a number is refused", "https://crm.corp.example:/", "malformed"),
    "file": ("Files are outside", "file:///etc/passwd", "malformed"),
    "blank": ("about:blank is outside", "about:blank", "malformed"),
    "excluded": ("An excluded path", "https://crm.corp.example/payroll", "excluded_path"),
    "excluded_below": (
        "Whatever lies below it",
        "https://crm.corp.example/payroll/may?x",
        "excluded_path",
    ),
    "excluded_sibling": ("A longer name is another path", "https://crm.corp.example/payrolls", 1),
    "excluded_in_capitals": (
        "Paths are compared without case",
        "https://crm.corp.example/PayRoll",
        "excluded_path",
    ),
    "excluded_encoded": (
        "Escapes are decoded",
        "https://crm.corp.example/pay%72oll",
        "excluded_path",
    ),
    "excluded_encoded_twice": (
        "Again and again",
        "https://crm.corp.example/pay%2572oll",
        "excluded_path",
    ),
    "excluded_behind_slashes": (
        "Empty segments are left out",
        "https://crm.corp.example//payroll//",
        "excluded_path",
    ),
    "excluded_behind_backslash": (
        "Backslashes are slashes",
        "https://crm.corp.example/%5Cpayroll",
        "excluded_path",
    ),
    "excluded_with_parameters": (
        "Parameters are cut",
        "https://crm.corp.example/payroll;v=1/may",
        "excluded_path",
    ),
    "upwards": (
        "A path that leads upwards is uncertain",
        "https://crm.corp.example/a/%2e%2e/payroll",
        "excluded_path",
    ),
    "escape_cut_short": (
        "A broken escape is uncertain",
        "https://crm.corp.example/a%2",
        "excluded_path",
    ),
    "escape_not_utf8": (
        "Escapes that are no UTF-8 are uncertain",
        "https://crm.corp.example/%ff",
        "excluded_path",
    ),
    "uncertain_but_nothing_excluded": (
        "Without excluded paths nothing is uncertain",
        "https://wiki.corp.example/%ff",
        2,
    ),
}

_FINGERPRINT = hashed(
    "candor/v1/fingerprint", signing("controller").public, signing("representative").public
)
_CODE = drawn("enrolment code", 16)
_CODE_SIGNATURE = signing("codes").sign("candor/v1/code", PROGRAMME, _CODE)
_PARTS = (RELAY, _FINGERPRINT, _CODE, _CODE_SIGNATURE)
_LINE = "candor1." + encoded(packed(*_PARTS))


def _line(*parts: Json) -> str:
    return "candor1." + encoded(packed(*parts))


ENROLMENT_REFUSED: dict[str, tuple[str, str]] = {
    "cut_off": ("The string is whole", _LINE[:-4]),
    "other_prefix": ("The string begins with candor1.", "candor2." + _LINE[8:]),
    "padded": ("base64url has no padding here", _LINE + "="),
    "plus_and_slash": (
        "The alphabet is base64url's",
        "candor1."
        + base64.b64encode(packed(RELAY, b"\xff" * 32, _CODE, _CODE_SIGNATURE))
        .rstrip(b"=")
        .decode(),
    ),
    "something_after_it": ("Nothing else stands on the line", _LINE + " and more"),
    "trailing_bytes": (
        "Nothing follows the four parts",
        "candor1." + encoded(packed(*_PARTS) + b"\0"),
    ),
    "longer_form": (
        "The parts have msgpack's shortest form",
        "candor1." + encoded(packed(*_PARTS).replace(b"\xc4", b"\xc5\0", 1)),
    ),
    "five_parts": ("There are four parts", _line(*_PARTS, 1)),
    "short_code": ("A code has 16 bytes", _line(RELAY, _FINGERPRINT, _CODE[:10], _CODE_SIGNATURE)),
    "relay_over_http": ("A relay is https", _line("http://candor.corp.example", *_PARTS[1:])),
    "relay_with_path": ("A relay is an origin", _line(RELAY + "/x", *_PARTS[1:])),
    "relay_as_bytes": ("A relay is text", _line(RELAY.encode(), *_PARTS[1:])),
    "empty": ("Something was pasted", ""),
}


def make() -> Iterator[tuple[str, Vector]]:
    """Yield name and vector."""
    for name, (claim, text, valid) in CANONICAL.items():
        body = text.encode("utf-8", "surrogatepass")
        yield f"canonical_{name}", vector("canonical", claim, body=body, valid=valid)
    yield from _policies()
    yield from _receipts()
    for name, (claim, url, answer) in PAGES.items():
        yield (
            f"page_{name}",
            vector("page", claim, url=url, apps=policy_document()["apps"], answer=answer),
        )
    for name, line in (("whole", _LINE), ("with_white_space", f"\ufeff  {_LINE}\n")):
        yield (
            f"enrolment_{name}",
            vector(
                "enrolment",
                "The four parts of an enrolment string",
                text=line,
                relay=RELAY,
                fingerprint=_FINGERPRINT,
                code=_CODE,
                code_signature=_CODE_SIGNATURE,
            ),
        )
    loopback = "http://127.0.0.1:8443"
    yield (
        "enrolment_loopback_over_http",
        vector(
            "enrolment",
            "http stays on this computer",
            text=_line(loopback, *_PARTS[1:]),
            relay=loopback,
            fingerprint=_FINGERPRINT,
            code=_CODE,
            code_signature=_CODE_SIGNATURE,
        ),
    )
    for name, (claim, text) in ENROLMENT_REFUSED.items():
        yield f"enrolment_refused_{name}", vector("enrolment_refused", claim, text=text)


def _policies() -> Iterator[tuple[str, Vector]]:
    good = policy_document()
    demo = changed(changed(good, "mark", "demo"), "relay", "https://127.0.0.1:8443")
    demo = changed(demo, "apps.0.origins", ["http://localhost:8080"])
    for name, claim, document in (
        ("whole", "A policy that keeps every rule", good),
        ("demo_on_this_computer", "A demonstration may use loopback and http", demo),
        ("simulation", "A simulation is marked", changed(good, "mark", "simulation")),
        ("of_one_day", "A window may be one day", changed(good, "window.last_day", "2026-11-24")),
    ):
        body = canonical_text(document)
        yield (
            f"policy_{name}",
            vector("policy", claim, body=body, hash=hashlib.sha256(body).digest()),
        )
    for name, (claim, path, value) in POLICY_REFUSED.items():
        yield (
            f"policy_refused_{name}",
            vector("policy_refused", claim, body=canonical_text(changed(good, path, value))),
        )
    yield (
        "policy_refused_not_canonical",
        vector("policy_refused", "A policy has one form of bytes", body=json.dumps(good).encode()),
    )
    yield from _signed_policies(good)
    for name, claim, path, value, fault in (
        ("next_number", "The next number follows", "number", 2, None),
        ("narrower", "A narrower policy follows", "apps", good["apps"][:1], None),
        ("same_number", "Numbers rise", "number", 1, "number"),
        ("other_key", "Keys stay", "keys.ledger", encoded(drawn("another key")), "keys"),
        ("other_relay", "The relay stays", "relay", "https://other.corp.example", "relay"),
        ("other_programme", "The programme stays", "programme", "other", "programme"),
        ("other_mark", "The mark stays", "mark", "simulation", "mark"),
        ("number_of_another_app", "An app's number is never reused", "apps.1.id", "mail", "apps"),
    ):
        following = changed(changed(good, "number", 2), path, value)
        yield (
            f"successor_{name}",
            vector(
                "successor",
                claim,
                current=canonical_text(good),
                following=canonical_text(following),
                fault=fault,
            ),
        )


def _signed_policies(document: Json) -> Iterator[tuple[str, Vector]]:
    body = canonical_text(document)
    label = "candor/v1/policy"
    controller = signing("controller").sign(label, "controller", body)
    representative = signing("representative").sign(label, "representative", body)
    for name, claim, one, other, valid in (
        ("by_both", "Both signatures make a policy", controller, representative, True),
        ("by_one_twice", "One cannot sign for both", controller, controller, False),
        ("swapped", "Signatures stand in their order", representative, controller, False),
        (
            "by_controller_in_the_other_role",
            "A role is bound",
            controller,
            signing("controller").sign(label, "representative", body),
            False,
        ),
        (
            "of_other_bytes",
            "Signatures are of these bytes",
            signing("controller").sign(label, "controller", body + b" "),
            representative,
            False,
        ),
    ):
        yield (
            f"signed_policy_{name}",
            vector(
                "signed_policy", claim, body=body, controller=one, representative=other, valid=valid
            ),
        )


def _receipts() -> Iterator[tuple[str, Vector]]:
    good = receipt_document()
    none = changed(changed(good, "kind", "none"), "grants", [])
    later = changed(good, "previous", drawn("earlier receipt").hex())
    for name, claim, document, granted in (
        ("grant", "A grant names apps and signals", good, {"1": 3}),
        ("none", "A no and a withdrawal grant nothing", none, {}),
        ("later", "A later receipt names the one before", later, {"1": 3}),
    ):
        body = canonical_text(document)
        yield (
            f"receipt_{name}",
            vector(
                "receipt", claim, body=body, hash=hashlib.sha256(body).digest(), granted=granted
            ),
        )
    for name, (claim, path, value) in RECEIPT_REFUSED.items():
        yield (
            f"receipt_refused_{name}",
            vector("receipt_refused", claim, body=canonical_text(changed(good, path, value))),
        )
