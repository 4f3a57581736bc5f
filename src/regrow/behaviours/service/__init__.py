"""The server with typed methods."""
