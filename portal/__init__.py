"""The portal: the Flask application of a district's public legal services.

Each sub-package is a room with one purpose; `docs/architecture.md` shows the plan and the direction of imports.
"""
