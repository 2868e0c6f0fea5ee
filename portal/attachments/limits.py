"""The numbers of this room, in one place. They are the platform's own (D in the rule book), not the
law's.
"""

from __future__ import annotations

from datetime import timedelta

MEBIBYTE = 1024 * 1024
# Largest file, in bytes. The body as a whole is limited in `portal.app`.
MOST_BYTES = 10 * MEBIBYTE
# Files on one subject.
MOST_PER_SUBJECT = 9
# Per resident and calendar day of the district.
DAILY_FILES = 60
DAILY_BYTES = 200 * MEBIBYTE
# How long an upload waits for its subject.
UNATTACHED_FOR = timedelta(hours=24)
# Files without a row and half-written ones younger than this may belong to a request that is still
# under way.
ORPHAN_AFTER = timedelta(hours=1)
# More orphans than this, and more than files with a row, point to a wrong database and not to
# crashes.
MOST_ORPHANS = 20
# Longest file name kept, in characters, the extension included.
MOST_NAME = 100
# A decoder needs four bytes per pixel, so a small file can ask for gigabytes. 200 million pixels is
# the largest phone sensor.
MOST_SIDE = 20_000
MOST_PIXELS = 200_000_000
