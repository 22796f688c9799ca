// A channel through one or several peers: sign, submit and wait, query, get, follow events.
//
// In: addresses of peers, keys, calls. Out: the documents of `/api/v2`. What fails with an error that may pass is
// asked of the next peer, and after a round of all peers again after a pause; a transaction is the same bytes each
// time. Needs fetch and WebCrypto with Ed25519, of a browser (in a secure context) or of Node 20 or later. Not here:
// checking what a peer says (verify.js).

import { parseAddress, typed } from "./arguments.js";
import { digest, encode, fromBase64, fromHex, message, sha256, toBase64, toHex } from "./codec.js";
import { LoopchainError, unreachable } from "./errors.js";

export { LoopchainError } from "./errors.js";

/** How often a pending transaction is asked for, ms. */
const POLL_MS = 100;
/** How long a peer that never heard of a transaction is asked again, ms. */
const HEARD_OF_MS = 2000;
/** What a peer that waits for finality gets on top of its wait, ms. */
const WAY_MS = 5000;
/** A stream without a byte for so long counts as lost, ms; peers say something every 15 s. */
const SILENCE_MS = 60_000;
/** How often a stream that was cut off is opened again without an event in between. */
const REOPENED_MAX = 8;
/** Longest line and longest event, letters. */
const EVENT_MAX = 1024 * 1024;
/** How long a transaction may wait for a block, microseconds of block time. */
const EXPIRY_US = 5n * 60n * 1_000_000n;
/** Longest name of a method, bytes. */
const METHOD_BYTES_MAX = 64;
/** Longest time that setTimeout takes, ms. */
const TIMER_MAX = 2 ** 31 - 1;

const sleep = (ms) => new Promise((done) => setTimeout(done, Math.min(ms, TIMER_MAX)));

/** The Ed25519 of WebCrypto, or an error that says what is missing. */
export async function ed25519(usage, ...args) {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) throw new LoopchainError("LC1001", "there is no WebCrypto here: it needs HTTPS or localhost, or Node 20");
  try {
    return await subtle[usage](...args);
  } catch (error) {
    if (error?.name === "NotSupportedError") {
      throw new LoopchainError("LC1001", "this WebCrypto has no Ed25519: use a newer browser, or Node 20 or later");
    }
    throw error;
  }
}

/** The bytes of a PEM text, and what it holds. */
function pem(text) {
  const found = /-----BEGIN ([A-Z ]+)-----([^-]*)-----END \1-----/.exec(text);
  if (!found) throw new LoopchainError("LC1101", "this is no PEM");
  try {
    return [found[1], fromBase64(found[2].replace(/\s/g, ""))];
  } catch {
    throw new LoopchainError("LC1101", "this is no PEM");
  }
}

/** Opens an encrypted key: scrypt is in Node, but not in WebCrypto. */
async function decrypted(text, password) {
  if (password === undefined) throw new LoopchainError("LC4123", "the key is encrypted: give its password");
  let node;
  try {
    node = await import("node:crypto");
  } catch {
    const help = ["openssl pkcs8 -in NAME.key -out plain.key, and keep that where only the page's owner reads it"];
    throw new LoopchainError("LC1001", "browsers cannot open an encrypted key file", { help });
  }
  try {
    const key = node.createPrivateKey({ key: text, passphrase: password });
    return new Uint8Array(key.export({ format: "der", type: "pkcs8" }));
  } catch {
    throw new LoopchainError("LC4123", "the password is wrong, or the file is damaged");
  }
}

/** The address of a key: `hx` and 40 hex digits. */
export const addressOf = async (publicKey) => "hx" + toHex((await digest("address", publicKey)).slice(0, 20));

/** A key with its certificate. */
export class Identity {
  constructor(key, certificate, certificateId) {
    Object.assign(this, { key, certificate, certificateId });
  }

  /** From the texts of `NAME.key` and `NAME.crt`; the password only where the key is encrypted (Node only). */
  static async fromPem(keyText, certificateText, password) {
    const [label, der] = pem(keyText);
    const [kind, certificate] = pem(certificateText);
    if (kind !== "CERTIFICATE") throw new LoopchainError("LC1101", `the certificate is a ${kind}`);
    if (label === "PRIVATE KEY") return Identity.fromDer(der, certificate);
    if (label !== "ENCRYPTED PRIVATE KEY") throw new LoopchainError("LC1101", `the key is a ${label}`);
    return Identity.fromDer(await decrypted(keyText, password), certificate);
  }

