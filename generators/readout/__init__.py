"""Networks that read attributes and structure out of data: for quality control, evaluation and downstream tasks."""
