// Checks what a peer says of a key of the state, for whoever has verified the Final proof of the block.
//
// In: a `loopchain.state.v1` with its proof from anybody, the verified block, the key that was asked for. Out: the
// key's value after that block, or a LoopchainError `LC3318` (docs/spec/rest.md). Nothing is asked over a network.

import { concat, encode, equal, fromHex, merkleRoot, sha256, toHex } from "./codec.js";
import { hash, need, part } from "./verify.js";

/** Hashes beside the way to a key: one for each bit of its hash. Keys where the way ends. SCOREs of a channel. */
const SIBLINGS_MAX = 256;
const BUCKET_MAX = 8;
const SCORES_MAX = 65_536;

/** The value of a SCORE's key after the block that `verifyBlockProof` gave; null: it is not there. */
export const verifyState = (document, block, score, key) => part("LC3318", () => valueOf(document, block, score, key));

async function valueOf(doc, block, score, key) {
  const wanted = {
    schema: "loopchain.state.v1", channel: block.channel, score, key: toHex(key), height: block.height,
    block_hash: block.hash, state_root: block.stateRoot,
  };
  for (const [field, own] of Object.entries(wanted)) need(doc[field] === own, `\`${field}\` is another one`);
  const value = doc.value === null ? null : fromHex(doc.value);
  const { proof } = doc;
  need(proof !== null && typeof proof === "object", "it has no proof: ask with `proof=true`");
  const root = await rootOfScore(proof.scores, score, block.stateRoot);
  if (root === undefined) {
    need(value === null, "the SCORE has no state");
    return null;
  }
  const keyHash = await sha256(Uint8Array.of(2), key);
  need(proof.bucket.length <= BUCKET_MAX, "too many keys where the way ends");
  const pairs = proof.bucket.map((one) => [hash(one.key_hash), hash(one.value_hash)]);
  const top = await upwards(keyHash, pairs, proof.siblings.map(hash));
  need(equal(top, root), "the way does not lead to the root");
  const held = pairs.find(([own]) => equal(own, keyHash))?.[1];
  const isHeld = value === null ? held === undefined : held !== undefined && equal(held, await sha256(Uint8Array.of(3), value));
  need(isHeld, "the key has another value");
  return value;
}

async function rootOfScore(scores, score, root) {
  need(Array.isArray(scores) && scores.length <= SCORES_MAX, "the SCOREs");
  const named = scores.map((one) => [one.score, hash(one.root)]);
  need(named.every(([name]) => typeof name === "string"), "names of SCOREs");
  need(named.every(([name], at) => at === 0 || named[at - 1][0] < name), "the SCOREs do not stand by name");
  const made = await merkleRoot("state", named.map(encode));
  need(toHex(made) === root, "the SCOREs do not lead to the state root");
  return named.find(([name]) => name === score)?.[1];
}

async function upwards(keyHash, pairs, siblings) {
  need(siblings.length <= SIBLINGS_MAX, "too many hashes beside the way");
  let node = pairs.length === 0 ? new Uint8Array(32) : await sha256(Uint8Array.of(0), concat(...pairs.flat()));
  for (let depth = siblings.length - 1; depth >= 0; depth -= 1) {
    const isRight = (keyHash[depth >> 3] >> (7 - (depth % 8))) & 1;
    const pair = isRight ? [siblings[depth], node] : [node, siblings[depth]];
    node = await sha256(Uint8Array.of(1), ...pair);
  }
  return node;
}
