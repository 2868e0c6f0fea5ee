"""Consecutive slots, as bits: bit n of a mask is the slot with ordinal n of one counter, day and quota."""

from __future__ import annotations

from collections.abc import Iterator


def starts_of(mask: int, need: int) -> int:
    """Return the mask of slots at which `need` consecutive free ones begin."""
    for _ in range(need - 1):
        mask &= mask >> 1
    return mask


def ordinals(mask: int) -> Iterator[int]:
    """Yield the numbers of the bits that are set, in order."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def slots_needed(minutes: int, slot_minutes: int) -> int:
    """Return how many slots a matter of `minutes` takes."""
    return -(-minutes // slot_minutes)
