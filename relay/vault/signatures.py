"""Detached policy signatures: one small file a signer, so that keys never travel.

Owns the file's form; never decides whether a policy should be signed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from relay.consent.document import LABEL, Policy, decode_key, encode_key
from relay.errors import InputError, SignatureError
from relay.protocol.transcript import sha256
from relay.vault.keys import KeyFile
from relay.vault.seal import is_public_key
from relay.vault.sign import verify

_MAX_FILE_BYTES = 4_096

SignerRole = Literal["controller", "representative"]


class PolicySignature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One role's signature over one policy."""

    format: Literal["candor-signature-v1"]
    role: SignerRole
    policy: str
    signature: str


def sign_policy(body: bytes, policy: Policy, keys: KeyFile) -> PolicySignature:
    """Sign a policy with the key file of the controller or the representative.

    Args:
        body: Its canonical bytes.
        policy: What they mean.
        keys: From `load_keys`.

    Raises:
        SignatureError: This role does not sign policies, the policy names another key, or nothing
            can be sealed to one of its keys.
    """
    match keys.role:
        case "controller" | "representative" as role:
            key = keys.signing(role)
        case _:
            raise SignatureError(
                f"The {keys.role} does not sign policies. Use the key file of the controller or "
                "of the representative."
            )
    check_sealing_keys(policy)
    check_own_keys(policy, keys)
    return PolicySignature(
        format="candor-signature-v1",
        role=role,
        policy=sha256(body).hex(),
        signature=encode_key(key.sign(LABEL, role, body)),
    )


def check_own_keys(policy: Policy, keys: KeyFile) -> None:
    """Check that a policy names every key of this holder, the reading key above all.

    Whoever signs a policy that names somebody else's reading key as theirs signs away their part in
    reading: the other key holder could then read alone.

    Raises:
        SignatureError: The policy names another key for one of this role's.
    """
    own = keys.public()
    for name in own.keys:
        if own.key(name) != policy.key(name):
            raise SignatureError(
                f"keys.{name}: the policy names another key than yours for the {keys.role}. Sign "
                "nothing until you know who put it there; your own public part belongs there.",
                code="other_key",
            )


def check_sealing_keys(policy: Policy) -> None:
    """Check that devices can seal to both reading keys of a policy.

    Raises:
        SignatureError: One of them only has the right length.
    """
    for name in ("inner", "outer"):
        if not is_public_key(policy.key(name)):
            raise SignatureError(
                f"keys.{name}: nothing can be sealed to it. Copy it again from its holder's "
                ".pub.json file.",
                code="key_invalid",
            )


def read_signature(path: Path) -> PolicySignature:
    """Read a signature file.

    Raises:
        InputError: It is missing or not one.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. Check the path.") from None
    try:
        return msgspec.json.decode(data, type=PolicySignature)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError(
            f"{path} is no policy signature. Give a file that `candor policy sign` wrote."
        ) from None


def join_signatures(
    body: bytes, policy: Policy, signatures: tuple[PolicySignature, PolicySignature]
) -> tuple[bytes, bytes]:
    """Return the controller's and the representative's signature, both checked.

    Raises:
        SignatureError: A role is missing, or a signature is not over exactly this policy.
    """
    by_role = {signature.role: signature for signature in signatures}
    if len(by_role) < len(signatures):
        raise SignatureError(
            f"Both signatures are the {signatures[0].role}'s. Bring one of the controller and one "
            "of the representative."
        )
    checked = []
    for role in ("controller", "representative"):
        signature = by_role[role]
        if signature.policy != sha256(body).hex():
            raise SignatureError(
                f"The {role} signed another version of this policy. Have exactly this file signed "
                "again."
            )
        data = decode_key(signature.signature)
        verify(policy.key(role), data, LABEL, role, body)
        checked.append(data)
    return checked[0], checked[1]
