"""The contestants beside regrow: the BEAM, other libraries, and baselines."""
