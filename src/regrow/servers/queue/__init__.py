"""The durable job queue. `regrow.queue` documents it.

caller               writer                     store                     worker
------               ------                     -----                     ------
Queue.put   --op-->  collects all that waits
one batch         ----->   one transaction
<------  replies after the commit
<-----   Claim      <------------  dispatcher
------------>  performs the job
<-----   Ack, Nack  <------------

job.py, errors.py       what users see of a job, and every error
payload.py              a payload as bytes, and back
settings.py, checks.py  the options of queues and puts, and their checks
names.py                the name that a queue finds its broker by
outcome.py, rate.py     decisions, without clock and store: what becomes of an attempt, how fast claims may be
ops.py, store.py        what a store is asked for, and the contract of stores
memory_*.py             the model of the others, in dicts and heaps
sqlite_*.py             the default
postgres_*.py           for several machines
writer.py, parked.py    one process that owns the store and commits in groups
dispatcher.py           one process for each worker class: claims, starts, acknowledges
broker.py               the supervisor of the three above
queue.py                the value that users make; worker.py and function.py are built on it
workspec.py             a worker as its dispatcher sees it
signals.py, current.py  what a worker's code raises, and the job that it runs for
"""
