// The page of /docs: lists what /openapi.json describes and sends requests to this same service.
"use strict";

const KEY = "ledger-key";

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(attribute, "");
    else if (value !== false && value !== undefined && value !== null) made.setAttribute(attribute, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Follows "#/components/…" within the description.
function resolved(spec, value) {
  let found = value;
  while (found && found.$ref) {
    found = found.$ref.slice(2).split("/").reduce((at, name) => at && at[name], spec);
  }
  return found || {};
}

// An example body: what is required, one value of each kind.
function example(spec, given, depth = 0) {
  const schema = resolved(spec, given);
  if (schema.examples && schema.examples.length) return schema.examples[0];
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf || schema.oneOf || schema.allOf) return example(spec, (schema.anyOf || schema.oneOf || schema.allOf)[0], depth);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "object" || schema.properties) {
    const made = {};
    for (const name of schema.required || []) made[name] = example(spec, (schema.properties || {})[name] || {}, depth + 1);
    return made;
  }
  if (type === "array") return depth > 3 ? [] : [example(spec, schema.items || {}, depth + 1)];
  if (type === "boolean") return true;
  if (type === "integer" || type === "number") return schema.minimum > 0 ? schema.minimum : 0;
  if (schema.format === "date-time") return new Date().toISOString();
  if (schema.format === "date") return new Date().toISOString().slice(0, 10);
  if (type === "string") return "…";
  return {};
}

function field(id, parameter, schema) {
  const words = schema.enum || (schema.items || {}).enum;
  const input = words
    ? element("select", { id }, element("option", { value: "" }, "—"), ...words.map((word) => element("option", { value: word }, String(word))))
    : element("input", { id, type: "text", spellcheck: "false", placeholder: schema.default ?? "" });
  const note = parameter.description || schema.description;
  const label = element("label", { for: id }, parameter.name + (parameter.required ? " *" : ""), note ? element("small", {}, note) : null);
  return { parameter, input, label };
}

async function send(operation, path, fields, body, file, output) {
  const query = new URLSearchParams();
  const headers = new Headers({ Accept: "application/json" });
  let address = path;
  for (const { parameter, input } of fields) {
    const value = input.value.trim();
    if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value && parameter.in === "query") query.set(parameter.name, value);
    else if (value && parameter.in === "header") headers.set(parameter.name, value);
  }
  const key = document.getElementById("key").value.trim();
  if (key) headers.set("Authorization", `Bearer ${key}`);
  if (body) headers.set("Content-Type", body.type);
  const payload = file && file.files.length ? file.files[0] : body ? body.input.value : undefined;
  if (query.size || String(query)) address += `?${query}`;
  output.replaceChildren(element("p", {}, "Waiting for the answer…"));
  try {
    const started = performance.now();
    const answer = await fetch(address, { method: operation.method.toUpperCase(), headers, body: payload });
    const text = await answer.text();
    const took = Math.round(performance.now() - started);
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it came */ }
    const etag = answer.headers.get("ETag");
    output.replaceChildren(
      element("p", {}, element("span", { class: answer.ok ? "status" : "status bad" }, `${answer.status} ${answer.statusText}`), ` ${operation.method.toUpperCase()} ${address} · ${took} ms${etag ? ` · ETag ${etag}` : ""}`),
      element("pre", { tabindex: "0", "aria-label": "Answer" }, shown),
    );
  } catch (error) {
    output.replaceChildren(element("p", { class: "status bad" }, `No answer: ${error.message}`));
  }
}

