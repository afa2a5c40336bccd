"""Networks that turn images into features, named and read from local folders."""
