"""Bringing texts of law in: readers for each form a source comes in, and one writer for all.

`texts` says what a reader hands over, `markdown`, `word` and `json_lines` read, `writing` compares
with what is held and writes, `repeals` ends what a text ends, `run` walks the files. Articles keep their
ids over every import, so that what cites them holds.
"""