  /** From PKCS#8 and certificate as bytes. */
  static async fromDer(pkcs8, certificate) {
    let key;
    try {
      key = await ed25519("importKey", "pkcs8", pkcs8, { name: "Ed25519" }, false, ["sign"]);
    } catch (error) {
      if (error instanceof LoopchainError) throw error;
      throw new LoopchainError("LC1101", "this is no Ed25519 key in PKCS#8");
    }
    return new Identity(key, certificate, await sha256(certificate));
  }

  /** The Ed25519 signature of a message. */
  async sign(text) {
    return new Uint8Array(await ed25519("sign", { name: "Ed25519" }, this.key, text));
  }
}

/** The canonical bytes of a transaction; `args` are the bytes of its argument array. */
export const transactionBytes = ({ genesis, score, method, args, signer, nonce, expiry }) =>
  encode([1, genesis, score, method, args, signer, nonce, expiry]);

/** The id of a transaction. */
export const transactionHash = async (transaction) => toHex(await digest("transaction", transaction));

/** A signed transaction, ready to be sent any number of times. */
export class Signed {
  constructor(transaction, signature, hash) {
    Object.assign(this, { transaction, signature, hash });
  }

  /** What is sent to `/api/v2`. */
  get envelope() {
    return { transaction: toBase64(this.transaction), signature: toBase64(this.signature) };
  }
}

/** What is called: `args` are typed values in the method's order. */
export class Call {
  constructor(genesis, score, method, args) {
    Object.assign(this, { genesis, score, method, args });
  }

  /** Signs it: with a random nonce, good for five minutes of block time, unless said otherwise. */
  async sign(by, { nonce, expiry } = {}) {
    if (new TextEncoder().encode(this.method).length > METHOD_BYTES_MAX) {
      throw new LoopchainError("LC2108", "the name of the method is too long");
    }
    const random = crypto.getRandomValues(new BigUint64Array(1))[0];
    const transaction = transactionBytes({
      genesis: this.genesis,
      score: this.score,
      method: this.method,
      args: encode(this.args),
      signer: by.certificateId,
      nonce: nonce ?? random,
      expiry: expiry ?? BigInt(Date.now()) * 1000n + EXPIRY_US,
    });
    const signature = await by.sign(message("transaction", transaction));
    return new Signed(transaction, signature, await transactionHash(transaction));
  }
}

/** The document of a transaction that is final and did what it should; else it throws. */
export function check(transaction) {
  const { state, receipt, error, hash } = transaction;
  if (state === "final" && receipt.status === "ok") return transaction;
  if (state === "final") {
    const codes = { trap: "LC2112", crash: "LC2113", refused: `LC${receipt.code}` };
    throw new LoopchainError(codes[receipt.status] ?? "LC2111", receipt.message ?? receipt.status);
  }
  if (state === "rejected") throw new LoopchainError(error?.code ?? "LC9001", error?.message ?? "it was rejected");
  throw new LoopchainError("LC3204", `${hash} is not final yet`, { retryable: true });
}

/** Reads `text/event-stream` piece by piece; `lastId` is the place after which to go on. */
export class EventParser {
  #text = new TextDecoder();
  #line = "";
  #afterReturn = false;
  #id = "";
  #kind = "";
  #data = [];
  lastId = "";

