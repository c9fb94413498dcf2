"""What a developer runs; `services` is shared with the benchmarks and the tests."""
