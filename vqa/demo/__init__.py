"""A web page served on this machine: choose an image, ask a question, see the answers."""
