// Canonical CBOR, hashes, Merkle paths.
export type Value = number | bigint | Uint8Array | string | boolean | null | Value[];
export class CodecError extends Error {}
export function concat(...parts: Uint8Array[]): Uint8Array;
export function bytesOf(text: string): Uint8Array;
export function toHex(bytes: Uint8Array): string;
export function fromHex(text: string): Uint8Array;
export function toBase64(bytes: Uint8Array): string;
export function fromBase64(text: string): Uint8Array;
export function bigEndian(value: number | bigint, size: number): Uint8Array;
export function encode(value: Value): Uint8Array;
export function decode(data: Uint8Array): Value;
export function sha256(...parts: Uint8Array[]): Promise<Uint8Array>;
export function message(domain: string, ...fields: Uint8Array[]): Uint8Array;
export function digest(domain: string, ...fields: Uint8Array[]): Promise<Uint8Array>;
export function equal(a: Uint8Array, b: Uint8Array): boolean;
export function merkleVerify(
  domain: string, leaf: Uint8Array, index: number, leaves: number, path: Uint8Array[], root: Uint8Array,
): Promise<boolean>;
export function merkleRoot(domain: string, leaves: Uint8Array[]): Promise<Uint8Array>;
export function emptyRoot(domain: string): Promise<Uint8Array>;
export const U64: bigint;
