"""One test under many schedules."""
