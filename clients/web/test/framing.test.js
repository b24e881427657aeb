import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFrame, encodeVarint, FRAME_BYTES_MAX, FrameReader, FramingError } from '../src/framing.js';
import { bytesOfHex } from '../src/webtransport.js';

test('a length is a QUIC varint, as the examples of RFC 9000 have it', () => {
  assert.deepEqual([...encodeVarint(37)], [0x25]);
  assert.deepEqual([...encodeVarint(15_293)], [0x7b, 0xbd]);
  assert.deepEqual([...encodeVarint(494_878_333)], [0x9d, 0x7f, 0x3e, 0x7d]);
  for (const wrong of [-1, 1.5, 2 ** 30]) assert.throws(() => encodeVarint(wrong), RangeError);
});

test('frames survive every way of cutting the stream in two', () => {
  const texts = ['{}', JSON.stringify({ body: 'Grüße, 世界 🕊' }), JSON.stringify({ long: 'x'.repeat(300) }), ''];
  const stream = concat(texts.map(encodeFrame));
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const reader = new FrameReader();
    const frames = [...reader.push(stream.subarray(0, cut)), ...reader.push(stream.subarray(cut))];
    assert.deepEqual(frames, texts, `cut at ${cut}`);
  }
});

test('frames survive arriving byte by byte', () => {
  const texts = ['{"type":"ping"}', JSON.stringify('é'.repeat(9_000))];
  const reader = new FrameReader();
  const frames = [...concat(texts.map(encodeFrame))].flatMap((byte) => reader.push(Uint8Array.of(byte)));
  assert.deepEqual(frames, texts);
});

test('a frame at the limit passes and one byte more does not, in both directions', () => {
  const largest = 'a'.repeat(FRAME_BYTES_MAX);
  assert.deepEqual(new FrameReader().push(encodeFrame(largest)), [largest]);
  assert.throws(() => encodeFrame(`${largest}a`), FramingError);
  assert.throws(() => new FrameReader().push(encodeVarint(FRAME_BYTES_MAX + 1)), FramingError);
});

test('an eight byte length is over the limit, not a wrong small one', () => {
  const claimed = Uint8Array.of(0xc0, 0, 0, 1, 0, 0, 0, 2);
  assert.throws(() => new FrameReader().push(claimed), FramingError);
});

test('bytes that are not UTF-8 are refused', () => {
  assert.throws(() => new FrameReader().push(Uint8Array.of(2, 0xc3, 0x28)), FramingError);
  assert.throws(() => new FrameReader().push(Uint8Array.of(1, 0xc3)), FramingError);
});

test('certificate hashes are read with and without colons, and nothing else', () => {
  assert.deepEqual([...bytesOfHex('00:ff:1a')], [0, 255, 26]);
  assert.deepEqual([...bytesOfHex('00FF1a')], [0, 255, 26]);
  assert.throws(() => bytesOfHex('0g'));
  assert.throws(() => bytesOfHex('abc'));
});

function concat(chunks) {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}
