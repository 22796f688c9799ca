// Arguments as people write them, typed by a SCORE's manifest (docs/spec/rest.md, Arguments).
//
// In: parameters of a method, values by name or position. Out: what the canonical array holds. An unknown name is
// refused with the names there are. Numbers above 2^53 are BigInt or digits in a text. Not here: which SCORE.

import { bigEndian, fromHex, U64 } from "./codec.js";
import { LoopchainError } from "./errors.js";

/** Types in types; deeper ones have no values that fit a transaction. */
const DEPTH_MAX = 16;

const wrong = (message) => new LoopchainError("LC2107", message);

class Parser {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  take(token) {
    while (/\s/.test(this.text[this.at] ?? "")) this.at += 1;
    const found = this.text.startsWith(token, this.at);
    if (found) this.at += token.length;
    return found;
  }

  expect(token) {
    if (!this.take(token)) throw wrong(`\`${this.text}\` is no type`);
  }

  word() {
    this.take("");
    const found = /^[A-Za-z0-9_]+/.exec(this.text.slice(this.at));
    if (!found) throw wrong(`\`${this.text}\` is no type`);
    this.at += found[0].length;
    return found[0];
  }

  kind(depth = DEPTH_MAX) {
    if (depth === 0) throw wrong(`\`${this.text}\` is nested too deep`);
    let kind;
    if (this.take("[")) {
      kind = ["list", this.kind(depth - 1)];
      this.expect("]");
    } else if (this.take("(")) {
      const parts = this.many(")", () => this.kind(depth - 1));
      kind = parts.length ? ["tuple", parts] : ["unit"];
    } else if (this.take("{")) kind = ["record", this.fields(depth - 1)];
    else if (this.take("<")) kind = ["choice", this.variants(depth - 1)];
    else kind = ["plain", this.word()];
    return this.take("?") ? ["optional", kind] : kind;
  }

  many(end, one) {
    const found = [];
    while (!this.take(end)) {
      if (found.length) this.expect(",");
      found.push(one());
    }
    return found;
  }

  fields(depth) {
    return this.many("}", () => {
      const name = this.word();
      this.expect(":");
      return [name, this.kind(depth)];
    });
  }

  variants(depth) {
    const found = [];
    for (;;) {
      const name = this.word();
      found.push([name, this.take("{") ? this.fields(depth) : []]);
      if (this.take(">")) return found;
      this.expect("|");
    }
  }
}

function integer(name, value) {
  const signed = name[0] === "i";
  const bits = BigInt(name.slice(1));
  let whole;
  if (typeof value === "bigint") whole = value;
  else if (Number.isSafeInteger(value)) whole = BigInt(value);
  else if (typeof value === "string" && (signed ? /^-?[0-9]{1,100}$/ : /^[0-9]{1,100}$/).test(value)) whole = BigInt(value);
  else return undefined;
  const [low, high] = signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
  if (whole < low || whole > high) return undefined;
  return whole >= -U64 && whole < U64 ? whole : bigEndian(whole, 16);
}

function hex(value, size) {
  if (value instanceof Uint8Array) return size === undefined || value.length === size ? value : undefined;
  if (typeof value !== "string") return undefined;
  const text = (value.startsWith("0x") ? value.slice(2) : value).toLowerCase();
  if (!/^([0-9a-f]{2})*$/.test(text)) return undefined;
  const found = fromHex(text);
  return size === undefined || found.length === size ? found : undefined;
}

/** The 20 bytes of `hx` and 40 hex digits. */
export const parseAddress = (text) => (/^hx[0-9a-f]{40}$/.test(text) ? fromHex(text.slice(2)) : undefined);

