"""The outbox: work to do after the commit, kept as rows of our own database and leased by the worker.

A job is enqueued in the unit of work that needs it. A worker leases it, and a transactional handler's effect lands in the
same commit as the job's completion; a worker that dies leaves a lease that another one takes over.
"""

from portal.core.jobs.models import Job, JobState, WorkerHeartbeat
from portal.core.jobs.queue import JobRun, Lane, at_start, enqueue, job_handler, periodic

__all__ = [
    "Job",
    "JobRun",
    "JobState",
    "Lane",
    "WorkerHeartbeat",
    "at_start",
    "enqueue",
    "job_handler",
    "periodic",
]