function form(spec, path, operation, shared) {
  const id = operation.operationId || `${operation.method} ${path}`;
  const parameters = [...(shared || []), ...(operation.parameters || [])].map((parameter) => resolved(spec, parameter));
  const fields = parameters.map((parameter, nth) => field(`${id}-${nth}`, parameter, resolved(spec, parameter.schema || {})));
  const content = Object.entries((operation.requestBody || {}).content || {})[0];
  let body = null;
  let file = null;
  const inputs = element("div", { class: "fields" }, ...fields.flatMap(({ label, input }) => [label, input]));
  if (content) {
    const [type, described] = content;
    const json = type.includes("json");
    const input = element("textarea", { id: `${id}-body`, spellcheck: "false" });
    input.value = json ? JSON.stringify(example(spec, described.schema || {}), null, 2) : "";
    body = { input, type };
    const shape = resolved(spec, described.schema || {});
    const needed = shape.required || [];
    const meanings = Object.entries(shape.properties || {}).map(([name, one]) => element("li", {}, element("code", {}, name), `${needed.includes(name) ? ", needed" : ""}: ${one.description || resolved(spec, one).description || ""}`));
    inputs.append(element("label", { for: `${id}-body` }, `body (${type})`), input);
    if (meanings.length) inputs.append(element("small", {}, "may hold"), element("ul", {}, ...meanings));
    if (!json) {
      file = element("input", { type: "file", id: `${id}-file` });
      inputs.append(element("label", { for: `${id}-file` }, "or a file"), file);
    }
  }
  const output = element("div", { role: "status" });
  const made = element("form", { autocomplete: "off" }, inputs, element("p", {}, element("button", { type: "submit" }, "Send")), output);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    send(operation, path, fields, body, file, output);
  });
  return made;
}

function described(spec, path, operation, shared) {
  const answers = Object.entries(operation.responses || {}).map(([status, response]) => element("li", {}, `${status}: ${resolved(spec, response).description || ""}`));
  const inside = element("div", { class: "body" });
  const block = element(
    "details",
    { id: operation.operationId },
    element("summary", {}, element("span", { class: `verb ${operation.method}` }, operation.method.toUpperCase()), element("span", { class: "path" }, path), element("span", { class: "says" }, operation.summary || "")),
    inside,
  );
  // Made when first opened, so that the page stays light with a hundred operations.
  block.addEventListener("toggle", () => {
    if (!block.open || inside.childElementCount) return;
    if (operation.description) inside.append(element("p", {}, operation.description));
    const roles = operation["x-roles"];
    inside.append(
      element("p", { class: "roles" }, roles ? `For: ${roles.join(", ")}.` : "Open to everybody."),
      form(spec, path, operation, shared),
      element("h3", {}, "Answers"),
      element("ul", {}, ...answers),
    );
  });
  return block;
}

function show(spec) {
  const groups = new Map((spec.tags || []).map((tag) => [tag.name, { tag, blocks: [] }]));
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const method of ["get", "post"]) {
      if (!item[method]) continue;
      const operation = { ...item[method], method };
      const name = (operation.tags || ["other"])[0];
      if (!groups.has(name)) groups.set(name, { tag: { name }, blocks: [] });
      const block = described(spec, path, operation, item.parameters);
      block.dataset.words = `${method} ${path} ${operation.summary || ""} ${name}`.toLowerCase();
      groups.get(name).blocks.push(block);
    }
  }
  const sections = [...groups.values()].filter((group) => group.blocks.length).map(({ tag, blocks }) =>
    element("section", { "aria-labelledby": `tag-${tag.name}` }, element("h2", { id: `tag-${tag.name}` }, tag.name), tag.description ? element("p", {}, tag.description) : null, ...blocks));
  document.getElementById("operations").replaceChildren(...sections);
  document.getElementById("contents").replaceChildren(
    element("ul", {}, ...[...groups.keys()].map((name) => element("li", {}, element("a", { href: `#tag-${name}` }, name)))));
  const filter = document.getElementById("filter");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const block of document.querySelectorAll("details")) block.hidden = !words.every((word) => block.dataset.words.includes(word));
    for (const section of sections) section.hidden = ![...section.querySelectorAll("details")].some((block) => !block.hidden);
  });
}

document.getElementById("access").addEventListener("submit", (event) => event.preventDefault());
const key = document.getElementById("key");
key.value = sessionStorage.getItem(KEY) || "";
key.addEventListener("input", () => sessionStorage.setItem(KEY, key.value));
fetch("/openapi.json").then((answer) => answer.json()).then(show).catch((error) => {
  document.getElementById("operations").replaceChildren(element("p", { class: "status bad" }, `The description could not be read: ${error.message}`));
});
