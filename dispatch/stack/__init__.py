"""The local stack: real Kafka, real Postgres, the paper venue and the four stages as child processes of one owner."""
