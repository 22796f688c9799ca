// Draws /docs from /api/openapi.json. No library, no other request than those to this origin; text is
// only ever set as text.
"use strict";

const DOCUMENT = "/api/openapi.json";

/** An element with attributes and children; a text is a child too. */
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** What a `$ref` refers to. */
function resolve(root, node) {
  if (!node || !node.$ref) return node;
  return node.$ref.slice(2).split("/").reduce((at, key) => at && at[key], root);
}

/** A schema in one line. */
function kind(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const parts = schema.anyOf || schema.oneOf;
  if (parts) return parts.map(kind).join(" | ");
  if (schema.allOf) return schema.allOf.map(kind).filter((text) => text !== "object").join(" & ");
  if (schema.type === "array") return `[${kind(schema.items)}]`;
  const type = Array.isArray(schema.type) ? schema.type.join(" | ") : schema.type || "any";
  return schema.pattern ? `${type} ${schema.pattern}` : type;
}

function table(heads, rows) {
  const row = (cell, texts) => element("tr", {}, ...texts.map((text) => element(cell, {}, text)));
  return element("table", {}, row("th", heads), ...rows.map((texts) => row("td", texts)));
}

/** The tables of fields that a schema names, each once. */
function tables(root, schema, drawn) {
  if (!schema) return [];
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    if (drawn.has(name)) return [];
    drawn.add(name);
    const meant = resolve(root, schema);
    if (!meant || !meant.properties) return tables(root, meant, drawn);
    const required = new Set(meant.required || []);
    const rows = Object.entries(meant.properties).map(([field, value]) =>
      [required.has(field) ? field : `${field} (may be missing)`, kind(value), value.description || ""]);
    const inner = Object.values(meant.properties).flatMap((value) => tables(root, value, drawn));
    const caption = `${name}: ${meant.description || ""}`;
    return [element("p", {}, element("strong", {}, caption)), table(["field", "is", ""], rows), ...inner];
  }
  const parts = [schema.items, ...(schema.anyOf || []), ...(schema.allOf || [])];
  return parts.flatMap((part) => tables(root, part, drawn));
}

function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** A form that sends the request to this peer. */
function trial(path, method, operation) {
  const inputs = (operation.parameters || []).map((parameter) => {
    const input = element("input", { value: parameter.example === undefined ? "" : String(parameter.example) });
    return { parameter, input };
  });
  const [media, content] = Object.entries((operation.requestBody || {}).content || {})[0] || [];
  const body = media && element("textarea", { rows: "6", spellcheck: "false" });
  if (body && content.example !== undefined) body.value = pretty(content.example);
  const output = element("pre", { "aria-live": "polite" });
  const send = element("button", { type: "button" }, "Send");
  send.addEventListener("click", async () => {
    let url = path;
    const query = new URLSearchParams();
    const headers = {};
    for (const { parameter, input } of inputs) {
      if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value && parameter.in === "query") query.set(parameter.name, input.value);
      else if (input.value) headers[parameter.name] = input.value;
    }
    if (media) headers["Content-Type"] = media;
    const asked = query.size ? `${url}?${query}` : url;
    output.textContent = "…";
    try {
      const answer = await fetch(asked, { method: method.toUpperCase(), headers, body: body && body.value });
      const text = await answer.text();
      let shown = text;
      try { shown = pretty(JSON.parse(text)); } catch { /* it is shown as it came */ }
      output.textContent = `${answer.status} ${answer.statusText}\n\n${shown}`;
    } catch (error) {
      output.textContent = String(error);
    }
  });
  const labels = inputs.map(({ parameter, input }) => element("label", {}, `${parameter.name} `, input));
  const parts = [element("summary", {}, "Try it"), ...labels];
  if (body) parts.push(element("label", {}, media, body));
  return element("details", {}, ...parts, send, output);
}

function drawOperation(root, path, method, operation) {
  const box = element("details", { class: operation.deprecated ? "deprecated" : "" });
  box.append(element("summary", {},
    element("span", { class: "method" }, method), " ",
    element("span", { class: "path" }, path), " ",
    element("span", { class: "about" }, operation.summary || "")));
  box.addEventListener("toggle", () => {
    if (box.childElementCount > 1) return;
    const parameters = (operation.parameters || []).map((one) =>
      [`${one.name} (${one.in})`, one.required ? "required" : "", kind(one.schema), one.description || ""]);
    if (parameters.length) box.append(table(["parameter", "", "is", ""], parameters));
    const drawn = new Set();
    for (const [media, content] of Object.entries((operation.requestBody || {}).content || {})) {
      box.append(element("p", {}, `Takes ${media}: ${kind(content.schema)}`), ...tables(root, content.schema, drawn));
    }
    const responses = Object.entries(operation.responses).map(([status, one]) => [status, resolve(root, one)]);
    const rows = responses.map(([status, answer]) => {
      const kinds = Object.entries(answer.content || {}).map(([media, one]) => `${media}: ${kind(one.schema)}`);
      return [status, answer.description || "", kinds.join("; ")];
    });
    box.append(table(["status", "when", "body"], rows));
    for (const [, answer] of responses) {
      for (const content of Object.values(answer.content || {})) {
        box.append(...tables(root, content.schema, drawn));
        if (content.example !== undefined) {
          box.append(element("p", {}, "Example:"), element("pre", {}, pretty(content.example)));
        }
      }
    }
    box.append(trial(path, method, operation));
  });
  return box;
}

function draw(root) {
  document.title = root.info.title;
  document.getElementById("title").textContent = `${root.info.title} ${root.info.version}`;
  document.getElementById("about").append(` ${root.info.description || ""}`);
  const main = document.getElementById("operations");
  const find = document.getElementById("find");
  const all = Object.entries(root.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })));
  const show = () => {
    const wanted = find.value.toLowerCase();
    const found = all.filter(({ path, method, operation }) =>
      `${method} ${path} ${operation.summary}`.toLowerCase().includes(wanted));
    main.replaceChildren();
    for (const tag of root.tags) {
      const tagged = found.filter(({ operation }) => operation.tags.includes(tag.name));
      if (!tagged.length) continue;
      main.append(element("h2", {}, tag.name));
      for (const { path, method, operation } of tagged) main.append(drawOperation(root, path, method, operation));
    }
  };
  find.addEventListener("input", show);
  show();
}

async function start() {
  try {
    const answer = await fetch(DOCUMENT);
    if (!answer.ok) throw new Error(`${DOCUMENT}: ${answer.status}`);
    draw(await answer.json());
  } catch (error) {
    document.getElementById("operations").textContent = String(error);
  }
}

start();
