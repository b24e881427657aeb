// Frames on a byte stream: a QUIC variable-length integer (RFC 9000, section 16) with the length in bytes, then UTF-8 JSON.

/** Most bytes one frame may have, without its length prefix: 65,536. The server keeps to it as well. */
export const FRAME_BYTES_MAX = 65_536;

/** A byte stream that does not follow the framing. The stream is unusable afterwards. */
export class FramingError extends Error {
  name = 'FramingError';
}

/**
 * The shortest QUIC varint of a length.
 * @param {number} value from 0 to 2^30 - 1; frames are far shorter
 * @returns {Uint8Array} 1, 2 or 4 bytes
 */
export function encodeVarint(value) {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** 30) {
    throw new RangeError(`a frame length is from 0 to ${2 ** 30 - 1}, found ${value}`);
  }
  if (value < 64) return Uint8Array.of(value);
  if (value < 16_384) return Uint8Array.of(0x40 | (value >> 8), value & 0xff);
  return Uint8Array.of(0x80 | (value >> 24), (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff);
}

/**
 * One frame as bytes.
 * @param {string} text JSON
 * @returns {Uint8Array}
 */
export function encodeFrame(text) {
  const body = new TextEncoder().encode(text);
  if (body.length > FRAME_BYTES_MAX) {
    throw new FramingError(`frame is ${body.length} bytes, at most ${FRAME_BYTES_MAX} are allowed`);
  }
  const prefix = encodeVarint(body.length);
  const frame = new Uint8Array(prefix.length + body.length);
  frame.set(prefix);
  frame.set(body, prefix.length);
  return frame;
}

/**
 * Cuts a byte stream into frames, however the network cut it into chunks: a chunk may end inside a length or
 * inside a character.
 */
export class FrameReader {
  /** @type {number[]} bytes of a length that is not complete yet */
  #prefix = [];
  /** Bytes still missing in the frame that has begun; -1 while its length is being read. */
  #missing = -1;
  #text = '';
  #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  /**
   * Takes the next chunk and gives the frames that it completes.
   * @param {Uint8Array} chunk
   * @returns {string[]} texts of whole frames, in order
   * @throws {FramingError} on a length over the limit or on bytes that are not UTF-8
   */
  push(chunk) {
    const frames = [];
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#missing < 0) {
        this.#readLengthByte(chunk[offset]);
        offset += 1;
      } else {
        const end = Math.min(chunk.length, offset + this.#missing);
        this.#missing -= end - offset;
        this.#decode(chunk.subarray(offset, end));
        offset = end;
      }
      if (this.#missing === 0) frames.push(this.#finish());
    }
    return frames;
  }

  /** @param {number} byte */
  #readLengthByte(byte) {
    this.#prefix.push(byte);
    const [first] = this.#prefix;
    if (this.#prefix.length < 1 << (first >> 6)) return;
    const length = this.#prefix.slice(1).reduce((value, next) => value * 256 + next, first & 0x3f);
    if (length > FRAME_BYTES_MAX) {
      throw new FramingError(`frame is ${length} bytes, at most ${FRAME_BYTES_MAX} are allowed`);
    }
    this.#prefix = [];
    this.#missing = length;
  }

  /** @param {Uint8Array} bytes */
  #decode(bytes) {
    try {
      this.#text += this.#decoder.decode(bytes, { stream: this.#missing > 0 });
    } catch {
      throw new FramingError('frame is not UTF-8');
    }
  }

  #finish() {
    const text = this.#text;
    this.#text = '';
    this.#missing = -1;
    return text;
  }
}
