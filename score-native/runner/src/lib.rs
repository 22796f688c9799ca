//! The worker: loads one SCORE in a sandbox and serves calls.
