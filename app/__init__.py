"""How a person runs it: the jobs, the command line, the studio."""
