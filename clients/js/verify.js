// Checks Final proofs and receipts, for whoever trusts nothing but a genesis hash or a list of validators.
//
// In: a document from anybody, what is trusted. Out: what it shows, or a LoopchainError with the code of the first
// part that is wrong (docs/spec/rest.md). Nothing is asked over a network. Knows the rule `lft`. Not here: whether
// the signer's certificate leads to a root: validators judged that, and the transaction names the certificate by its
// hash; `loopchain verify FILE` checks it again. WebCrypto refuses a few odd signatures that the chain's own rule
// (ZIP 215) takes; no honest signer makes them.

import { addressOf, ed25519 } from "./client.js";
import {
  bigEndian, concat, decode, digest, emptyRoot, encode, equal, fromBase64, fromHex, merkleVerify, message, bytesOf,
  sha256, toHex,
} from "./codec.js";
import { LoopchainError } from "./errors.js";

const STATUS = ["ok", "fault", "trap", "refused", "crash"];
const ZERO = new Uint8Array(32);
/** Headers between a block and its proof, ends of epochs, siblings of a Merkle path. */
const DESCENDANTS_MAX = 256;
const EPOCHS_MAX = 4096;
const PATH_MAX = 16;

export function need(condition, what) {
  if (!condition) throw new Error(what);
}

/** Runs a check of one part; whatever is wrong with it gets this code. */
export async function part(code, make) {
  try {
    return await make();
  } catch (error) {
    if (error instanceof LoopchainError) throw error;
    throw new LoopchainError(code, error?.message ?? String(error));
  }
}

export function hash(text) {
  const found = fromHex(text);
  need(found.length === 32, "a hash has 64 hex digits");
  return found;
}

const isHash = (value) => value instanceof Uint8Array && value.length === 32;
const isWhole = (value) => typeof value === "bigint" || Number.isSafeInteger(value);

/** Equal, as JSON is. */
function same(given, wanted) {
  if (Array.isArray(wanted)) {
    return Array.isArray(given) && given.length === wanted.length && wanted.every((one, at) => same(given[at], one));
  }
  if (wanted !== null && typeof wanted === "object") {
    if (given === null || typeof given !== "object" || Array.isArray(given)) return false;
    const keys = Object.keys(wanted);
    return Object.keys(given).length === keys.length && keys.every((key) => Object.hasOwn(given, key) && same(given[key], wanted[key]));
  }
  // A weight above 2^53 is rounded by JSON.parse.
  return given === (typeof wanted === "bigint" ? Number(wanted) : wanted);
}

async function headerOf(data) {
  const f = decode(data);
  need(Array.isArray(f) && f.length === 17 && f[0] === 1, "a header has 17 fields");
  need([2, 3, 4, 5, 9, 10, 11, 12].every((at) => isWhole(f[at]) && f[at] >= 0), "a header's numbers");
  need([1, 6, 7, 8, 13, 14, 16].every((at) => isHash(f[at])) && (f[15] === null || isHash(f[15])), "a header's hashes");
  return {
    genesis: f[1], epoch: f[2], view: f[3], kind: f[4], height: f[5], parent: f[6], parentRoots: [f[7], f[8]],
    time: f[11], txCount: f[12], txRoot: f[13], validators: f[14], nextValidators: f[15],
    ends: f[15] !== null || f[4] === 2,
    id: await digest("header", data),
  };
}

/** What an epoch runs with, and its root. */
class Epoch {
  constructor(number, validators, rule, genesis, root, rootHeight) {
    Object.assign(this, { number, validators, rule, genesis, root, rootHeight });
    const parameters = new Map(rule[3]);
    const fast = parameters.get("fast") ?? "off";
    this.fast = fast === "off" ? null : BigInt(fast);
    this.delegateTenure = BigInt(parameters.get("delegate_tenure") ?? 1) || 1n;
    this.prefix = message("statement", genesis, bytesOf(rule[0]), bigEndian(number, 8), root);
    this.check();
    const units = new Map(validators.filter((v) => v.length === 5).map((v) => [v[3], BigInt(v[4][1])]));
    const alone = validators.filter((v) => v.length === 4).map((v) => BigInt(v[2]));
    this.total = [...alone, ...units.values()].reduce((sum, weight) => sum + weight, 0n);
    const slack = this.fast ?? 0n;
    this.quorum = this.total - (this.total - 1n - 2n * slack) / 3n - slack;
  }

