"""The pure core of the venue: orders, fills, positions and cash as a state machine without clock or IO."""
