"""What is asked for, and conditioned on what: conditions, plans, records, readers of real data."""
