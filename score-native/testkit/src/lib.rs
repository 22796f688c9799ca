//! The test harness of a SCORE author.
