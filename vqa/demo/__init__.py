"""A web page on this machine: choose an image, ask a question, see the answers."""
