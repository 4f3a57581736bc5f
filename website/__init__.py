"""The site of the documentation: its pages, its settings and its checks."""
