// Bytes of an event stream in, events out, exactly as the WHATWG HTML standard interprets them (9.2.5, 9.2.6).
//
// The rule: a read is not a message. An event, a line end or a character may be cut anywhere by a read, and one read may
// complete many events; so everything that is unfinished is kept for the next. Knows neither network nor page, and runs
// under Node as it does in a browser.

const LINE_END = /\r\n|\n|\r/g;
const DIGITS = /^[0-9]+$/;

export class EventStreamDecoder {
  // Strips one byte order mark, replaces what is no UTF-8, and keeps the beginning of a character for the next read.
  #utf8 = new TextDecoder("utf-8");
  #line = "";
  #afterCR = false;
  #data = [];
  #type = "";
  #id = "";
  #retry = null;

  /** Of the last event that had been completed: what a request after a lost connection sends as Last-Event-ID. */
  lastEventId = "";
  /** Milliseconds to wait before such a request, or null if the stream has not said. */
  retryMs = null;

  /** Takes in a read (Uint8Array); returns the events that it completes: [{event, data, id, retry}]. */
  push(bytes) {
    return this.#take(this.#utf8.decode(bytes, { stream: true }));
  }

  /** The input has ended. Returns whether it ended inside an event, which is then lost, as the standard says. */
  end() {
    this.#take(this.#utf8.decode());
    return this.#line !== "" || this.#data.length > 0;
  }

  #take(text) {
    if (text === "") return []; // half a character: a CR before it is still the last that was seen
    const events = [];
    let start = this.#afterCR && text[0] === "\n" ? 1 : 0;
    this.#afterCR = text.endsWith("\r"); // its line has ended; an LF that the next read brings belongs to it
    LINE_END.lastIndex = start;
    for (let end = LINE_END.exec(text); end !== null; end = LINE_END.exec(text)) {
      const line = this.#line + text.slice(start, end.index);
      this.#line = "";
      start = LINE_END.lastIndex;
      if (line === "") this.#dispatch(events);
      else this.#field(line);
    }
    this.#line += text.slice(start);
    return events;
  }

  #field(line) {
    const colon = line.indexOf(":"); // at 0 it is a comment: a field without a name, ignored like every unknown one
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#type = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && DIGITS.test(value) && value.length <= 18) this.#retry = this.retryMs = Number(value);
  }

  /** The block has ended: its id counts in any case, its event only if it has data. */
  #dispatch(events) {
    this.lastEventId = this.#id;
    if (this.#data.length > 0) {
      const event = this.#type || "message";
      events.push({ event, data: this.#data.join("\n"), id: this.#id, retry: this.#retry });
    }
    this.#data = [];
    this.#type = "";
    this.#retry = null;
  }
}