  /** Takes the next bytes and gives the events that are whole. */
  take(bytes) {
    const found = [];
    let size = this.#data.reduce((sum, line) => sum + line.length, 0);
    for (const char of this.#text.decode(bytes, { stream: true })) {
      const afterReturn = this.#afterReturn;
      this.#afterReturn = char === "\r";
      if (char === "\n" && afterReturn) continue;
      if (char !== "\n" && char !== "\r") {
        this.#line += char;
        if (this.#line.length + size > EVENT_MAX) throw new LoopchainError("LC3107", "an event is longer than 1 MiB");
        continue;
      }
      const event = this.#lineEnds();
      if (event) found.push(event);
      size = this.#data.reduce((sum, line) => sum + line.length, 0);
    }
    return found;
  }

  #lineEnds() {
    const line = this.#line;
    this.#line = "";
    if (line === "") {
      this.lastId = this.#id;
      const event = { id: this.#id, kind: this.#kind || "message", data: this.#data.join("\n") };
      const isWhole = this.#data.length > 0;
      this.#kind = "";
      this.#data = [];
      return isWhole ? event : undefined;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#kind = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id" && value.length <= 64 && !value.includes("\0")) this.#id = value;
    return undefined;
  }
}

/** A channel, through its peers (`http://HOST:PORT`). */
export class Client {
  #first = 0;

  constructor(endpoints, channel, { timeoutMs = 30_000, rounds = 3, pauseMs = 200, pauseMaxMs = 5000 } = {}) {
    this.endpoints = [endpoints].flat().map((url) => url.replace(/\/+$/, ""));
    this.channelName = channel;
    Object.assign(this, { timeoutMs, rounds: Math.max(1, rounds), pauseMs, pauseMaxMs });
    const odd = this.endpoints.find((url) => !/^https?:\/\/[^/]+/.test(url));
    if (odd !== undefined) throw new LoopchainError("LC1001", `\`${odd}\` is not an address of the form http://HOST:PORT`);
    if (!this.endpoints.length) throw new LoopchainError("LC1001", "a client has at least one peer");
  }

  // ----------------------------------------------------------------- asking

  /** One peer after the other, in rounds; no round begins after `end`. */
  async #onSomePeer(ask, end = Infinity) {
    const first = this.#first;
    for (let round = 0; ; round += 1) {
      let last;
      for (let step = 0; step < this.endpoints.length; step += 1) {
        const at = (first + step) % this.endpoints.length;
        try {
          const answer = await ask(this.endpoints[at]);
          this.#first = at;
          return answer;
        } catch (error) {
          if (!(error instanceof LoopchainError) || !error.retryable) throw error;
          last = error;
        }
      }
      const pause = this.#pause(round, last.retryAfter);
      if (round + 1 >= this.rounds || performance.now() + pause >= end) throw last;
      await sleep(pause);
    }
  }

  #pause(round, askedS = 0) {
    const full = Math.min(this.pauseMs * 2 ** round, this.pauseMaxMs);
    return Math.min(Math.max(full * (1 - Math.random() / 2), askedS * 1000), this.pauseMaxMs);
  }

