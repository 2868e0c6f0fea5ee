"""Is this well-formed? Document numbers, names and phones (rules 8.1 to 8.7). Pure: no database, no request.

A well-formed number says nothing about who holds it; checking against the register of the police is an adapter's work.
"""
