"""What people and key holders may ask of the relay: enrolling, greeting, consent, policies.

Owns the checks of those messages and their signed answers; never admits a batch.
"""
