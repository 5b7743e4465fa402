"""One request to somebody else's endpoint, measured from outside: any method, headers and body, plain or TLS."""
