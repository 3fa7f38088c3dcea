"""A simulated hiscores and its made-up clan, for `osrsdiff demo`, the tests and the benchmarks."""
