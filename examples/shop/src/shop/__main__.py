"""`python -m shop` serves the shop on this machine alone, until Ctrl-C."""

import argparse

import uvicorn
from regrow import logs

HELLO = """\
The shop opens on http://127.0.0.1:{port}/ - order there, or with curl:

    curl http://127.0.0.1:{port}/orders -H 'Content-Type: application/json' \\
        -d '{{"email": "ann@example.org", "item": "tea"}}'
    curl http://127.0.0.1:{port}/orders
    curl http://127.0.0.1:{port}/queue

The mails are files in var/mails. `regrow queue list` shows the queue.
Ctrl-C ends the shop, after the mails that are being sent.
"""


def main() -> None:
    """Serve the shop."""
    parser = argparse.ArgumentParser("python -m shop", description="Serve the shop until Ctrl-C.")
    parser.add_argument("--port", type=int, default=8000, help="0 for any port that is free")
    port: int = parser.parse_args().port
    if not 0 <= port <= 65535:
        parser.error(f"--port: wanted a number from 0 to 65535, got {port}")
    logs.configure("info")
    if port:
        print(HELLO.format(port=port), flush=True)
    uvicorn.run("shop.web:app", host="127.0.0.1", port=port)


if __name__ == "__main__":
    main()
