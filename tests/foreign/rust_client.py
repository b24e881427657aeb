"""The crate web-transport-quinn against the binary.

    python3 tests/foreign/rust_client.py --binary target/release/tidings --client PATH

PATH is the program that tests/foreign/web-transport-quinn builds.
"""

import argparse
import subprocess

from aioquic_client import Server


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", required=True)
    arguments.add_argument("--client", required=True)
    arguments = arguments.parse_args()
    server = Server(arguments.binary)
    try:
        place = server.places["webtransport"]
        tokens = [server.token("ada", "user"), server.token("billing", "service")]
        http = server.http.removeprefix("http://")
        subprocess.run([arguments.client, http, place["url"], place["certificateHashes"][0], *tokens], check=True)
    finally:
        server.end()
    print("ok web-transport-quinn over webtransport")


main()
