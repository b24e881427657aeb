"""The samples in deploy/ with the real nginx and HAProxy, and the binary behind them.

    python3 tests/foreign/behind_proxies.py --binary target/release/tidings --nginx nginx --haproxy haproxy

Needs aioquic (tests/foreign/requirements.txt), openssl, nginx with its stream module, and haproxy. The samples are used as
they are, but for ports, paths of certificates, and nginx's own folders.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request

from aioquic_client import Server, bodies, connection, begin

SAMPLES = os.path.join(os.path.dirname(__file__), "..", "..", "deploy")


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def until_open(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")


def certificate(folder):
    chain, key = os.path.join(folder, "chain.pem"), os.path.join(folder, "key.pem")
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(new + named + ["-keyout", key, "-out", chain], check=True, capture_output=True)
    return chain, key


def connected(port, lines):
    """A TLS connection from another address of this machine, and what is answered to a request."""
    raw = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=("127.0.0.9", 0))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    secure = context.wrap_socket(raw, server_hostname="localhost")
    lines = [*lines, "X-Forwarded-For: 203.0.113.1"]
    secure.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return secure, secure.makefile("rb")


def head(answer):
    lines = []
    while (line := answer.readline().decode().strip()):
        lines.append(line)
    return lines


def check_events(server, port):
    bearer = f"Authorization: Bearer {server.token('ada', 'user')}"
    secure, answer = connected(port, ["GET /v1/connect/events HTTP/1.1", "Host: localhost", bearer])
    assert " 200" in head(answer)[0]
    seen = b""
    while b"event: snapshot" not in seen:
        seen += answer.readline()
    server.publish("held back by nobody")
    while b"held back by nobody" not in seen:
        seen += answer.readline()
    secure.close()


def check_websocket(server, port):
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ["GET /v1/connect/websocket HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: tidings.v1", f"Sec-WebSocket-Key: {key}"]
    secure, answer = connected(port, lines)
    assert " 101" in head(answer)[0]
    hello = json.dumps({"type": "hello", "token": server.token("ada", "user")}).encode()
    mask = os.urandom(4)
    body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(hello))
    secure.sendall(b"\x81\xfe" + len(hello).to_bytes(2, "big") + mask + body)
    first, length = answer.read(2)
    length = int.from_bytes(answer.read(2), "big") if length == 126 else length
    assert first == 0x81 and json.loads(answer.read(length))["type"] == "welcome"
    secure.close()


async def check_quic(server):
    for carrier in ("webtransport", "quic"):
        url, connecting = connection(server, carrier)
        async with connecting as client:
            await begin(server, client, url, carrier)
            client.say({"type": "hello", "token": server.token("ada", "user"), "subscribe": [{"inbox": "me"}]})
            await client.expect("welcome")
            await client.expect("snapshot")
            server.publish(f"{carrier} through nginx")
            assert bodies(await client.expect("delta")) == [f"{carrier} through nginx"]


def sample(name, folder, *changes):
    with open(os.path.join(SAMPLES, name), encoding="utf-8") as file:
        text = file.read()
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, text)
        assert count, f"{name} has no {pattern}"
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def behind_nginx(arguments, folder):
    chain, key = certificate(folder)
    public, udp = free_port(), free_port(socket.SOCK_DGRAM)
    told = {"TIDINGS__TRUSTED_PROXIES": '["127.0.0.1"]', "TIDINGS__PUBLIC__WEBTRANSPORT": f"https://127.0.0.1:{udp}/v1/connect/webtransport"}
    server = Server(arguments.binary, told)
    changes = [
        (r"load_module .*;", f"load_module {arguments.nginx_modules}/ngx_stream_module.so; pid {folder}/nginx.pid;"),
        (r"listen 443 ssl http2;", f"listen 127.0.0.1:{public} ssl http2;"),
        (r"listen 443 udp;", f"listen 127.0.0.1:{udp} udp;"),
        (r"127\.0\.0\.1:8080", server.http.removeprefix("http://")),
        (r"127\.0\.0\.1:4433", server.quic),
        (r"/etc/tidings/chain\.pem", chain),
        (r"/etc/tidings/key\.pem", key),
        (r"http \{", "http { " + " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))),
    ]
    command = [arguments.nginx, "-p", folder, "-e", "stderr", "-c", sample("nginx.conf", folder, *changes), "-g", "daemon off;"]
    proxy = subprocess.Popen(command)
    try:
        until_open(public)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        places = json.loads(urllib.request.urlopen(f"https://127.0.0.1:{public}/v1/connect", context=context).read())
        assert places["events"]["url"] == f"https://127.0.0.1:{public}/v1/connect/events", places
        check_events(server, public)
        check_websocket(server, public)
        opened = [json.loads(line)["address"] for line in server.log().splitlines() if '"event":"opened"' in line]
        assert opened == ["127.0.0.0/24"] * 2, f"the log believes what a client says of itself: {opened}"
        asyncio.run(check_quic(server))
    finally:
        proxy.terminate()
        proxy.wait()
        server.end()
    print("ok behind nginx")


def behind_haproxy(arguments, folder):
    chain, key = certificate(folder)
    told = {"TIDINGS__TRUSTED_PROXIES": '["127.0.0.1"]', "TIDINGS__HTTP__PROXY_PROTOCOL": "required", "TIDINGS__TLS__CERTIFICATE": chain, "TIDINGS__TLS__KEY": key}
    server = Server(arguments.binary, told)
    public = free_port()
    changes = [(r"maxconn 60000", "maxconn 500"), (r"bind :443", f"bind 127.0.0.1:{public}"), (r"127\.0\.0\.1:8443", server.http.removeprefix("https://"))]
    proxy = subprocess.Popen([arguments.haproxy, "-db", "-f", sample("haproxy.cfg", folder, *changes)])
    try:
        until_open(public)
        # Published through the proxy, since the server hears nobody else.
        server.http = f"https://127.0.0.1:{public}"
        check_events(server, public)
        check_websocket(server, public)
    finally:
        proxy.terminate()
        proxy.wait()
        server.end()
    print("ok behind HAProxy")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", required=True)
    arguments.add_argument("--nginx", default="nginx")
    arguments.add_argument("--nginx-modules", default="/usr/lib/nginx/modules")
    arguments.add_argument("--haproxy", default="haproxy")
    arguments = arguments.parse_args()
    for check in (behind_nginx, behind_haproxy):
        with tempfile.TemporaryDirectory(prefix="tidings-proxies-") as folder:
            check(arguments, folder)


main()