  /** The set is one that the rule takes. */
  check() {
    const names = new Set(this.validators.map((v) => v[0]));
    const keys = new Set(this.validators.map((v) => toHex(v[1])));
    const count = this.validators.length;
    need(count > 0 && names.size === count && keys.size === count, "names and keys occur once");
    need(this.validators.every((v) => isWhole(v[2]) && v[2] > 0), "weights are positive");
    for (const [, , , group, unit] of this.validators.filter((v) => v.length === 5)) {
      const members = this.validators.filter((v) => v[3] === group);
      need(members.every((v) => v.length === 5 && same(v[4], unit)), `group ${group}`);
      const [mode, weight, threshold] = unit;
      const inner = members.reduce((sum, v) => sum + BigInt(v[2]), 0n);
      need((mode === 0 || mode === 1) && weight > 0, `group ${group}`);
      need(2n * BigInt(threshold) > inner && BigInt(threshold) <= inner, `the threshold of group ${group}`);
    }
    need(this.rule[0] === "lft", `rule ${this.rule[0]} is not known here: \`loopchain verify\``);
  }

  /** What these validators say together; a vote of a view is its group's delegate's, where there is one. */
  weigh(signers, view) {
    let said = 0n;
    const inner = new Map();
    const spoken = new Set();
    for (const index of signers) {
      const [, , weight, group, unit] = this.validators[index];
      if (!unit) {
        said += BigInt(weight);
        continue;
      }
      inner.set(group, (inner.get(group) ?? 0n) + BigInt(weight));
      const isDelegated = unit[0] === 1 && view !== undefined;
      const speaks = isDelegated ? this.delegate(group, view) === index : inner.get(group) >= BigInt(unit[2]);
      if (speaks && !spoken.has(group)) {
        spoken.add(group);
        said += BigInt(unit[1]);
      }
    }
    return said;
  }

  delegate(group, view) {
    const members = this.validators.flatMap((v, at) => (v[3] === group && v.length === 5 ? [at] : []));
    return members[Number((BigInt(view) / this.delegateTenure) % BigInt(members.length))];
  }
}

// ------------------------------------------------------------------------- lft

const pairDigest = (tag, pair) => sha256(bytesOf(tag), ...pair);

function signedMessage(prefix, slots, body) {
  const data = encode([1, body]);
  const parts = slots.flatMap(([view, kind, value]) => [bigEndian(view, 8), Uint8Array.of(kind), value]);
  return concat(prefix, bigEndian(slots.length, 8), ...parts, bigEndian(data.length, 8), data);
}

async function commitSlots(epoch, view, pair) {
  const end = [view, 4, await pairDigest("commit", pair)];
  return epoch.fast === null ? [end] : [[view, 5, await pairDigest("vote", pair)], end];
}

async function voteMessage(epoch, ballot, commits) {
  const [view, pair, parent, parentView] = ballot;
  const slots = [[view, epoch.fast === null ? 3 : 5, await pairDigest("vote", pair)]];
  if (commits) slots.push(...(await commitSlots(epoch, parentView, parent)));
  return signedMessage(epoch.prefix, slots, [1, [ballot, commits]]);
}

const ascending = (list) => list.every((one, at) => at === 0 || list[at - 1] < one);
/** They are indices of the set, each higher than the one before. */
const areKnown = (epoch, list) =>
  ascending(list) && list.every((one) => Number.isSafeInteger(one) && one >= 0 && one < epoch.validators.length);

