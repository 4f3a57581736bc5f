"""Registries, groups and global names."""
