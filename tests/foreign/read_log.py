"""Reads a log of format 1 with nothing but Python's standard library, by docs/log-format.md.

    python3 read_log.py DIR...

Verifies every byte of the segment files in each DIR and prints each event's envelope and hashes as a line of JSON.
Exit codes: 0 sound, 2 usage, 3 damaged; the first damage of each log is a line on standard error.
"""

import hashlib
import json
import os
import re
import struct
import sys

SEGMENT_HEADER_BYTES = 4096
SEGMENT_BYTES_MAX = 1 << 30
GROUP_HEADER_BYTES = 48
GROUP_TRAILER_BYTES = 36
GROUP_BYTES_MAX = 524288
RECORD_HEADER_BYTES = 96
ENVELOPE_BYTES = 78
FACTS_BYTES_MAX = 196608
CONTENT_BYTES_MAX = 65536
REDACTED = 1
U64_MAX = (1 << 64) - 1

# Little endian, without padding: the tables of the document, field by field.
SEGMENT_HEADER = struct.Struct("<8sII16sQQQQ32sI")
GROUP_HEADER = struct.Struct("<4sIIQQQQI")
ENVELOPE = struct.Struct("<QIQ16sQHH16sHqI")
RECORD_REST = struct.Struct("<HIIII")


class Damage(Exception):
    """The log is not what the format says, at this place."""

    def __init__(self, segment, offset, position, what):
        super().__init__(f"segment {segment or '-'}, offset {offset}, position {position}: {what}")


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def first_not_zero(data):
    rest = data.lstrip(b"\0")
    return len(data) - len(rest) if rest else None


class Log:
    """What the events so far oblige the next one to be."""

    def __init__(self):
        self.number = 1
        self.position = 0
        self.chain = None
        self.log = None
        self.salt = None
        self.epoch = 0
        self.term = 0
        self.time = None
        self.revisions = {}
        self.sequences = {}

    def read(self, directory):
        """Every event of the log, in order, each verified."""
        names = sorted(name for name in os.listdir(directory) if is_segment(name))
        if not names:
            raise Damage("", 0, 1, "no segments")
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                yield from self.segment(name, file)
            self.number += 1

    def segment(self, name, file):
        def damage(offset, what):
            return Damage(name, offset, self.position + 1, what)

        if int(name[:8]) > self.number:
            raise damage(0, "segment missing")
        bytes_found = os.fstat(file.fileno()).st_size
        if bytes_found < SEGMENT_HEADER_BYTES:
            raise damage(bytes_found, "segment header")
        header = file.read(SEGMENT_HEADER_BYTES)
        magic, form, number, log, epoch, salt, first, length, chain, _ = SEGMENT_HEADER.unpack_from(header)
        (checksum,) = struct.unpack_from("<I", header, 4092)
        if magic != b"TIDINGSL" or crc32c(header[:4092]) != checksum:
            raise damage(0, "segment header")
        if form != 1:
            raise damage(0, "format")
        if first_not_zero(header[100:4092]) is not None or not SEGMENT_HEADER_BYTES <= length <= SEGMENT_BYTES_MAX:
            raise damage(0, "segment header")
        if self.log is None:
            self.log, self.salt, self.epoch, self.chain = log, salt, epoch, sha256(log)
        continues = (
            (number, first, log, salt, chain) == (self.number, self.position + 1, self.log, self.salt, self.chain)
            and epoch >= self.epoch
            and name == f"{number:08}-{first:020}.seg"
        )
        if not continues:
            raise damage(0, "segment foreign")
        if bytes_found != length:
            raise damage(min(bytes_found, length), "segment bytes")
        self.epoch = epoch
        yield from self.groups(name, file, length)

    def groups(self, name, file, length):
        offset = SEGMENT_HEADER_BYTES
        while True:
            def damage(what, at=offset):
                return Damage(name, at, self.position + 1, what)

            file.seek(offset)
            head = file.read(GROUP_HEADER_BYTES)
            if len(head) < GROUP_HEADER_BYTES or first_not_zero(head) is None:
                self.zeros(name, file, offset)
                return
            magic, payload, count, first, term, durable, salt, checksum = GROUP_HEADER.unpack(head)
            group_bytes = GROUP_HEADER_BYTES + payload + GROUP_TRAILER_BYTES
            holds = (
                magic == b"TdG1"
                and crc32c(head[:44]) == checksum
                and count > 0
                and group_bytes <= GROUP_BYTES_MAX
                and payload >= (4 + RECORD_HEADER_BYTES) * count
                and durable < first
                and first + count <= U64_MAX
            )
            if not holds:
                raise damage("group header")
            if salt != self.salt:
                raise damage("group foreign")
            if first != self.position + 1:
                raise damage("position gap")
            if offset + group_bytes > length:
                raise damage("group cut")
            rest = file.read(group_bytes - GROUP_HEADER_BYTES)
            events, chain = read_group(name, offset, first, count, rest)
            yield from self.follow(name, offset, term, events, chain)
            offset += group_bytes

    def zeros(self, name, file, offset):
        file.seek(offset)
        while chunk := file.read(1 << 20):
            inside = first_not_zero(chunk)
            if inside is not None:
                raise Damage(name, offset + inside, self.position + 1, "not zero")
            offset += len(chunk)

    def follow(self, name, offset, term, events, stored):
        first = self.position + 1
        if term < self.term:
            raise Damage(name, offset, first, "term backwards")
        self.term = term
        for event in events:
            self.chain = sha256(self.chain, bytes.fromhex(event["leaf"]))
            event["chain"] = self.chain.hex()
        if self.chain != stored:
            raise Damage(name, offset, first, "chain")
        for event in events:
            position = event["position"]
            if self.time is not None and event["time"] < self.time:
                raise Damage(name, offset, position, "time backwards")
            self.time = event["time"]
            revision = self.revisions.get(event["stream"], 0) + 1
            if event["revision"] != revision:
                raise Damage(name, offset, position, "revision gap")
            self.revisions[event["stream"]] = revision
            sequence = self.sequences.get(event["tenant"], 0) + 1
            if event["tenantSequence"] != sequence:
                raise Damage(name, offset, position, "tenant sequence gap")
            self.sequences[event["tenant"]] = sequence
            self.position = position
            yield event


