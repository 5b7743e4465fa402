// The page: prompts go out, answers are typed as they arrive, each with its figures.
//
// The rule: what a stream says is text and becomes nothing else: it goes into text nodes. A program that drives the page
// uses what a person's click uses, `window.typewriter`:
//
//   typewriter.start({prompt, transport, path, label, expected}) → promise of the record that stream.js describes
//   typewriter.stop(label)  ends the streams with this label; without one, all
//
// All options have defaults: prompt "", transport "fetch", path null (the transport's own), label null, expected 0.

import { readStream } from "./stream.js";

// Of a long session the older exchanges leave the page, so that it does not grow slower.
const KEPT = 100;

const element = (id) => document.getElementById(id);
const [conversation, composer, prompt, status, send, stop] = [
  "conversation", "composer", "prompt", "status", "send", "stop",
].map(element);
const running = new Map();

window.typewriter = Object.freeze({ start: startStream, stop: stopStreams });

async function startStream({ prompt = "", transport = "fetch", path = null, label = null, expected = 0 } = {}) {
  const abort = new AbortController();
  const answer = addExchange(prompt || `Stream ${label ?? ""}`);
  running.set(abort, label);
  showState();
  const options = { prompt, transport, path, label, expected };
  const record = await readStream(options, (text) => answer.type(text), abort.signal);
  running.delete(abort);
  answer.end(record);
  showState();
  return record;
}

function stopStreams(label) {
  for (const [abort, own] of running) {
    if (label === undefined || own === label) abort.abort();
  }
}

function addExchange(words) {
  const answer = make("li", "answer");
  const [text, figures, failure] = ["text", "figures", "failure"].map((name) => make("p", name));
  const typed = document.createTextNode("");
  text.append(typed);
  answer.append(text, failure, figures);
  answer.setAttribute("aria-busy", "true"); // read aloud when it is complete, not letter by letter
  const question = make("li", "prompt");
  const asked = make("p", "text");
  asked.textContent = words;
  question.append(asked);
  conversation.append(question, answer);
  while (conversation.childElementCount > 2 * KEPT) conversation.firstElementChild.remove();
  return {
    type: (piece) => typed.appendData(piece),
    end: (record) => {
      answer.setAttribute("aria-busy", "false");
      failure.textContent = record.error ?? "";
      figures.textContent = describe(record);
    },
  };
}

function make(tag, name) {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}

/** The figures of a record in words: of this page, measured with its own clock. */
function describe(record) {
  const returns = record.returns.filter(({ headersAt }) => headersAt !== null); // not the one that was told to stop
  const arrivals = [record, ...returns].flatMap(({ chunks }) => chunks.map(([, at]) => at));
  const gaps = arrivals.slice(1).map((at, index) => at - arrivals[index]);
  const reads = new Set(record.chunks.map(([, , read]) => read)).size;
  const parts = [record.transport === "eventsource" ? "EventSource" : "fetch", record.completion];
  if (arrivals.length > 0) {
    parts.push(`first chunk after ${milliseconds(arrivals[0] - record.requestAt)}`);
    const inReads = record.transport === "fetch" ? ` in ${count(reads, "read")}` : "";
    parts.push(`${count(arrivals.length, "chunk")}${inReads}`);
  }
  if (gaps.length > 0) parts.push(`longest gap ${milliseconds(gaps.reduce((most, gap) => Math.max(most, gap)))}`);
  if (returns.length > 0) {
    const told = record.named ? "" : ", without ids: what was read before may stand here twice";
    parts.push(`came back ${count(returns.length, "time")}${told}`);
  }
  return parts.join(" · ");
}

const milliseconds = (value) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

function showState() {
  stop.disabled = running.size === 0;
  status.textContent = running.size === 0 ? "" : running.size === 1 ? "typing …" : `${running.size} streams …`;
}

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const words = prompt.value.trim();
  if (words === "") {
    prompt.focus();
    return;
  }
  const transport = new FormData(composer).get("transport");
  prompt.value = "";
  startStream({ prompt: words, transport });
});

prompt.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    composer.requestSubmit(send);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stopStreams();
});
stop.addEventListener("click", () => stopStreams());
