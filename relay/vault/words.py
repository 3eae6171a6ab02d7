"""A public key as words that two people can compare aloud (protocol.md section 2).

Owns the spelling; never decides whether a key is trusted.

Source: Wilkerson, "A Proposal for Proquints", 2009 (arXiv 0901.4016): 16 bits in five letters.
"""

from __future__ import annotations

from relay.protocol.transcript import labelled_hash

_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aiou"
WORDS = 8


def key_words(public_key: bytes) -> list[str]:
    """Return the eight words of a public key, which carry 128 bits of its hash."""
    digest = labelled_hash("candor/v1/words", public_key)
    return [_word(digest[at] << 8 | digest[at + 1]) for at in range(0, 2 * WORDS, 2)]


def _word(value: int) -> str:
    """Spell 16 bits as consonant, vowel, consonant, vowel, consonant."""
    return (
        _CONSONANTS[value >> 12]
        + _VOWELS[value >> 10 & 3]
        + _CONSONANTS[value >> 6 & 15]
        + _VOWELS[value >> 4 & 3]
        + _CONSONANTS[value & 15]
    )
