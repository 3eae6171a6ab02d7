"""Durable storage: one writer thread, conditional appends, nothing acked before it is on disk."""
