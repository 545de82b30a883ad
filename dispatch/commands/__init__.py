"""One module per group of commands; each is a thin translation from words to functions."""
