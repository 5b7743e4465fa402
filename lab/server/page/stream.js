// One stream, by fetch or by EventSource, and the instant of everything that happens to it.
//
// The rule: stamp first, understand later. A read is stamped when its promise resolves, an event when its handler is called;
// all instants are performance.now() in ms. Knows nothing of the page: what arrives is handed to `show`.

import { EventStreamDecoder } from "./sse.js";

const CHAT = "/v1/chat/completions";
const EVENTS = "/events";
const LABEL = "lab-stream";
// How long an entry of Resource Timing may come after the end that it tells of.
const TIMING_PATIENCE_MS = 500;

const timings = new Map();
const waiting = new Map();
let started = 0;

new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const known = waiting.get(entry.name);
    if (known) known(entry);
    else if (entry.name.includes("#stream-") && !timings.has(entry.name)) timings.set(entry.name, entry); // the first request's
  }
}).observe({ type: "resource" });

/**
 * Read one stream to its end. Never rejects: what went wrong is in the record.
 *
 * options: transport "fetch" | "eventsource"; path (null: the transport's own); prompt; label (a number, or null: the server then keeps no record of the
 * stream); expected (the number of chunks that make it complete, 0: only the server knows).
 * show(text): called with each chunk. signal: aborts it.
 *
 * Returns {transport, label, startedAt, connectAt, connectedAt, requestAt, firstByteAt, headersAt, endedAt, status,
 * completion, error, reads: [[bytes, at]], chunks: [[text, at, read]], returns: [{lostAt, headersAt, chunks}], named}:
 * null for what did not happen or cannot be known; `read` counts from 1. An EventSource does not tell its reads. On a connection that
 * was there already connectAt is null. `returns` has one entry for each request with which an EventSource came back by
 * itself: when it had lost the response before (it asks some time after that), when it had the next, and its chunks.
 * `named`: the stream has ids, so that its server could tell where it was left.
 */
export async function readStream(options, show, signal) {
  const record = {
    transport: options.transport, label: options.label, startedAt: 0, connectAt: null, connectedAt: null,
    requestAt: null, firstByteAt: null, headersAt: null, endedAt: null, status: null, completion: "error", error: null,
    reads: [], chunks: [], returns: [], named: false,
  };
  // The fragment is never sent; it tells this request from others in Resource Timing.
  const bySource = options.transport === "eventsource";
  const url = new URL(options.path ?? (bySource ? EVENTS : CHAT), location.href);
  url.hash = `stream-${++started}`;
  if (bySource && options.label !== null) url.searchParams.set(LABEL, options.label); // it cannot set headers
  const read = bySource ? readEventSource : readFetch;
  record.startedAt = performance.now();
  try {
    record.completion = await read(url.href, options, record, show, signal);
  } catch (error) {
    record.completion = signal.aborted ? "stopped" : record.reads.length > 0 ? "truncated" : "error";
    record.error = signal.aborted ? null : String(error.message ?? error);
  }
  record.endedAt = performance.now();
  addTiming(record, await timingOf(url.href));
  return record;
}

async function readFetch(url, options, record, show, signal) {
  const headers = { "content-type": "application/json", accept: "text/event-stream" };
  if (options.label !== null) headers[LABEL] = String(options.label);
  const body = JSON.stringify({
    model: "typewriter", stream: true, messages: [{ role: "user", content: options.prompt }],
  });
  const response = await fetch(url, { method: "POST", headers, body, signal, cache: "no-store" });
  record.headersAt = performance.now();
  record.status = response.status;
  if (!response.ok) throw new Error(`the server answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
  const type = response.headers.get("content-type") ?? "nothing";
  if (!type.startsWith("text/event-stream")) throw new Error(`the server sent ${type}, and no event stream`);
  return await readBody(response.body.getReader(), options, record, show);
}

async function readBody(reader, options, record, show) {
  const decoder = new EventStreamDecoder();
  let endSeen = false;
  for (;;) {
    const { done, value } = await reader.read();
    const readAt = performance.now();
    if (done) break;
    record.reads.push([value.byteLength, readAt]);
    const events = decoder.push(value);
    const arrivedAt = performance.now();
    for (const event of events) {
      const frame = readFrame(event.data);
      if (frame.error) throw new Error(frame.error);
      endSeen ||= frame.end;
      if (frame.text === null) continue;
      record.chunks.push([frame.text, arrivedAt, record.reads.length]);
      show(frame.text);
    }
  }
  const torn = decoder.end();
  if (endSeen || (options.expected && record.chunks.length >= options.expected)) return "done";
  return torn ? "truncated" : "closed";
}

function readEventSource(url, options, record, show, signal) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(url);
    const end = (completion) => {
      source.close();
      resolve(completion);
    };
    signal.addEventListener("abort", () => end("stopped"));
    let response = record;
    let place = 0; // of the last chunk in the whole answer: its number, where the stream has ids
    source.onopen = () => {
      response.headersAt = performance.now();
      record.status ??= 200; // any other would have failed it
    };
    source.onmessage = (event) => {
      const arrivedAt = performance.now();
      const frame = readFrame(event.data);
      if (frame.text !== null) {
        response.chunks.push([frame.text, arrivedAt, null]);
        show(frame.text);
        place = Number.parseInt(event.lastEventId, 10) || place + 1;
        record.named ||= event.lastEventId !== "";
      }
      if (frame.error) {
        source.close();
        reject(new Error(frame.error));
      } else if (frame.end || (options.expected && place >= options.expected)) end("done");
    };
    // It comes back by itself after a connection that ended, until the server answers 204.
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) {
        response = { lostAt: performance.now(), headersAt: null, chunks: [] };
        record.returns.push(response);
        place = 0;
      } else if (record.headersAt === null) {
        reject(new Error("no event stream came; an EventSource does not say why"));
      } else end(options.expected ? "closed" : "done");
    };
  });
}

/** What an event means: OpenAI's chunk, its `[DONE]`, an error, or else plain text. text is null where there is none. */
export function readFrame(data) {
  if (data.trim() === "[DONE]") return { text: null, end: true, error: null };
  const body = parsed(data);
  if (body === null || typeof body !== "object" || !("choices" in body || "error" in body || "usage" in body)) {
    return { text: data, end: false, error: null };
  }
  if (body.error) return { text: null, end: true, error: String(body.error.message ?? body.error) };
  const choice = body.choices?.[0];
  const text = choice?.delta?.content;
  return { text: typeof text === "string" && text ? text : null, end: Boolean(choice?.finish_reason), error: null };
}

function parsed(data) {
  if (!data.startsWith("{")) return null;
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

/** The entry of Resource Timing (W3C), or null if none comes. */
async function timingOf(url) {
  const patience = new Promise((resolve) => setTimeout(resolve, TIMING_PATIENCE_MS, null));
  const known = timings.get(url);
  const entry = known ?? await Promise.race([new Promise((resolve) => waiting.set(url, resolve)), patience]);
  timings.delete(url);
  waiting.delete(url);
  return entry;
}

/** An entry says 0 for what is unknown, and gives a connection that was reused no time at all. */
function addTiming(record, entry) {
  record.requestAt = entry?.requestStart || record.startedAt;
  record.firstByteAt = entry?.responseStart || null;
  if (entry && entry.connectEnd > entry.connectStart) {
    record.connectAt = entry.connectStart;
    record.connectedAt = entry.connectEnd;
  }
}
