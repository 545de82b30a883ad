"""The contracts of record: one Avro schema per message, and every version that ever reached a topic."""
