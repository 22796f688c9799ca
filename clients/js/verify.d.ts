// Checks Final proofs and receipts, for whoever trusts nothing but a genesis hash or a list of validators.

/** What is trusted, from elsewhere: the hash of the genesis, or its validators as name, public key in hex, weight. */
export interface Trusted {
  genesis?: string;
  validators?: [string, string, number][];
}
export interface Proven {
  channel: string;
  genesis: string;
  height: number;
  hash: string;
  timeUs: number | bigint;
  stateRoot: string;
  receiptsRoot: string;
  epoch: number;
  quorum: bigint;
  total: bigint;
  weight: bigint;
  signers: string[];
}
export interface Shown {
  hash: string;
  score: string;
  method: string;
  /** Address of the signer. */
  signer: string;
  status: "ok" | "fault" | "trap" | "refused" | "crash";
  code: number;
  output: Uint8Array;
  index: number;
  block: Proven;
}
export function verifyBlockProof(document: unknown, genesisBytes: Uint8Array, trusted: Trusted): Promise<Proven>;
export function verifyReceipt(document: unknown, trusted: Trusted): Promise<Shown>;
export function publicKeyOf(certificate: Uint8Array): Uint8Array;
