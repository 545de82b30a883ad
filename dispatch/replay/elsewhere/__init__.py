"""Lets other code decide the same questions: another revision, or this one in more processes."""
