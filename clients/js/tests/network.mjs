// What the JavaScript client does against a running network; `tests/suite/clients.rs` starts one and runs this.
// By hand: node network.mjs DATA GENESIS ABSENT_URL PEER_URL...

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { addressOf, Call, check, Client, Identity, LoopchainError } from "../client.js";
import { bytesOf, concat } from "../codec.js";
import { verifyState } from "../state.js";
import { publicKeyOf, verifyBlockProof, verifyReceipt } from "../verify.js";

const [data, genesis, absent, ...peers] = process.argv.slice(2);
const text = (path) => readFile(path, "utf8");

async function codeOf(promise) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof LoopchainError, error);
    return [error.code, error.retryable];
  }
  return ["no error"];
}

// A peer that is not there is passed over.
const client = new Client([absent, ...peers], "demo");
assert.equal((await client.channel()).genesis, genesis);
const gone = new Client([absent], "demo", { rounds: 2, pauseMs: 10 });
assert.deepEqual(await codeOf(gone.channel()), ["LC3101", true]);

const certificate = await text(`${data}/keys/alice.crt`);
const alice = await Identity.fromPem(await text(`${data}/keys/alice.key`), certificate);
const locked = await text(process.env.LOCKED_KEY);
const opened = await Identity.fromPem(locked, certificate, process.env.LOCKED_PASSWORD);
assert.deepEqual(await opened.sign(new Uint8Array(3)), await alice.sign(new Uint8Array(3)));
assert.equal((await codeOf(Identity.fromPem(locked, certificate)))[0], "LC4123");
assert.equal((await codeOf(Identity.fromPem(locked, certificate, "wrong")))[0], "LC4123");

// Submit and wait; the same bytes again are the same transaction.
const balance = async () => BigInt(await client.query("token", "balance_of", { who: "carol" }));
const before = await balance();
const call = await client.call("token", "transfer", { to: "carol", amount: 3n });
const signed = await call.sign(alice);
const done = check(await client.submitAndWait(signed));
assert.deepEqual([done.state, done.hash], ["final", signed.hash]);
const again = await client.submitAndWait(signed);
assert.deepEqual([again.hash, again.height], [done.hash, done.height]);
const other = new Client(peers.at(-1), "demo");
assert.equal((await other.submitAndWait(signed)).height, done.height);
assert.equal(await balance(), before + 3n);
assert.equal((await client.transaction(signed.hash)).state, "final");
assert.equal((await client.block(done.height)).height, done.height);

// Refusals have codes.
const expired = await call.sign(alice, { expiry: 1n });
assert.equal((await codeOf(client.submitAndWait(expired)))[0], "LC2104");
const foreign = await new Call(new Uint8Array(32), call.score, call.method, call.args).sign(alice);
const [code, retryable] = await codeOf(client.submit(foreign));
assert.ok(code.startsWith("LC2") && retryable === false, code);
const poor = await (await client.call("token", "transfer", ["carol", String(10n ** 30n)])).sign(alice);
assert.deepEqual(await codeOf(client.submitAndWait(poor).then(check)), ["LC2111", false]);
assert.deepEqual(await codeOf(client.call("token", "transfer", { who: "carol" })), ["LC2107", false]);
assert.equal((await codeOf(client.call("token", "burn")))[0], "LC2108");
assert.deepEqual(await codeOf(client.transaction("0".repeat(64))), ["LC7104", false]);

// Events come from where one asks, and go on behind the last one.
async function first(wishes, wanted) {
  for await (const event of client.events(wishes)) if (wanted(JSON.parse(event.data))) return event;
  return undefined;
}
const from = String(done.height);
const event = await first({ types: "score", score: "token", from }, ({ name }) => name === "transfer");
assert.equal(JSON.parse(event.data).transaction, signed.hash);
const after = await first({ after: event.id, types: "tx", score: "token" }, () => true);
assert.deepEqual([after.kind, JSON.parse(after.data).transaction], ["tx", signed.hash]);
assert.deepEqual(await codeOf(first({ types: "moon" }, () => true)), ["LC7106", false]);

// What a peer says is proved.
const receipt = await client.receipt(signed.hash);
const shown = await verifyReceipt(receipt, { genesis });
assert.deepEqual([shown.hash, shown.status], [signed.hash, "ok"]);
assert.equal(shown.signer, await addressOf(publicKeyOf(alice.certificate)));
assert.equal(shown.block.height, done.height);
assert.ok(shown.block.weight >= shown.block.quorum);
for (const field of ["steps", "code"]) {
  const tampered = structuredClone(receipt);
  tampered.result[field] += 1;
  assert.deepEqual(await codeOf(verifyReceipt(tampered, { genesis })), ["LC3316", false]);
}
assert.deepEqual(await codeOf(verifyReceipt(receipt, { genesis: "0".repeat(64) })), ["LC3312", false]);
const trusted = new Uint8Array(await readFile(`${data}/channels/demo.genesis`));
const proven = await verifyBlockProof(await client.blockProof(done.height), trusted, { genesis });
assert.equal(proven.hash, shown.block.hash);
const moved = await client.blockProof(done.height);
moved.signers.pop();
assert.deepEqual(await codeOf(verifyBlockProof(moved, trusted, { genesis })), ["LC3302", false]);

// A key after that block, which is a former one now, and after a later one; and one that is not there.
const { height } = check(await client.submitAndWait(await call.sign(alice)));
const later = await verifyBlockProof(await client.blockProof(height), trusted, { genesis });
const keyOf = (address) => concat(bytesOf("balances/"), address);
const [carol, nobody] = [keyOf(await client.memberAddress("carol")), keyOf(new Uint8Array(20))];
for (const [block, amount] of [[proven, before + 3n], [later, before + 6n]]) {
  const told = await client.state("token", carol, { at: block.height });
  assert.notEqual(await verifyState(told, block, "token", carol), null);
  assert.equal(BigInt(told.decoded), amount);
  assert.deepEqual(await codeOf(verifyState(told, block, "token", nobody)), ["LC3318", false]);
  told.value = null;
  assert.deepEqual(await codeOf(verifyState(told, block, "token", carol)), ["LC3318", false]);
  const none = await client.state("token", nobody, { at: block.height });
  assert.equal(await verifyState(none, block, "token", nobody), null);
}
assert.deepEqual(await codeOf(client.state("token", carol, { at: 1e9 })), ["LC7104", false]);
console.log("ok");
