"""Candor's relay, its Python client and the tools of the key holders."""

from importlib.metadata import version

__version__ = version("candor-relay")
