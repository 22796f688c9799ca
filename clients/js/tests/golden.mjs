// The shared vectors of tests/golden/clients, as Rust and Python check them too. Run: node --test clients/js/tests/golden.mjs

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { parseAddress, typed } from "../arguments.js";
import { addressOf, EventParser, Identity, LoopchainError, transactionBytes, transactionHash } from "../client.js";
import { bytesOf, decode, encode, fromBase64, fromHex, merkleVerify, message, toHex } from "../codec.js";
import { verifyState } from "../state.js";
import { verifyBlockProof, verifyReceipt } from "../verify.js";

const vectors = async (name) =>
  JSON.parse(await readFile(new URL(`../../../tests/golden/clients/${name}.json`, import.meta.url), "utf8"));

const codeOf = async (promise) => {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof LoopchainError, error);
    return error.code;
  }
  return "ok";
};

function damaged(document, { pointer, at, letter }) {
  const changed = structuredClone(document);
  const path = pointer.split("/").slice(1);
  const last = path.pop();
  const place = path.reduce((found, key) => found[key], changed);
  const text = place[last];
  place[last] = at === undefined ? text + 1 : text.slice(0, at) + letter + text.slice(at + 1);
  return changed;
}

test("transactions have the same bytes, hash and signature", async () => {
  const given = await vectors("transactions");
  const identity = await Identity.fromDer(fromHex(given.pkcs8), new Uint8Array());
  assert.equal(await addressOf(fromHex(given.public_key)), given.address);
  for (const one of given.cases) {
    const body = transactionBytes({
      genesis: fromHex(one.genesis),
      score: one.score,
      method: one.method,
      args: fromHex(one.args),
      signer: fromHex(one.signer),
      nonce: BigInt(one.nonce),
      expiry: BigInt(one.expiry),
    });
    assert.equal(toHex(body), one.transaction, one.name);
    assert.equal(await transactionHash(body), one.hash);
    assert.equal(toHex(await identity.sign(message("transaction", body))), one.signature);
  }
});

test("arguments are typed to the same bytes or refused", async () => {
  const given = await vectors("arguments");
  const resolve = (name) => (Object.hasOwn(given.names, name) ? parseAddress(given.names[name]) : undefined);
  for (const one of given.cases) {
    try {
      const values = await typed("score.do", one.parameters, one.given, resolve);
      assert.equal(toHex(encode(values)), one.args, JSON.stringify(one));
    } catch (error) {
      if (!(error instanceof LoopchainError)) throw error;
      assert.equal(error.code, one.error, JSON.stringify(one));
    }
  }
});

test("Merkle paths hold or not", async () => {
  for (const one of (await vectors("merkle")).cases) {
    const path = one.path.map(fromHex);
    const holds = await merkleVerify(one.domain, fromHex(one.leaf), one.index, one.leaves, path, fromHex(one.root));
    assert.equal(holds, one.holds, JSON.stringify(one));
  }
});

test("receipts hold by genesis or validators and no other", async () => {
  const { genesis, validators, signer, receipts } = await vectors("receipts");
  for (const { document, weight } of receipts) {
    for (const trusted of [{ genesis }, { validators }]) {
      const shown = await verifyReceipt(document, trusted);
      assert.equal(shown.block.weight, BigInt(weight));
      assert.deepEqual([shown.status, shown.method, shown.signer], ["ok", "transfer", signer]);
    }
    const others = validators.map(([, ...rest]) => ["x", ...rest]);
    for (const trusted of [{ genesis: "0".repeat(64) }, { validators: others }, { validators: [] }]) {
      assert.equal(await codeOf(verifyReceipt(document, trusted)), "LC3312");
    }
    assert.equal(await codeOf(verifyReceipt(document, {})), "LC1001");
  }
});

test("each damage of a receipt is refused by the code of its part", async () => {
  const { genesis, receipts } = await vectors("receipts");
  let count = 0;
  for (const { document, damages } of receipts) {
    for (const damage of damages) {
      assert.equal(await codeOf(verifyReceipt(damaged(document, damage), { genesis })), damage.code, JSON.stringify(damage));
      count += 1;
    }
  }
  assert.ok(count > 200, String(count));
});

test("Final proofs of every form hold or not", async () => {
  for (const one of (await vectors("proofs")).cases) {
    const proof = verifyBlockProof(one.document, fromBase64(one.genesis_bytes), { genesis: one.genesis });
    assert.equal(await codeOf(proof), one.holds ? "ok" : "LC3302", one.name);
    if (one.holds) {
      const { weight, quorum } = await proof;
      assert.deepEqual([weight, quorum], [BigInt(one.weight), BigInt(one.quorum)], one.name);
    }
  }
});

test("keys of a state have the values shown and no others", async () => {
  const { block: said, cases } = await vectors("state");
  const block = { ...said, stateRoot: said.state_root };
  let count = 0;
  for (const { score, key: hex, value, document, damages } of cases) {
    const key = fromHex(hex);
    const shown = await verifyState(document, block, score, key);
    assert.equal(shown === null ? null : toHex(shown), value);
    const wrong = damages.map((damage) => damaged(document, damage));
    for (const one of [...wrong, { ...document, proof: null }, {}]) {
      assert.equal(await codeOf(verifyState(one, block, score, key)), "LC3318", JSON.stringify(one));
      count += 1;
    }
    assert.equal(await codeOf(verifyState(document, block, score, bytesOf("other"))), "LC3318");
  }
  assert.ok(count > 200, String(count));
});

test("what is not canonical is refused", () => {
  for (const text of ["1800", "f7", "a0", "c000", "9f00ff", "61ff", "0000", "82", "5b7fffffffffffffff", "fa00000000"]) {
    assert.throws(() => decode(fromHex(text)), undefined, text);
  }
  assert.throws(() => decode(fromHex("81".repeat(100) + "00")));
});

test("a stream is read the same wherever it is cut", () => {
  const text = bytesOf(
    '\ufeff: hello\r\n\r\nid: 7.0.1\r\nevent: score\r\ndata: {"a":\r\ndata: 1}\r\n\r\n' +
      "retry: 5\nevent:tx\ndata:한국어\n\ndata\r\rid: 8.0.0\nevent: block\n\nid: 9.9.9\nevent: cut",
  );
  const whole = [
    { id: "7.0.1", kind: "score", data: '{"a":\n1}' },
    { id: "7.0.1", kind: "tx", data: "한국어" },
    { id: "7.0.1", kind: "message", data: "" },
  ];
  for (let at = 0; at <= text.length; at += 1) {
    const parser = new EventParser();
    assert.deepEqual([...parser.take(text.subarray(0, at)), ...parser.take(text.subarray(at))], whole);
    assert.equal(parser.lastId, "8.0.0");
  }
});
