"""Joining a programme: verifying its policy against an enrolment string, and enrolling the device.

Owns what must hold before a policy is shown or used; never keeps anything.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import NamedTuple

from relay.client import wire
from relay.client.codec import unpack_array
from relay.client.enrolment import Enrolment
from relay.client.way import Way
from relay.client.web import Web
from relay.consent.document import Policy, SignedPolicy
from relay.consent.origins import is_loopback
from relay.consent.policy import verify_signed
from relay.errors import AccessError, ProtocolError, SignatureError
from relay.model import DeviceKey
from relay.protocol.transcript import device_hash, fingerprint, sha256, transcript
from relay.vault.seal import OpeningKey, seal
from relay.vault.sign import is_valid, verify


class Offer(NamedTuple):
    """A verified policy with its notice, fit to be shown to the person."""

    signed: SignedPolicy
    policy: Policy
    notice: str


def read_signed_policy(answer: bytes) -> SignedPolicy:
    """Read what the relay answers for a policy, without verifying it.

    Raises:
        ProtocolError: It is no signed policy.
    """
    parts = unpack_array(answer)
    match parts:
        case [bytes() as body, bytes() as controller, bytes() as representative] if wire.is_policy(
            parts
        ):
            return SignedPolicy(body, controller, representative)
        case _:
            raise ProtocolError("The relay answered with something that is no signed policy.")


def fetch_offer(enrolment: Enrolment, tls: ssl.SSLContext | None) -> Offer:
    """Fetch the policy and its notice, and verify everything that an enrolment string pins.

    Args:
        enrolment: As pasted.
        tls: The authorities to trust.

    Raises:
        AccessError: The relay has no policy, or this is a demonstration from another machine.
        PolicyError: The policy breaks a rule.
        ProtocolError: The relay's answer is malformed.
        SignatureError: Fingerprint, a signature, the origin or the notice does not fit.
        CandorError: The relay cannot be reached; retryable.
    """
    web = Web(enrolment.relay, tls)
    signed = read_signed_policy(web.get("/v1/policy"))
    policy = verify_signed(signed, is_valid)
    keys = policy.key("controller"), policy.key("representative")
    if fingerprint(*keys) != enrolment.fingerprint:
        raise SignatureError(
            "This policy is not from the controller and the representative that your enrolment "
            "string names. Nothing was agreed; show this to your representative.",
            code="fingerprint_mismatch",
        )
    if policy.relay != enrolment.relay:
        raise SignatureError(
            "The policy names another relay than your enrolment string. Nothing was agreed; show "
            "this to your representative.",
            code="relay_mismatch",
        )
    if policy.is_demo and not is_loopback(policy.relay):
        raise AccessError(
            "This is a demonstration, where one machine holds all keys. It is only accepted from "
            "this computer itself.",
            code="demo_policy",
        )
    verify(
        policy.key("codes"),
        enrolment.code_signature,
        "candor/v1/code",
        policy.programme,
        enrolment.code,
    )
    notice = web.get(f"/v1/notices/{policy.notice}")
    if sha256(notice) != policy.notice_hash:
        raise SignatureError(
            "The notice is not the one that was signed. Nothing was agreed; show this to your "
            "representative.",
            code="notice_mismatch",
        )
    return Offer(signed, policy, notice.decode(errors="replace"))


async def enrol_device(
    offer: Offer,
    enrolment: Enrolment,
    participant: OpeningKey,
    way: Way,
) -> None:
    """Make this device known to the relay, and verify the relay's signed answer.

    Args:
        offer: From `fetch_offer`.
        enrolment: With the single-use code.
        participant: The participant's key.
        way: How to reach the relay, with the device's signing key.

    Raises:
        AccessError: The relay refused; `code` is its reason.
        LineEndedError: The relay cannot be reached, or closed the connection.
        ProtocolError: The relay broke the protocol.
        SignatureError: The answer is not signed by the ledger key.
    """
    programme = offer.policy.programme
    device = way.key
    public = DeviceKey(device.public)
    sealed_code = seal(
        offer.policy.key("outer"),
        transcript("candor/v1/seal/code", programme, device_hash(public)),
        enrolment.code,
    )
    line, challenge = await way.either()
    try:
        signature = device.sign(
            "candor/v1/enrol",
            challenge.nonce,
            offer.policy.relay,
            programme,
            public,
            participant.public,
            enrolment.code,
            sealed_code,
        )
        await line.send(
            wire.pack(
                wire.ENROL,
                public,
                participant.public,
                programme,
                enrolment.code,
                enrolment.code_signature,
                sealed_code,
                None,
                signature,
            )
        )
        async with asyncio.timeout(way.pace.silence_s):
            answer = wire.unpack(await line.receive())
    finally:
        await line.close()
    match answer:
        case wire.Enrolled(device=hashed, day=day, signature=proof):
            if hashed != device_hash(public):
                raise SignatureError("The relay enrolled another device. Enrol again.")
            verify(
                offer.policy.key("ledger"),
                proof,
                "candor/v1/enrolled",
                challenge.nonce,
                hashed,
                day,
            )
        case wire.Refusal(of=wire.ENROL, reason=reason):
            raise AccessError(
                f"The relay refused the enrolment: {reason}. Ask your representative for a new "
                "enrolment string.",
                code=reason,
            )
        case _:
            raise ProtocolError("The relay answered the enrolment with another message.")
