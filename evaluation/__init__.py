"""How good the data is: features, statistics, plots and the report. Takes records, never a model."""
