"""`python -m tests.tour`: one part after the other."""

from __future__ import annotations

import sys
import time

from portal.config import load_settings
from portal.core import clock
from tests.tour import consultation, notary
from tests.tour.guide import Tour, TourFailed


def main() -> int:
    """Play the tour; returns the exit status."""
    settings = load_settings()
    clock.configure_zone(settings.time_zone)
    tour = Tour(settings)
    try:
        consultation.play(tour)
        notary.play(tour)
    except TourFailed as error:
        print(f"\n中断：{error}", file=sys.stderr)
        return 1
    print(f"\n全程走通，共 {tour.step} 步，用时 {time.monotonic() - tour.started:.0f} 秒。")
    return 0


if __name__ == "__main__":
    sys.exit(main())
