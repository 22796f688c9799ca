// Checks what a peer says of a key of the state, for whoever has verified the Final proof of the block.
import type { Proven } from "./verify.js";

/** The value of a SCORE's key after that block; null: it is not there. Throws LoopchainError `LC3318`. */
export function verifyState(
  document: unknown, block: Pick<Proven, "channel" | "height" | "hash" | "stateRoot">, score: string, key: Uint8Array,
): Promise<Uint8Array | null>;
