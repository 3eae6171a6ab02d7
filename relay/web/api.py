"""Policies and notices for everyone, publishing for whoever has both signatures, health, metrics.

Owns these routes; what may be published is `rights`' business.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from relay.errors import StoreError
from relay.model import PolicyHash
from relay.protocol.messages import SignedPolicy
from relay.rights.policies import check_publication, put_in_force, read_publication
from relay.store.control import probe
from relay.web.problems import problem, read_body
from relay.web.relay import Relay, today

MSGPACK: Final = "application/msgpack"
_PUBLIC: Final = {"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"}
_HASH_HEX_CHARS: Final = 64
_READY_TIMEOUT_S: Final = 5.0


class Api:
    """The public routes of one relay."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def routes(self) -> list[web.RouteDef]:
        """Return every route."""
        return [
            web.get("/v1/policy", self.current_policy),
            web.post("/v1/policy", self.publish),
            web.get("/v1/policies/{hash}", self.policy),
            web.get("/v1/notices/{hash}", self.notice),
            web.get("/healthz", self.healthz),
            web.get("/readyz", self.readyz),
            web.get("/metrics", self.metrics),
        ]

    async def current_policy(self, _request: web.Request) -> web.Response:
        """Answer the policy in force."""
        current = self._relay.current
        if current is None:
            return _absent("policy_missing", "No policy was published here yet.")
        return _policy(current.signed)

    async def policy(self, request: web.Request) -> web.Response:
        """Answer a published policy by its hash."""
        found = self._relay.policies.get(PolicyHash(_hash(request)))
        if found is None:
            return _absent("policy_unknown", "No policy with this hash was published here.")
        return _policy(found.signed)

    async def notice(self, request: web.Request) -> web.Response:
        """Answer a published notice by its hash."""
        found = self._relay.notices.get(_hash(request))
        if found is None:
            return _absent("notice_unknown", "No notice with this hash was published here.")
        return web.Response(body=found, content_type="text/plain", charset="utf-8", headers=_PUBLIC)

    async def publish(self, request: web.Request) -> web.Response:
        """Put a policy in force that both policy keys have signed."""
        relay = self._relay
        publication = read_publication(await read_body(request))
        published = check_publication(publication, relay.pinned)
        is_new = await relay.writer.call(
            lambda transaction: put_in_force(transaction, published, today())
        )
        if is_new:
            relay.published(published)
        return web.json_response({"number": published.policy.number, "hash": published.hash.hex()})

    async def healthz(self, _request: web.Request) -> web.Response:
        """Answer that the process runs."""
        return web.json_response({"status": "ok"})

    async def readyz(self, _request: web.Request) -> web.Response:
        """Answer whether devices can be served: the store is writable and a policy in force."""
        relay = self._relay
        if relay.draining:
            return _unready("draining", "The relay is about to stop.")
        try:
            async with asyncio.timeout(_READY_TIMEOUT_S):
                await relay.writer.call(lambda transaction: probe(transaction.db, today()))
        except StoreError as error:
            return _unready(error.code, str(error))
        except TimeoutError:
            return _unready("store_slow", "The store did not commit in time. Check the disk.")
        if relay.current is None:
            return _unready("policy_missing", "No policy was published here yet. Publish one.")
        return web.json_response({"status": "ready"})

    async def metrics(self, _request: web.Request) -> web.Response:
        """Answer every metric."""
        relay = self._relay
        if not relay.settings.metrics:
            return _absent("metrics_off", "The setting `metrics` is off.")
        relay.metrics.waiting_bytes.set(relay.writer.waiting_bytes)
        return web.Response(
            body=relay.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


def _policy(signed: SignedPolicy) -> web.Response:
    return web.Response(body=msgspec.msgpack.encode(signed), content_type=MSGPACK, headers=_PUBLIC)


def _hash(request: web.Request) -> bytes:
    text = request.match_info["hash"]
    if len(text) != _HASH_HEX_CHARS or text != text.lower():
        return b""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _absent(code: str, detail: str) -> web.Response:
    answer = problem(HTTPStatus.NOT_FOUND, code, detail)
    answer.headers.update(_PUBLIC)
    return answer


def _unready(code: str, detail: str) -> web.Response:
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, code, detail)
