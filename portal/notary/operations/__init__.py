"""Use cases: what residents, staff and the portal itself do to seats, bookings, the waiting list and the schedule.

Each takes the actor explicitly, moves states and seats by guarded statements, and writes history, audit row and messages in
the caller's unit of work.
"""
