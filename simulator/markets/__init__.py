"""Where prices come from: a seeded synthetic market, or recorded days."""
