"""What Prometheus is told: which metrics there are, how they are counted, and how counters keep going up."""
