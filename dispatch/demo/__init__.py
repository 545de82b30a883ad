"""The whole thing in one go: servers, venue, four stages, signals, and a summary that accounts for every one."""
