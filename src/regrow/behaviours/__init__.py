"""Servers, state machines, event managers and their supervisors: a folder each, over what all share in `gen`."""