/** Signers with what each must have signed, after form and weight were checked. */
async function lftClaims(epoch, header, roots, proof) {
  const [format, fields] = decode(proof);
  need(format === 1 && (fields.length === 4 || fields.length === 5), "no Final proof of lft");
  const [view, pair, commits, children, fast = null] = fields;
  need(pair.length === 3 && [header.id, ...roots].every((one, at) => equal(pair[at], one)), "the proof is of another block or result");
  need(view === header.view && view > 0, "the proof is of another view");
  if (fast !== null) {
    const [parent, parentView, votes] = fast;
    need(epoch.fast !== null && commits.length === 0 && children.length === 0, "fast commit is off");
    need(parentView < view, "the views of the candidate make no sense");
    need(parentView > 0 || !votes.some((vote) => vote[1]), "a vote commits the root");
    const signers = votes.map((vote) => vote[0]);
    need(areKnown(epoch, signers), "signers are unknown or out of order");
    need(epoch.weigh(signers, view) >= epoch.total - epoch.fast, "the first votes make nothing final");
    const ballot = [view, pair, parent, parentView];
    return Promise.all(votes.map(async (vote) => [vote[0], await voteMessage(epoch, ballot, vote[1]), vote[2]]));
  }
  const key = ([childView, childPair]) => toHex(bigEndian(childView, 8)) + childPair.map(toHex).join("");
  need(ascending(children.map(key)), "the children are out of order");
  need(children.every((child) => child[0] > view && child[2].length > 0), "a child without a later view");
  const lists = [commits, ...children.map((child) => child[2])];
  const inOrder = lists.every((list) => areKnown(epoch, list.map((one) => one[0])));
  need(inOrder, "signers are unknown or out of order");
  const signers = lists.flat().map((one) => one[0]).sort((a, b) => a - b);
  need(areKnown(epoch, signers), "a signer is counted twice");
  const weight = epoch.weigh(signers);
  need(weight >= epoch.quorum, `weight ${weight} is below the quorum ${epoch.quorum}`);
  const commit = signedMessage(epoch.prefix, await commitSlots(epoch, view, pair), [3, [view, pair]]);
  const claims = commits.map(([signer, signature]) => [signer, commit, signature]);
  for (const [childView, childPair, votes] of children) {
    const flagged = await voteMessage(epoch, [childView, childPair, pair, view], true);
    claims.push(...votes.map(([signer, signature]) => [signer, flagged, signature]));
  }
  return claims;
}

