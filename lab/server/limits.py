"""What one peer may ask of the server. Every bound has its reason; none is a tuning knob."""

# A browser sends under 2 KiB of head; 16 KiB is what common servers allow.
HEADER_BYTES = 16 * 1024
# A long chat history as JSON fits; a file does not.
BODY_BYTES = 1024 * 1024
# A kept-alive connection that says nothing, or a head that never completes, is given up after this long.
IDLE_S = 60.0
# A reader that accepts nothing at all for this long is gone, whatever its socket says.
BLOCKED_S = 120.0
# As many as one client process of the lab may open (`client.streams`), and some for probes. Where the process may open
# fewer files, accepting waits until one is free.
CONNECTIONS = 10_240
# Text asked for over HTTP, all chunks of a response together: it is held in memory until it has been sent.
RESPONSE_TEXT_BYTES = 16 * 1024 * 1024
CHUNKS_PER_RESPONSE = 100_000
# A chunk takes 7 µs to plan and encode, 100 bytes of text 30: larger answers are made in a thread, beside the streams.
INLINE_CHUNKS = 2_000
INLINE_TEXT_BYTES = 64 * 1024
# After SIGTERM, streams that are running may end; then they are cut.
DRAIN_S = 30.0
# After an error answer the rest of the request is read and thrown away this long, so that a reset does not overtake the
# answer (RFC 9112 §9.6).
LINGER_S = 1.0
