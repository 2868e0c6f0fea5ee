"""Notifications: what the portal tells residents and staff, in the app and by SMS.

Owns the table `message` (queued, sent, failed, suppressed), the Chinese templates that the rooms
register, and the senders. Every message passes `gate.decide`: what a person or a case wishes about
being contacted is kept there and nowhere else. An SMS carries neutral parameters only, by
construction (`templates`).

Neighbours: `accounts` (who the recipient is, their phone and contact wish), `core.jobs` (delivery
after the commit). Rooms above use `templates.register`, `operations.notify_resident` and
`operations.notify_staff`.
"""