async function signatureIsRight(publicKey, text, signature) {
  try {
    const key = await ed25519("importKey", "raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
    return await ed25519("verify", { name: "Ed25519" }, key, signature, text);
  } catch (error) {
    if (error instanceof LoopchainError) throw error;
    return false;
  }
}

/** Indices of the signers of a proof of `header` or of a descendant. */
async function isFinal(epoch, header, roots, descendants, proved, proof) {
  const validators = await digest("validators", encode(epoch.validators));
  for (const one of [header, ...descendants]) {
    need(equal(one.genesis, epoch.genesis), `block ${one.height} is of another genesis`);
    need(one.epoch === epoch.number, `block ${one.height} is of another epoch`);
    need(equal(one.validators, validators), `block ${one.height} names other validators`);
    need(one.height > epoch.rootHeight, `block ${one.height} is below the epoch's root`);
  }
  const agree = (a, b) => equal(a[0], b[0]) && equal(a[1], b[1]);
  let at = header;
  let known = roots;
  for (const after of descendants) {
    const closing = after.kind === 2 && after.txCount === 0 && after.nextValidators === null;
    const follows = at.ends ? closing && after.height === at.height : after.kind !== 2 && after.height === at.height + 1;
    need(follows && equal(after.parent, at.id), "the headers of the proof do not link");
    need(known === null || agree(known, after.parentRoots), "a header has another result");
    known = at.ends ? after.parentRoots : null;
    at = after;
  }
  need(known === null || agree(known, proved), "the proof is of another result");
  const claims = await lftClaims(epoch, at, proved, proof);
  for (const [signer, text, signature] of claims) {
    need(await signatureIsRight(epoch.validators[signer][1], text, signature), `the signature of validator ${signer}`);
  }
  return claims.map((claim) => claim[0]).sort((a, b) => a - b);
}

// --------------------------------------------------------------------- blocks

/** What a channel was made of, out of its canonical bytes. */
async function genesisOf(data) {
  const f = decode(data);
  need(Array.isArray(f) && (f.length === 12 || f.length === 13) && f[0] >= 1 && f[0] <= 8, "no genesis");
  const id = await digest("channel", data);
  const validators = await digest("validators", encode(f[5]));
  const first = [1, id, 0, 0, 0, 0, ZERO, ZERO, ZERO, 0, 0, f[3], 0, await emptyRoot("tx-root"), validators, null, ZERO];
  const root = await digest("header", encode(first));
  return { channel: f[2], epoch: new Epoch(0, f[5], f[4], id, root, 0) };
}

function trust(made, { genesis, validators }) {
  if (genesis === undefined && validators === undefined) {
    throw new LoopchainError("LC1001", "say what is trusted: `genesis`, or `validators`");
  }
  const own = toHex(made.epoch.genesis);
  need(genesis === undefined || own === genesis, `it is of genesis ${own}, not ${genesis}`);
  const members = made.epoch.validators.map((v) => [v[0], toHex(v[1]), v[2]]);
  need(validators === undefined || same(validators, members), "its validators are not the trusted ones");
}

/** The epoch after one whose end this is. */
async function follow(epoch, end) {
  const header = await headerOf(fromHex(end.header));
  const roots = [hash(end.state_root), hash(end.receipts_root)];
  need(end.descendants.length <= DESCENDANTS_MAX && Object.keys(end).length === 6, "the end of an epoch");
  const headers = await Promise.all(end.descendants.map((one) => headerOf(fromHex(one))));
  await isFinal(epoch, header, roots, headers, roots, fromBase64(end.proof));
  const data = fromHex(end.next);
  const named = header.nextValidators !== null && equal(header.nextValidators, await digest("epoch", data));
  const f = decode(data);
  need(named && f[1] === epoch.number + 1, `the end of epoch ${epoch.number} names another one`);
  return new Epoch(f[1], f[2], f[3], epoch.genesis, header.id, header.height);
}

/** What the fields that are there for people must say. */
function documentOf(made, epoch, header) {
  const units = new Map(epoch.validators.filter((v) => v.length === 5).map((v) => [v[3], v[4]]));
  const sorted = [...units].sort(([a], [b]) => (a < b ? -1 : 1));
  const [id, version, builds, parameters] = epoch.rule;
  return {
    schema: "loopchain.block-proof.v1",
    channel: made.channel,
    genesis: toHex(epoch.genesis),
    epoch: header.epoch,
    height: header.height,
    hash: toHex(header.id),
    rule: { id, version, sha256: builds.map(toHex), parameters: Object.fromEntries(parameters) },
    validators: epoch.validators.map(([name, key, weight, group]) => ({ name, public_key: toHex(key), weight, group })),
    units: sorted.map(([group, [mode, weight, threshold]]) => ({ group, mode: ["quorum", "delegate"][mode], weight, threshold })),
  };
}

async function checkBlock(made, epoch, doc) {
  const header = await headerOf(fromHex(doc.header));
  const roots = [hash(doc.state_root), hash(doc.receipts_root)];
  need(doc.descendants.length <= DESCENDANTS_MAX, "too many headers");
  const headers = await Promise.all(doc.descendants.map((one) => headerOf(fromHex(one))));
  const proved = [hash(doc.proved.state_root), hash(doc.proved.receipts_root)];
  const signers = await isFinal(epoch, header, roots, headers, proved, fromBase64(doc.proof));
  const last = headers.at(-1) ?? header;
  const named = signers.map((index) => epoch.validators[index]);
  const said = {
    ...documentOf(made, epoch, header),
    proved: { height: last.height, hash: toHex(last.id), state_root: toHex(proved[0]), receipts_root: toHex(proved[1]) },
    signers: named.map(([name, , weight]) => ({ name, weight })),
  };
  for (const [field, value] of Object.entries(said)) need(same(doc[field], value), `\`${field}\` is not what the rest says`);
  const known = [...Object.keys(said), "header", "state_root", "receipts_root", "descendants", "proof", "epochs"];
  need(Object.keys(doc).every((field) => known.includes(field)), "it has a field that no proof has");
  const proven = {
    channel: made.channel, genesis: toHex(epoch.genesis), height: header.height, hash: toHex(header.id),
    timeUs: header.time, stateRoot: toHex(roots[0]), receiptsRoot: toHex(roots[1]), epoch: epoch.number,
    quorum: epoch.quorum, total: epoch.total, weight: epoch.weigh(signers), signers: named.map((v) => v[0]),
  };
  return { header, proven };
}

async function chain(made, doc, code) {
  const ends = doc?.epochs ?? [];
  const last = await part(code, async () => {
    need(Array.isArray(ends) && ends.length <= EPOCHS_MAX, "the epochs");
    let epoch = made.epoch;
    for (const end of ends) epoch = await follow(epoch, end);
    return epoch;
  });
  return part("LC3302", () => checkBlock(made, last, doc));
}

/** Checks a `loopchain.block-proof.v1` against the bytes of a genesis that is trusted by its hash or validators. */
export async function verifyBlockProof(document, genesisBytes, trusted) {
  const made = await part("LC3302", async () => {
    const found = await genesisOf(genesisBytes);
    trust(found, trusted);
    return found;
  });
  return (await chain(made, document, "LC3302")).proven;
}

// ------------------------------------------------------------------- receipts

const PARTS = {
  schema: "LC3311", channel: "LC3312", genesis_hash: "LC3312", genesis: "LC3312", hash: "LC3313",
  transaction: "LC3313", signature: "LC3313", certificate: "LC3314", index: "LC3315", inclusion: "LC3315",
  result: "LC3316", result_inclusion: "LC3316", height: "LC3302", block: "LC3302",
};

async function stands(doc, field, domain, leaf, root, count) {
  const place = doc[field];
  const { index, leaves, path } = place;
  need(Array.isArray(path) && path.length <= PATH_MAX && Object.keys(place).length === 3, "the path");
  need(doc.index === index && leaves === count, "it is of another place");
  need(await merkleVerify(domain, leaf, index, leaves, path.map(hash), root), "it does not stand there");
}

function resultBytes({ result }) {
  need(Object.keys(result).length === 6, "a result has six fields");
  const { code, steps } = result;
  need([code, steps].every((number) => Number.isSafeInteger(number) && number >= 0), "numbers");
  const status = STATUS.indexOf(result.status);
  need(status >= 0, "no such status");
  return encode([status, code, fromHex(result.output), hash(result.events_root), hash(result.writes_digest), steps]);
}

/** The Ed25519 key of a certificate in DER: the bit string behind the algorithm 1.3.101.112 of its key. */
export function publicKeyOf(certificate) {
  const read = (at) => {
    let size = certificate[at + 1];
    let start = at + 2;
    if (size > 0x80) {
      const count = size - 0x80;
      need(count <= 3, "a length of more than three bytes");
      size = Number("0x" + toHex(certificate.subarray(start, start + count)));
      start += count;
    }
    need(size !== 0x80 && start + size <= certificate.length, "DER that ends early");
    return { tag: certificate[at], at, start, end: start + size };
  };
  const inside = ({ start, end }) => {
    const found = [];
    for (let at = start; at < end; at = found.at(-1).end) found.push(read(at));
    return found;
  };
  const whole = read(0);
  need(whole.tag === 0x30 && whole.end === certificate.length, "no certificate");
  const fields = inside(inside(whole)[0]);
  // After the optional version: serial number, algorithm, issuer, validity, subject, key.
  const info = fields[fields[0].tag === 0xa0 ? 6 : 5];
  const bytes = certificate.subarray(info.at, info.end);
  need(bytes.length === 44 && equal(bytes.subarray(0, 12), fromHex("302a300506032b6570032100")), "no Ed25519 key");
  return bytes.slice(12);
}

/** Checks a `loopchain.receipt.v1` by a trusted genesis hash or trusted validators of the first epoch. */
export async function verifyReceipt(document, trusted) {
  const doc = document;
  if (doc?.schema !== "loopchain.receipt.v1") throw new LoopchainError("LC3311", "this is no loopchain.receipt.v1");
  for (const [field, code] of Object.entries(PARTS)) {
    if (!Object.hasOwn(doc, field)) throw new LoopchainError(code, `\`${field}\` is missing`);
  }
  if (Object.keys(doc).some((field) => !Object.hasOwn(PARTS, field))) {
    throw new LoopchainError("LC3311", "it has a field that no receipt has");
  }
  const made = await part("LC3312", async () => {
    const found = await genesisOf(fromBase64(doc.genesis));
    need(toHex(found.epoch.genesis) === doc.genesis_hash, "the hash is of another genesis");
    need(found.channel === doc.channel, "the channel is another one");
    trust(found, trusted);
    return found;
  });
  const { header, proven } = await chain(made, doc.block, "LC3317");
  await part("LC3302", () => need(doc.height === header.height, "the height"));
  const { id, data, body } = await part("LC3313", async () => {
    const data = fromBase64(doc.transaction);
    const id = await digest("transaction", data);
    need(toHex(id) === doc.hash, "the hash is that of another transaction");
    const body = decode(data);
    need(body.length === 8 && body[0] === 1, "a transaction has eight fields");
    need(equal(body[1], made.epoch.genesis), "the transaction is for another channel");
    return { id, data, body };
  });
  await part("LC3315", () => stands(doc, "inclusion", "tx-root", id, header.txRoot, header.txCount));
  await part("LC3316", async () => {
    const root = fromHex(proven.receiptsRoot);
    await stands(doc, "result_inclusion", "receipt-root", resultBytes(doc), root, header.txCount);
  });
  const key = await part("LC3314", async () => {
    const certificate = fromBase64(doc.certificate);
    need(equal(await sha256(certificate), body[5]), "the transaction names another certificate");
    return publicKeyOf(certificate);
  });
  await part("LC3313", async () => {
    const signature = fromBase64(doc.signature);
    need(await signatureIsRight(key, message("transaction", data), signature), "the signer did not sign the transaction");
  });
  const { status, code, output } = doc.result;
  return {
    hash: doc.hash, score: body[2], method: body[3], signer: await addressOf(key), status, code,
    output: fromHex(output), index: doc.index, block: proven,
  };
}
