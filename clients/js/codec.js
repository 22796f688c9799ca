// Canonical CBOR, hashes, Merkle paths: the bytes that are hashed and signed (docs/spec/wire.md).
//
// In: numbers, BigInt, Uint8Array, text, arrays, booleans, null. Out: the one encoding of each, and back; whole
// numbers come back as numbers where they are safe, else as BigInt. A reader refuses every other form. Not here:
// what the arrays mean.

/** Arrays in arrays; bounds the recursion of the reader. */
const DEPTH_MAX = 24;
const U64 = 1n << 64n;

/** Bytes that are not canonical, with the place of the first wrong one. */
export class CodecError extends Error {}

const utf8 = new TextEncoder();

/** One array of bytes out of several. */
export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export const bytesOf = (text) => utf8.encode(text);
export const toHex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

/** Bytes of hex digits in lower case. */
export function fromHex(text) {
  if (typeof text !== "string" || !/^([0-9a-f]{2})*$/.test(text)) throw new CodecError("this is no hex");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export const toBase64 = (bytes) => {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
};

/** Bytes of the one base64 of them. */
export function fromBase64(text) {
  let found;
  try {
    found = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    throw new CodecError("this is no base64");
  }
  if (toBase64(found) !== text) throw new CodecError("not the one base64 of these bytes");
  return found;
}

/** A whole number as `size` bytes, big-endian. */
export function bigEndian(value, size) {
  const out = new Uint8Array(size);
  let rest = BigInt.asUintN(size * 8, BigInt(value));
  for (let at = size - 1; at >= 0; at -= 1) {
    out[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return out;
}

function head(major, value) {
  if (value < 24n) return Uint8Array.of((major << 5) | Number(value));
  for (const [code, size] of [[24, 1], [25, 2], [26, 4], [27, 8]]) {
    if (value < 1n << BigInt(size * 8)) {
      return concat(Uint8Array.of((major << 5) | code), bigEndian(value, size));
    }
  }
  throw new CodecError(`${value} has more than 64 bits`);
}

/** The canonical bytes of a value. */
export function encode(value) {
  if (value === null) return Uint8Array.of(0xf6);
  if (typeof value === "boolean") return Uint8Array.of(value ? 0xf5 : 0xf4);
  if (typeof value === "bigint" || Number.isSafeInteger(value)) {
    const whole = BigInt(value);
    return whole >= 0n ? head(0, whole) : head(1, -1n - whole);
  }
  if (value instanceof Uint8Array) return concat(head(2, BigInt(value.length)), value);
  if (typeof value === "string") {
    const text = bytesOf(value);
    return concat(head(3, BigInt(text.length)), text);
  }
  if (Array.isArray(value)) return concat(head(4, BigInt(value.length)), ...value.map(encode));
  throw new CodecError(`${typeof value} has no encoding`);
}

/** The value of canonical bytes, all of them. */
export function decode(data) {
  const [value, at] = decodeAt(data, 0, DEPTH_MAX);
  if (at !== data.length) throw new CodecError(`bytes are left over at ${at}`);
  return value;
}

function decodeAt(data, start, depth) {
  if (depth === 0 || start >= data.length) {
    throw new CodecError(`the bytes end early or are nested too deep at ${start}`);
  }
  const major = data[start] >> 5;
  const small = data[start] & 31;
  let at = start + 1;
  if (major === 7) {
    if (small < 20 || small > 22) throw new CodecError(`no such value at ${start}`);
    return [[false, true, null][small - 20], at];
  }
  let value = BigInt(small);
  if (small >= 24) {
    const size = { 24: 1, 25: 2, 26: 4, 27: 8 }[small];
    if (size === undefined || at + size > data.length) throw new CodecError(`no such length at ${start}`);
    value = BigInt("0x" + toHex(data.subarray(at, at + size)));
    at += size;
    if (head(major, value).length !== at - start) throw new CodecError(`not the shortest form at ${start}`);
  }
  const plain = (whole) =>
    whole >= BigInt(Number.MIN_SAFE_INTEGER) && whole <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(whole) : whole;
  if (major === 0) return [plain(value), at];
  if (major === 1) return [plain(-1n - value), at];
  if (major > 4) throw new CodecError(`no maps and tags at ${start}`);
  if (value > BigInt(data.length - at)) throw new CodecError(`longer than the rest at ${start}`);
  const size = Number(value);
  if (major === 4) {
    const items = [];
    for (let i = 0; i < size; i += 1) {
      const [item, next] = decodeAt(data, at, depth - 1);
      items.push(item);
      at = next;
    }
    return [items, at];
  }
  const piece = data.slice(at, at + size);
  if (major === 2) return [piece, at + size];
  try {
    return [new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(piece), at + size];
  } catch {
    throw new CodecError(`no UTF-8 at ${start}`);
  }
}

/** SHA-256. */
export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...parts)));
}

/** What is signed: the tag of the domain and the fields, each behind its length. */
export function message(domain, ...fields) {
  const parts = [bytesOf(`loopchain/${domain}/v1`), ...fields];
  return concat(...parts.flatMap((part) => [bigEndian(part.length, 8), part]));
}

/** SHA-256 of the message. */
export const digest = (domain, ...fields) => sha256(message(domain, ...fields));

export const equal = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

/** Whether `leaf` stands at this place of a tree with this root (RFC 6962, bound to domain and size). */
export async function merkleVerify(domain, leaf, index, leaves, path, root) {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(leaves) || index < 0 || index >= leaves) return false;
  let at = index;
  let last = leaves - 1;
  const rest = [...path];
  let node = await sha256(Uint8Array.of(0), leaf);
  while (last > 0) {
    if (at % 2 === 1 || at < last) {
      const sibling = rest.shift();
      if (sibling === undefined) return false;
      const pair = at % 2 === 1 ? [sibling, node] : [node, sibling];
      node = await sha256(Uint8Array.of(1), ...pair);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return rest.length === 0 && equal(await digest(domain, bigEndian(leaves, 8), node), root);
}

/** Merkle root of leaves (RFC 6962, bound to domain and size). */
export async function merkleRoot(domain, leaves) {
  let level = await Promise.all(leaves.map((leaf) => sha256(Uint8Array.of(0), leaf)));
  while (level.length > 1) {
    const pairs = Array.from({ length: Math.ceil(level.length / 2) }, (_, at) => level.slice(2 * at, 2 * at + 2));
    level = await Promise.all(pairs.map((pair) => (pair.length === 2 ? sha256(Uint8Array.of(1), ...pair) : pair[0])));
  }
  return digest(domain, bigEndian(leaves.length, 8), level.length === 1 ? level[0] : await sha256());
}

/** Merkle root of no leaves. */
export const emptyRoot = async (domain) => digest(domain, bigEndian(0, 8), await sha256());

export { U64 };
