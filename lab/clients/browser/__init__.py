"""The browser as a client: headless Chromium shows the lab's own page, and the page's record becomes a client's record."""
