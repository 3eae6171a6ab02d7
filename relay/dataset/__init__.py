"""The readers' side: asking, unlocking and opening, on the key holders' own machines.

Owns what happens after sealed data leave the relay; never runs on it and never reads its files.
"""
