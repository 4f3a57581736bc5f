"""The cron server: schedules, their ledger in a store, and the processes that run their ticks."""
