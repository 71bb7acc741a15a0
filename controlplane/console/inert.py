"""Text from outside, made safe to read: what is invisible or turns the reading direction is shown by its number.

Unicode Technical Report 36 (bidirectional spoofing) and Trojan Source (CVE-2021-42574). Escaping HTML is the
template's work; this is about what stays after it.
"""

import unicodedata

LONGEST = 20_000
_HARMLESS = frozenset("\n\t")


def inert(text: str) -> str:
    """Control, format and unassigned characters become `⟨U+202E⟩`; very long text ends with what was left out."""
    kept = text[:LONGEST]
    if not kept.isprintable():  # most often it is
        kept = "".join(map(_shown, kept))
    left_out = len(text) - LONGEST
    return f"{kept} ⟨… {left_out:,} more characters⟩" if left_out > 0 else kept


def _shown(character: str) -> str:
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
    return f"⟨U+{ord(character):04X}⟩" if hidden and character not in _HARMLESS else character
