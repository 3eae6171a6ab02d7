"""Candor's relay, its Python client and the tools of the key holders."""
