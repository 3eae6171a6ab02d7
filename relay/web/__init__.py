"""The relay's HTTP and WebSocket side; the only place that knows a socket."""
