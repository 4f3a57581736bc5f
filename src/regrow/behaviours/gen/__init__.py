"""The parts that all behaviours share: starts, requests, results, child specs, system messages (OTP's `gen`).

How to write a behaviour. Its process is a generator, the loop, which yields `RECEIVE` for the next message. It has six
duties; `gen_event/` is a short example.

    1. start              Call `starting.start(body, arg, …)`. The process begins with `body(process, starter, arg)`,
                          which calls the user's `init` and returns the generator of the loop, or None to end.
    2. acknowledge        `body` calls `starting.init_ack(process, starter, answer)` once: None when the process is up,
                          `IGNORE` or `Failed(reason)` if it is not. After an `init` that raised: `init_failed`.
    3. system requests    The loop passes each `SystemRequest` to `SystemHandler.serve`, takes over its state and debug,
                          and ends with its reason if `serve` returned True. An `Exited` of the parent ends it, too.
    4. reports            A loop that ends abnormally sends its own report and `reports.process_crashed`, then raises
                          `Terminated`, so that the kernel does not report the end again. A new kind of report is a
                          function in `reports.py`, a row of its table, and a function in `ops/logs.py`.
    5. deferred replies   If a callback returns without answering a call: `requests.mark_deferred(request)`. Otherwise
                          a cycle of calls through this process fails as a deadlock, though another process may answer.
    6. trace              While `debug` is not None the loop records each event: `record_in`, `record_out`, `record`.
                          Replies go through `requests.reply`, which shows them to the node's trace.

Here `requests` is `kernel/requests.py`; the other modules are in this folder. `user_code.py` judges exceptions of user
code that may fail without ending its process, such as a handler or a `format_status`.
"""