  async #open(url, options) {
    let answer;
    try {
      answer = await fetch(url, { redirect: "error", ...options });
    } catch (error) {
      throw unreachable(`${url} does not answer: ${error?.cause?.code ?? error?.name ?? error}`);
    }
    if (answer.ok) return answer;
    const told = await answer.json().catch(() => null);
    const after = Number(answer.headers.get("retry-after") ?? NaN);
    throw LoopchainError.fromProblem(answer.status, told, Number.isFinite(after) ? after : undefined);
  }

  async #ask(path, body, waitMs) {
    const end = waitMs === undefined ? Infinity : performance.now() + waitMs;
    return this.#onSomePeer(async (endpoint) => {
      const headers = { accept: "application/json" };
      if (body !== undefined) headers["content-type"] = "application/json";
      // What the first peer took of the wait, the next one does not get.
      const left = Math.max(0, end - performance.now());
      if (waitMs !== undefined) headers.prefer = `wait=${Math.max(1, Math.floor(left / 1000))}`;
      const limit = waitMs === undefined ? this.timeoutMs : left + WAY_MS;
      const answer = await this.#open(endpoint + path, {
        method: body === undefined ? "GET" : "POST",
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(Math.min(Math.ceil(limit), TIMER_MAX)),
      });
      try {
        return JSON.parse(await answer.text());
      } catch {
        throw unreachable(`${endpoint} is no peer: no JSON in its answer`);
      }
    }, end);
  }

  #path(rest) {
    return `/api/v2/channels/${encodeURIComponent(this.channelName)}${rest}`;
  }

  // ------------------------------------------------------------------ reads

  /** Any path, as JSON. */
  get(path) {
    return this.#ask(path);
  }

  /** State of the channel: height, quorum, validators, genesis hash. */
  channel() {
    return this.#ask(this.#path(""));
  }

  /** A SCORE with its manifest. */
  score(name) {
    return this.#ask(this.#path(`/scores/${encodeURIComponent(name)}`));
  }

  /** A block by height, hash or `latest`. */
  block(reference = "latest") {
    return this.#ask(this.#path(`/blocks/${encodeURIComponent(reference)}`));
  }

  /** The Final proof of a block, unchecked. */
  blockProof(reference = "latest") {
    return this.#ask(this.#path(`/blocks/${encodeURIComponent(reference)}/certificate`));
  }

  /** A key of a SCORE's state after a block (the last one), with its proof: `verifyState` checks it. */
  state(score, key, { at } = {}) {
    const after = at === undefined ? "" : `&at=${encodeURIComponent(at)}`;
    return this.#ask(this.#path(`/state/${encodeURIComponent(score)}/${toHex(key)}?proof=true${after}`));
  }

  /** Where a transaction is: `pending`, `final` or `rejected`. */
  transaction(hash) {
    return this.#ask(this.#path(`/transactions/${encodeURIComponent(hash)}`));
  }

  /** The portable receipt of a final transaction, unchecked. */
  receipt(hash) {
    return this.#ask(this.#path(`/transactions/${encodeURIComponent(hash)}/receipt`));
  }

  /** What a SCORE answers at the last final block; names may stand where addresses belong. */
  async query(score, method, args = {}) {
    return (await this.#ask(this.#path(`/scores/${encodeURIComponent(score)}/query`), { method, args })).result;
  }

  /** The address of the one member of a name; undefined when there is none or several. */
  async memberAddress(name) {
    const { members } = await this.#ask(this.#path(`/members?name=${encodeURIComponent(name)}`));
    const addresses = new Set(members.map((member) => member.address));
    return addresses.size === 1 ? parseAddress([...addresses][0]) : undefined;
  }

  // ----------------------------------------------------------- transactions

  /** A call with arguments by name (object) or position (array), typed by the SCORE's manifest. */
  async call(score, method, args = {}) {
    const { manifest } = await this.score(score);
    if (!manifest) throw new LoopchainError("LC6301", `the peer does not have the file of ${score} yet`, { retryable: true });
    const kinds = manifest.methods.filter((one) => one.kind === "call" || one.kind === "invoke");
    const found = kinds.find((one) => one.name === method);
    if (!found) {
      const names = kinds.map((one) => one.name).join(", ");
      throw new LoopchainError("LC2108", `${score} has no method \`${method}\`; its methods are ${names}`);
    }
    const values = await typed(`${score}.${method}`, found.args, args, (name) => this.memberAddress(name));
    return new Call(fromHex((await this.channel()).genesis), score, method, values);
  }

  /** Sends a transaction; with `waitMs`, the peer waits so long for finality. */
  submit(signed, waitMs) {
    return this.#ask(this.#path("/transactions"), signed.envelope, waitMs);
  }

  /** Asks for a transaction until it is final or rejected, at most so long; then as it is. */
  async wait(hash, timeoutMs = 30_000) {
    const start = performance.now();
    for (;;) {
      const passed = () => performance.now() - start;
      try {
        const found = await this.transaction(hash);
        if (found.state !== "pending" || passed() >= timeoutMs) return found;
      } catch (error) {
        // Another peer hears of it later.
        if (error.code !== "LC7104" || passed() >= Math.min(timeoutMs, HEARD_OF_MS)) throw error;
      }
      await sleep(POLL_MS);
    }
  }

  /** Sends and waits until it is `final` or `rejected`, at most so long; then it is `pending`. */
  async submitAndWait(signed, timeoutMs = 30_000) {
    const start = performance.now();
    const found = await this.submit(signed, timeoutMs);
    if (found.state !== "pending") return found;
    return this.wait(signed.hash, Math.max(0, timeoutMs - (performance.now() - start)));
  }

  // ----------------------------------------------------------------- events

  /**
   * Events, for ever, each once: after a disconnect it goes on after the last one (`Last-Event-ID`). `wishes` are
   * `types` (`block,tx,score`), `score`, `topic`, `from`.
   */
  async *events({ after = "", ...wishes } = {}) {
    const query = new URLSearchParams(wishes).toString();
    const path = this.#path("/events" + (query ? `?${query}` : ""));
    let last = after;
    for (let reopened = 0; reopened < REOPENED_MAX; reopened += 1) {
      if (reopened) await sleep(this.#pause(reopened - 1));
      const stop = new AbortController();
      const headers = { accept: "text/event-stream", ...(last ? { "last-event-id": last } : {}) };
      let silence = setTimeout(() => stop.abort(), SILENCE_MS);
      const parser = new EventParser();
      try {
        const answer = await this.#onSomePeer((endpoint) => this.#open(endpoint + path, { headers, signal: stop.signal }));
        const pieces = answer.body.getReader();
        for (let isOver = false; !isOver; ) {
          // A connection that breaks is no error: events stay where they are stored.
          const { done, value } = await pieces.read().catch(() => ({ done: true }));
          if (done) break;
          clearTimeout(silence);
          silence = setTimeout(() => stop.abort(), SILENCE_MS);
          for (const event of parser.take(value)) {
            if (event.kind === "end") {
              const told = LoopchainError.fromProblem(200, JSON.parse(event.data));
              if (!told.retryable) throw told;
              isOver = true;
              break;
            }
            last = event.id || last;
            reopened = 0;
            yield event;
          }
          last = parser.lastId || last;
        }
      } finally {
        clearTimeout(silence);
        stop.abort();
      }
    }
    throw unreachable(`the event stream was cut off ${REOPENED_MAX} times in a row`);
  }
}