def is_segment(name):
    found = re.fullmatch(r"[0-9]{8}-([0-9]{20})\.seg", name)
    return found is not None and int(found[1]) <= U64_MAX


def read_group(name, offset, first, count, rest):
    """Events of a group, from what follows its header; and the chain stored at its end."""
    ends = struct.unpack_from(f"<{count}I", rest)
    records_at, trailer_at = 4 * count, len(rest) - GROUP_TRAILER_BYTES
    events = []
    start = records_at
    for index, end in enumerate(ends):
        def damage(what, at=start, position=first + index):
            return Damage(name, offset + GROUP_HEADER_BYTES + at, position, what)

        end += records_at
        if end < start or end > trailer_at:
            raise damage("record header")
        event = read_record(rest[start:end], damage)
        if event["position"] != first + index:
            raise damage("position gap")
        events.append(event)
        start = end
    (checksum,) = struct.unpack_from("<I", rest, len(rest) - 4)
    if start != trailer_at or crc32c(rest[:-4]) != checksum:
        raise Damage(name, offset + GROUP_HEADER_BYTES + trailer_at, first, "group checksum")
    return events, rest[trailer_at : trailer_at + 32]


def read_record(record, damage):
    if len(record) < RECORD_HEADER_BYTES:
        raise damage("record header")
    flags, facts_bytes, content_bytes, body_checksum, checksum = RECORD_REST.unpack_from(record, ENVELOPE_BYTES)
    holds = (
        crc32c(record[:92]) == checksum
        and flags in (0, REDACTED)
        and facts_bytes <= FACTS_BYTES_MAX
        and content_bytes <= CONTENT_BYTES_MAX
        and (flags == 0 or content_bytes == 32)
        and RECORD_HEADER_BYTES + facts_bytes + content_bytes == len(record)
    )
    if not holds:
        raise damage("record header")
    body = record[RECORD_HEADER_BYTES:]
    if crc32c(body) != body_checksum:
        raise damage("record checksum")
    facts, content = body[:facts_bytes], body[facts_bytes:]
    facts_hash = sha256(facts)
    content_hash = content if flags == REDACTED else sha256(content)
    envelope = ENVELOPE.unpack_from(record)
    position, tenant, sequence, stream, revision, kind, version, command, index, time, key = envelope
    return {
        "position": position,
        "tenant": tenant,
        "tenantSequence": sequence,
        "stream": stream.hex(),
        "revision": revision,
        "type": kind,
        "version": version,
        "command": command.hex(),
        "commandIndex": index,
        "time": time,
        "keyId": key,
        "redacted": flags == REDACTED,
        "factsBytes": facts_bytes,
        "contentBytes": content_bytes,
        "factsHash": facts_hash.hex(),
        "contentHash": content_hash.hex(),
        "leaf": sha256(b"\0", record[:ENVELOPE_BYTES], facts_hash, content_hash).hex(),
    }


def main(directories):
    if not directories:
        print(__doc__, file=sys.stderr)
        return 2
    code = 0
    for directory in directories:
        try:
            for event in Log().read(directory):
                print(json.dumps(event, separators=(",", ":")))
        except Damage as damage:
            print(damage, file=sys.stderr)
            code = 3
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