async function plain(name, value, place, resolve) {
  let found;
  if (/^[ui](8|16|32|64|128)$/.test(name)) found = integer(name, value);
  else if (name === "bool") {
    found = typeof value === "boolean" ? value : { true: true, false: false }[typeof value === "string" ? value : ""];
  } else if (name === "text") found = typeof value === "string" ? value : undefined;
  else if (name === "bytes") found = hex(value);
  else if (name === "hash") found = hex(value, 32);
  else if (name === "address" && typeof value === "string") {
    found = parseAddress(value) ?? (await resolve(value)) ?? undefined;
    if (found === undefined) throw wrong(`\`${place}\`: nobody on this channel is called \`${value.slice(0, 64)}\``);
  }
  if (found === undefined) throw wrong(`\`${place}\` must be of type ${name}`);
  return found;
}

const isObject = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value) && !(value instanceof Uint8Array);

async function record(fields, value, place, resolve) {
  let values = value;
  if (isObject(value)) {
    const stranger = Object.keys(value).find((key) => !fields.some(([name]) => name === key));
    if (stranger !== undefined) throw wrong(`\`${place}\` has no field \`${stranger}\``);
    values = fields.map(([name]) => (Object.hasOwn(value, name) ? value[name] : null));
  }
  if (!Array.isArray(values) || values.length !== fields.length) {
    throw wrong(`\`${place}\` must be an object of ${fields.length} fields`);
  }
  return Promise.all(fields.map(([name, kind], at) => typedOne(kind, values[at], `${place}.${name}`, resolve)));
}

async function choice(variants, value, place, resolve) {
  const isNamed = isObject(value) && Object.keys(value).length === 1;
  const name = isNamed ? Object.keys(value)[0] : value;
  const number = variants.findIndex(([known]) => known === name);
  const fields = variants[number]?.[1];
  if (isNamed && fields) return [number, ...(await record(fields, value[name], `${place}.${name}`, resolve))];
  if (!isNamed && fields?.length === 0) return [number];
  throw wrong(`\`${place}\` must be one of ${variants.map(([known]) => known).join(", ")}`);
}

async function typedOne([what, inner], value, place, resolve) {
  if (what === "plain") return plain(inner, value, place, resolve);
  if (what === "optional") return value === null ? null : typedOne(inner, value, place, resolve);
  if (what === "record") return record(inner, value, place, resolve);
  if (what === "choice") return choice(inner, value, place, resolve);
  if (what === "unit") {
    if (value !== null) throw wrong(`\`${place}\` must be null`);
    return null;
  }
  if (!Array.isArray(value) || (what === "tuple" && value.length !== inner.length)) {
    throw wrong(`\`${place}\` must be an array`);
  }
  const kindAt = (at) => (what === "tuple" ? inner[at] : inner);
  return Promise.all(value.map((one, at) => typedOne(kindAt(at), one, `${place}[${at}]`, resolve)));
}

/** The arguments of a method in its order; `given` is an object by name, an array by position, or null. */
export async function typed(owner, parameters, given, resolve) {
  const listed = parameters.map((one) => `${one.name}: ${one.type}`).join(", ") || "none";
  let values = given ?? {};
  if (isObject(values)) {
    const byName = values;
    const stranger = Object.keys(byName).find((key) => !parameters.some((one) => one.name === key));
    if (stranger !== undefined) throw wrong(`${owner} has no parameter \`${stranger}\`; parameters are ${listed}`);
    const missing = parameters.find((one) => !Object.hasOwn(byName, one.name) && !one.type.endsWith("?"));
    if (missing) throw wrong(`${owner} needs \`${missing.name}\`; parameters are ${listed}`);
    values = parameters.map((one) => (Object.hasOwn(byName, one.name) ? byName[one.name] : null));
  }
  if (!Array.isArray(values) || values.length !== parameters.length) {
    throw wrong(`${owner} takes ${parameters.length} arguments: ${listed}`);
  }
  const kinds = parameters.map((one) => {
    const parser = new Parser(one.type);
    const kind = parser.kind();
    parser.take("");
    if (parser.at !== one.type.length) throw wrong(`\`${one.type}\` is no type`);
    return kind;
  });
  return Promise.all(kinds.map((kind, at) => typedOne(kind, values[at], parameters[at].name, resolve)));
}
