"""Ground floor: persistence, time, errors, encryption, workflow and jobs.

Nothing here knows an HTTP request or a feature of the portal, so every room may build on it.
"""
