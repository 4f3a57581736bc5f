"""What regrow is measured against: the BEAM, other libraries, and floors below which nothing of the kind can go."""
