"""Records that guardian grants one by one, for the benchmark of object grants."""
