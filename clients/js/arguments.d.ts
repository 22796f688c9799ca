// Arguments as people write them, typed by a SCORE's manifest.
import type { Value } from "./codec.js";
export function parseAddress(text: string): Uint8Array | undefined;
export function typed(
  owner: string,
  parameters: { name: string; type: string }[],
  given: unknown,
  resolve: (name: string) => Uint8Array | undefined | Promise<Uint8Array | undefined>,
): Promise<Value[]>;
