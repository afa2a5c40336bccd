"""What of a synthetic set is worth keeping: near-duplicates, redundancy, quality and diversity."""
