"""The dashboard at scale: pages, fragments, start and memory, beside a peer in the same run."""
