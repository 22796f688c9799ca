// A channel through one or several peers: sign, submit and wait, query, get, follow events.
import type { Value } from "./codec.js";

export interface ErrorFacts {
  retryable?: boolean;
  help?: string[];
  requestId?: string;
  status?: number;
  retryAfter?: number;
}
export class LoopchainError extends Error {
  constructor(code: string, message: string, facts?: ErrorFacts);
  static fromProblem(status: number, body: unknown, retryAfter?: number): LoopchainError;
  /** `LCnnnn` */
  readonly code: string;
  readonly detail: string;
  readonly retryable: boolean;
  readonly help: string[];
  readonly requestId?: string;
  readonly status?: number;
  /** Seconds. */
  readonly retryAfter?: number;
}

export interface Signer {
  readonly certificateId: Uint8Array;
  sign(message: Uint8Array): Promise<Uint8Array>;
}
export class Identity implements Signer {
  static fromPem(keyText: string, certificateText: string, password?: string): Promise<Identity>;
  static fromDer(pkcs8: Uint8Array, certificate: Uint8Array): Promise<Identity>;
  readonly key: CryptoKey;
  readonly certificate: Uint8Array;
  readonly certificateId: Uint8Array;
  sign(message: Uint8Array): Promise<Uint8Array>;
}

export interface TransactionParts {
  genesis: Uint8Array;
  score: string;
  method: string;
  args: Uint8Array;
  signer: Uint8Array;
  nonce: bigint;
  expiry: bigint;
}
export function transactionBytes(parts: TransactionParts): Uint8Array;
export function transactionHash(transaction: Uint8Array): Promise<string>;
export function addressOf(publicKey: Uint8Array): Promise<string>;
export function ed25519(usage: "importKey" | "sign" | "verify", ...args: unknown[]): Promise<any>;

export class Signed {
  constructor(transaction: Uint8Array, signature: Uint8Array, hash: string);
  readonly transaction: Uint8Array;
  readonly signature: Uint8Array;
  readonly hash: string;
  readonly envelope: { transaction: string; signature: string };
}
export class Call {
  constructor(genesis: Uint8Array, score: string, method: string, args: Value[]);
  readonly genesis: Uint8Array;
  readonly score: string;
  readonly method: string;
  readonly args: Value[];
  sign(by: Signer, fixed?: { nonce?: bigint; expiry?: bigint }): Promise<Signed>;
}

/** `loopchain.tx.v1`, as far as applications look inside. */
export interface Transaction {
  state: "pending" | "final" | "rejected";
  hash: string;
  height?: number;
  receipt?: { status: "ok" | "fault" | "trap" | "refused" | "crash"; code: number; message?: string; output: unknown };
  error?: { code: string; message: string };
  [field: string]: unknown;
}
export function check(transaction: Transaction): Transaction;

export interface StreamEvent {
  /** `HEIGHT.TX.EVENT` */
  id: string;
  kind: string;
  data: string;
}
export class EventParser {
  readonly lastId: string;
  take(bytes: Uint8Array): StreamEvent[];
}

export type Arguments = Record<string, unknown> | unknown[] | null;
export class Client {
  constructor(
    endpoints: string | string[],
    channel: string,
    settings?: { timeoutMs?: number; rounds?: number; pauseMs?: number; pauseMaxMs?: number },
  );
  readonly endpoints: string[];
  readonly channelName: string;
  get(path: string): Promise<any>;
  channel(): Promise<any>;
  score(name: string): Promise<any>;
  block(reference?: string | number): Promise<any>;
  blockProof(reference?: string | number): Promise<any>;
  state(score: string, key: Uint8Array, options?: { at?: number }): Promise<any>;
  transaction(hash: string): Promise<Transaction>;
  receipt(hash: string): Promise<any>;
  query(score: string, method: string, args?: Arguments): Promise<any>;
  memberAddress(name: string): Promise<Uint8Array | undefined>;
  call(score: string, method: string, args?: Arguments): Promise<Call>;
  submit(signed: Signed, waitMs?: number): Promise<Transaction>;
  wait(hash: string, timeoutMs?: number): Promise<Transaction>;
  submitAndWait(signed: Signed, timeoutMs?: number): Promise<Transaction>;
  events(wishes?: { after?: string; types?: string; score?: string; topic?: string; from?: string }): AsyncGenerator<StreamEvent>;
}
