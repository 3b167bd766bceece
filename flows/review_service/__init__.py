"""The review page's service: HTTP around the reviewer's desk, for browsers on this machine or with a token."""
