"""The imperative shell around a pure stage: written once, used by every service. Only this package knows Kafka."""
