"""The ledger: one row for each tick, in the tables of a store."""
