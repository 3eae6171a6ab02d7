"""Detached signatures and enrolment strings carry exactly what the relay and devices check."""

import base64
from pathlib import Path

import msgpack
import msgspec
import pytest

from relay.consent.canonical import canonical
from relay.consent.policy import (
    Policy,
    SignedPolicy,
    encode_key,
    parse_policy,
    verify_signed,
)
from relay.errors import InputError, SignatureError
from relay.protocol.transcript import fingerprint
from relay.vault.codes import enrolment_string, new_code
from relay.vault.keys import KeyFile, Role, new_keys
from relay.vault.sign import is_valid
from relay.vault.signatures import PolicySignature, join_signatures, read_signature, sign_policy
from tests.unit.examples import policy_document

ROLES: tuple[Role, ...] = ("controller", "representative", "research", "ledger")
KEYS: dict[str, KeyFile] = {role: new_keys(role) for role in ROLES}
NAMED = {name: key for keys in KEYS.values() for name, key in keys.public().keys.items()}
BODY = canonical(policy_document(keys=NAMED))
POLICY: Policy = parse_policy(BODY)


def sign(role: str, body: bytes = BODY) -> PolicySignature:
    """Return a role's signature over a body."""
    return sign_policy(body, POLICY, KEYS[role])


def test_two_detached_signatures_make_a_signed_policy() -> None:
    pair = join_signatures(BODY, POLICY, (sign("representative"), sign("controller")))
    assert verify_signed(SignedPolicy(BODY, *pair), is_valid) == POLICY


def test_one_role_twice_is_not_enough() -> None:
    with pytest.raises(SignatureError, match="Both signatures are the controller's"):
        join_signatures(BODY, POLICY, (sign("controller"), sign("controller")))


def test_a_signature_over_another_version_is_refused() -> None:
    other = canonical(policy_document(keys=NAMED, number=2))
    with pytest.raises(SignatureError, match="another version"):
        join_signatures(BODY, POLICY, (sign("controller", other), sign("representative")))


def test_a_forged_signature_is_refused() -> None:
    forged = msgspec.structs.replace(sign("controller"), signature=sign("representative").signature)
    with pytest.raises(SignatureError, match="does not verify"):
        join_signatures(BODY, POLICY, (forged, sign("representative")))


@pytest.mark.parametrize("role", ["research", "ledger"])
def test_other_roles_do_not_sign(role: str) -> None:
    with pytest.raises(SignatureError, match=f"The {role} does not sign policies"):
        sign(role)


def test_a_key_that_the_policy_does_not_name_does_not_sign() -> None:
    with pytest.raises(SignatureError, match=r"keys\.controller: the policy names another key"):
        sign_policy(BODY, POLICY, new_keys("controller"))


@pytest.mark.parametrize("name", ["outer", "codes", "cosigning"])
def test_a_holder_does_not_sign_away_a_key_of_their_own(name: str) -> None:
    """The right signing key beside somebody else's reading key is no policy to sign."""
    other = new_keys("representative").public().keys[name]
    body = canonical(policy_document(keys=NAMED | {name: other}))
    with pytest.raises(SignatureError, match=rf"keys\.{name}: the policy names another key"):
        sign_policy(body, parse_policy(body), KEYS["representative"])


@pytest.mark.parametrize("name", ["inner", "outer"])
def test_a_key_that_nothing_can_be_sealed_to_is_not_signed(name: str) -> None:
    body = canonical(policy_document(keys=NAMED | {name: encode_key(b"\xff" * 1216)}))
    with pytest.raises(SignatureError, match=rf"keys\.{name}"):
        sign_policy(body, parse_policy(body), KEYS["controller"])


def test_a_signature_file_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "policy.controller.sig"
    with pytest.raises(InputError, match="cannot be read"):
        read_signature(path)
    path.write_bytes(msgspec.json.encode(sign("controller")))
    assert read_signature(path) == sign("controller")
    path.write_bytes(b"{}")
    with pytest.raises(InputError, match="no policy signature"):
        read_signature(path)


def test_an_enrolment_string_pins_relay_and_policy_keys_and_signs_its_code() -> None:
    code = new_code()
    assert len(code) == 16
    assert code != new_code()
    text = enrolment_string(
        code,
        programme="pilot",
        relay=POLICY.relay,
        controller_key=POLICY.key("controller"),
        representative_key=POLICY.key("representative"),
        signer=KEYS["representative"].signing("codes"),
    )
    prefix, _, packed = text.partition(".")
    relay, pinned, read, signature = msgpack.unpackb(base64.urlsafe_b64decode(packed + "=="))
    assert prefix == "candor1"
    assert "=" not in text
    assert relay == POLICY.relay
    assert pinned == fingerprint(POLICY.key("controller"), POLICY.key("representative"))
    assert read == code
    assert is_valid(POLICY.key("codes"), signature, "candor/v1/code", "pilot", code)
    assert not is_valid(POLICY.key("codes"), signature, "candor/v1/code", "other", code)


def test_bytes_that_are_no_text_are_no_signature_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'{"format":"candor-signature-v1","role":"\xff"}')
    with pytest.raises(InputError, match="no policy signature"):
        read_signature(path)
