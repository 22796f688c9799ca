//! Tests of the whole: real processes, seeds, golden bytes, bad input.
