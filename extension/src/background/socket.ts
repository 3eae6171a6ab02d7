/**
 * Transport 1: a WebSocket.
 *
 * Owns the socket; knows no message.
 */

import type { Bytes } from "../shared/bytes.ts";
import { SUBPROTOCOL, TRANSPORT_WEBSOCKET } from "../shared/messages.ts";
import type { Hearer, Transport } from "./transport.ts";

/** Open a WebSocket to the relay's origin. */
export function openSocket(relay: string, hearer: Hearer): Transport {
  const socket = new WebSocket(`${relay.replace(/^http/, "ws")}/v1/stream`, SUBPROTOCOL);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    hearer.heard(data instanceof ArrayBuffer ? new Uint8Array(data) : null);
  };
  socket.onclose = ({ code }) => hearer.ended(code);
  return {
    number: TRANSPORT_WEBSOCKET,
    send: (frame: Bytes) => socket.send(frame),
    close: (code) => socket.close(code),
  };
}
