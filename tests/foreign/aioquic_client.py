"""A client that shares nothing with this project: aioquic, over WebTransport and over raw QUIC.

    python3 tests/foreign/aioquic_client.py --binary target/release/tidings

It starts the binary, and on each carrier says hello, follows an inbox, gets a delta, marks an item, goes away, and goes on
from its cursor. Exit 0 when all is as docs/wire.md has it.
"""

import argparse
import asyncio
import functools
import hashlib
import json
import os
import ssl
import subprocess
import tempfile
import urllib.request
from urllib.parse import urlsplit

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.buffer import Buffer, BufferReadError, encode_uint_var
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, ProtocolNegotiated, StreamDataReceived
from cryptography.hazmat.primitives.serialization import Encoding

# Longest time that anything may take, in seconds.
WAIT = 30


class Frames(QuicConnectionProtocol):
    """Frames on one bidirectional stream: a QUIC varint, then that many bytes of JSON."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.arrived = asyncio.Queue()
        self.code = asyncio.get_running_loop().create_future()
        self.status = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.stream = None
        self.h3 = None

    async def begin_webtransport(self, url):
        session = self._quic.get_next_available_stream_id()
        headers = {":method": "CONNECT", ":scheme": "https", ":authority": url.netloc, ":path": url.path, ":protocol": "webtransport"}
        self.h3.send_headers(session, [(name.encode(), value.encode()) for name, value in headers.items()])
        self.transmit()
        status = await asyncio.wait_for(self.status, WAIT)
        assert status == b"200", f"WebTransport was answered {status}"
        self.stream = self.h3.create_webtransport_stream(session)

    async def begin_raw(self):
        self.stream = self._quic.get_next_available_stream_id()

    def certificate_hash(self):
        return hashlib.sha256(self._quic.tls._peer_certificate.public_bytes(Encoding.DER)).hexdigest()

    def say(self, frame):
        text = json.dumps(frame).encode()
        self._quic.send_stream_data(self.stream, encode_uint_var(len(text)) + text)
        self.transmit()

    async def hear(self):
        """The next frame that says something; pings are answered."""
        while True:
            frame = await asyncio.wait_for(self.arrived.get(), WAIT)
            if frame["type"] != "ping":
                return frame
            self.say({"type": "pong"})

    async def expect(self, *kinds):
        frame = await self.hear()
        assert frame["type"] in kinds, f"{frame} is none of {kinds}"
        return frame

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated) and not self.code.done():
            self.code.set_result(event.error_code)
        if isinstance(event, ProtocolNegotiated) and event.alpn_protocol in H3_ALPN:
            self.h3 = H3Connection(self._quic, enable_webtransport=True)
        if isinstance(event, StreamDataReceived) and event.stream_id == self.stream:
            # Also over WebTransport: the library would read HTTP/3 frames on a stream that it opened itself.
            return self.take(event.data)
        for found in self.h3.handle_event(event) if self.h3 else ():
            if isinstance(found, HeadersReceived):
                self.status.set_result(dict(found.headers)[b":status"])

    def take(self, data):
        self.buffer += data
        while True:
            start = Buffer(data=self.buffer)
            try:
                length = start.pull_uint_var()
            except BufferReadError:
                return
            end = start.tell() + length
            if len(self.buffer) < end:
                return
            self.arrived.put_nowait(json.loads(self.buffer[start.tell() : end]))
            self.buffer = self.buffer[end:]


class Server:
    """The binary under test, on free ports and an empty data directory."""

    def __init__(self, binary, environment=None):
        self.binary = binary
        self.folder = tempfile.TemporaryDirectory(prefix="tidings-foreign-")
        free = "127.0.0.1:0"
        command = [binary, "serve", "--dev", "--data", self.folder.name, "--http", free, "--quic", free, "--admin", free]
        self.lines = open(f"{self.folder.name}.log", "w+", encoding="utf-8")
        told = {**os.environ, **(environment or {})}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.lines, text=True, env=told)
        said = {}
        for line in self.process.stdout:
            word, _, rest = line.strip().partition(" ")
            said[word] = rest.strip()
            if word == "ready":
                break
        self.http, self.quic = said["http"], said["quic"]

    @functools.cached_property
    def places(self):
        return json.loads(urllib.request.urlopen(f"{self.http}/v1/connect").read())

    def log(self):
        self.lines.seek(0)
        return self.lines.read()

    def token(self, user, role):
        command = [self.binary, "token", "--data", self.folder.name, "--tenant", "acme", "--user", user, "--role", role]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def publish(self, body):
        headers = {"Authorization": f"Bearer {self.token('billing', 'service')}", "Content-Type": "application/json"}
        wanted = json.dumps({"to": "ada", "body": body}).encode()
        request = urllib.request.Request(f"{self.http}/v1/notifications", wanted, headers)
        # No authority vouches for the certificate of a test.
        answer = urllib.request.urlopen(request, context=ssl._create_unverified_context())
        return json.loads(answer.read())["data"]["id"]

    def end(self):
        self.process.kill()
        self.process.wait()
        self.lines.close()
        os.remove(self.lines.name)
        self.folder.cleanup()


def connection(server, carrier):
    url = urlsplit(server.places["webtransport"]["url"])
    alpn = H3_ALPN if carrier == "webtransport" else ["tidings/1"]
    # Pinned below instead: no authority vouches for the certificate of a development server.
    configuration = QuicConfiguration(is_client=True, alpn_protocols=alpn, verify_mode=ssl.CERT_NONE, max_datagram_frame_size=65536)
    return url, connect(url.hostname, url.port, configuration=configuration, create_protocol=Frames)


async def begin(server, client, url, carrier):
    assert client.certificate_hash() in server.places["webtransport"]["certificateHashes"]
    if carrier == "webtransport":
        await client.begin_webtransport(url)
    else:
        await client.begin_raw()


def bodies(frame):
    return [change["item"]["body"] for change in frame["changes"] if change["op"] == "added"]


async def converse(server, carrier):
    ada = server.token("ada", "user")
    url, connecting = connection(server, carrier)
    async with connecting as client:
        await begin(server, client, url, carrier)
        client.say({"type": "hello", "token": ada, "client": "aioquic", "subscribe": [{"inbox": "me"}]})
        welcome = await client.expect("welcome")
        assert (welcome["tenant"], welcome["subject"]) == ("acme", "ada")
        snapshot = await client.expect("snapshot")
        before = snapshot["counts"]["unread"]
        item = server.publish(f"over {carrier}")
        delta = await client.expect("delta")
        assert bodies(delta) == [f"over {carrier}"] and delta["counts"]["unread"] == before + 1
        client.say({"type": "command", "id": "1", "command": "mark_read", "notifications": [item], "commandId": f"{carrier}-1"})
        frames = [await client.expect("reply", "delta"), await client.expect("reply", "delta")]
        reply = next(frame for frame in frames if frame["type"] == "reply")
        changed = next(frame for frame in frames if frame["type"] == "delta")
        assert reply["ok"] and reply["id"] == "1", reply
        assert changed["changes"][0]["op"] == "changed" and changed["counts"]["unread"] == before
        cursor = changed["cursor"]
    server.publish(f"while away from {carrier}")

    url, connecting = connection(server, carrier)
    async with connecting as client:
        await begin(server, client, url, carrier)
        client.say({"type": "hello", "token": ada, "subscribe": [{"inbox": "me", "from": cursor}]})
        await client.expect("welcome")
        found = []
        while True:
            frame = await client.expect("behind", "delta", "counts", "caught_up")
            if frame["type"] == "caught_up":
                break
            found += bodies(frame) if frame["type"] == "delta" else []
        assert found == [f"while away from {carrier}"], found
        server.publish(f"live over {carrier}")
        assert bodies(await client.expect("delta")) == [f"live over {carrier}"]

    url, connecting = connection(server, carrier)
    async with connecting as client:
        await begin(server, client, url, carrier)
        client.say({"type": "hello", "token": "none", "subscribe": []})
        close = await client.expect("close")
        assert (close["code"], close["retry"]) == (4501, "never"), close
        assert await asyncio.wait_for(client.code, WAIT) == 4501
    print(f"ok aioquic over {carrier}")


async def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", required=True)
    server = Server(arguments.parse_args().binary)
    try:
        for carrier in ("webtransport", "quic"):
            await converse(server, carrier)
    finally:
        server.end()


if __name__ == "__main__":
    asyncio.run(main())
