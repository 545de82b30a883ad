"""What every process needs: settings, time, logs, metrics, health."""
