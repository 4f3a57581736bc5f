"""Names for processes: registries, process groups and global names."""
