"""The durable job queue. `regrow.queue` documents it.

The way of a job:

    caller               writer                     store                     worker
    ------               ------                     -----                     ------
    Queue.put   --op-->  collects all that waits
                         one batch         ----->   one transaction
                <------  replies after the commit
                                           <-----   Claim      <------------  dispatcher
                                                               ------------>  performs the job
                                           <-----   Ack, Nack  <------------

The modules:

    what users make         queue.py (on queue_base.py), worker.py, function.py
    what users see          job.py, errors.py, signals.py (what a worker raises), current.py
    their options           settings.py, checks.py, names.py (how a queue finds its broker)
    processes               broker.py supervises writer.py (with writer_state.py, parked.py) and a dispatcher.py for each worker;
                            performing.py is the process of a job, workspec.py a worker as its dispatcher sees it
    requests                requests.py (to the writer), claiming.py, ops.py (to a store), queue_events.py (telemetry)
    decisions               outcome.py, history.py, rate.py: tables, without a clock and without a store
    stores                  store.py is their contract, store_use.py their use by one writer after another
        memory/             the model of the others, in dicts and heaps
        sqlite/             a file that several processes share; the default
        postgres/           a server for several machines
        transactional.py    puts in the transaction of the user's own connection
    payload/                a payload as bytes, and back, by its type
"""
