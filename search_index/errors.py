"""Failures of the search library, each with a sentence a log reader can act on."""

from __future__ import annotations


class SearchIndexError(Exception):
    """Base of every failure this library raises on purpose."""


class IndexMissing(SearchIndexError):
    """There is no complete generation in the folder: build one first."""


class IndexFormatError(SearchIndexError):
    """The generation was written by another format version: rebuild it."""


class IndexDamaged(SearchIndexError):
    """A file of the index is not what was written there: rebuild it."""


class BuildInProgress(SearchIndexError):
    """Another process is building this index; this one stepped back."""


class WriterBusy(SearchIndexError):
    """Another update held the writer's lock longer than the waiting time."""


class IndexWriteError(SearchIndexError):
    """The operating system refused a write (full disk, permissions); the old state still serves."""
